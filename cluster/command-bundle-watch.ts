// Waits for a torrent as the person at the command would: shows how far it is, gives up when nobody has it, and says plainly what went wrong.
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { bytesText, fetchedText, peersText, Speedometer, showLine } from './command-bundle-showing.ts';
import { CommandFault, errorCode } from './command-fault.ts';
import { showProgress } from './command-progress.ts';
import type { StopAsked } from './command-stop.ts';
import { type SwarmAddress, SwarmError, type Torrent } from './swarm-order.ts';

export interface Watch {
  stop: StopAsked;
  /** How long nobody may have it; 0: for ever. */
  waitMs: number;
  /** Whom the link names, for the complaint that none of them answers. */
  peers: readonly SwarmAddress[];
}

const lookMs = 250;
/** Peers that are connected may get what they lack. */
const patienceWithPeers = 5;

/** What `wanted` resolves with. Throws a `CommandFault` when the torrent fails, is stopped, or comes no further for too long. */
export async function watched<T>(torrent: Torrent, wanted: Promise<T>, watch: Watch): Promise<T> {
  const shown = new Shown();
  let giveUp = (_fault: unknown): void => {};
  const given = new Promise<never>((_, reject) => {
    giveUp = reject;
  });
  given.catch(() => {});
  const patience = new Patience(watch.waitMs);
  let isRoomSeen = false;
  const look = (): void => {
    const nowMs = performance.now();
    shown.update(torrent, nowMs);
    if (watch.stop.isAsked) giveUp(stopped(torrent));
    if (patience.isOver(torrent, nowMs)) giveUp(starved(torrent, watch.peers));
    if (isRoomSeen || torrent.stage !== 'fetching') return;
    isRoomSeen = true;
    checkRoom(torrent).catch(giveUp);
  };
  const timer = setInterval(look, lookMs);
  void watch.stop.whenAsked.then(look);
  try {
    return await Promise.race([wanted, given]);
  } catch (error) {
    throw error instanceof SwarmError ? swarmFault(error, torrent.folder) : error;
  } finally {
    clearInterval(timer);
    shown.update(torrent, performance.now());
    shown.end();
  }
}

/** Why a torrent ended, in a line. */
export function swarmFault(error: SwarmError, folder: string): CommandFault {
  const { cause } = error;
  switch (error.reason) {
    case 'disk':
      return new CommandFault(
        ['ENOSPC', 'EDQUOT'].includes(errorCode(cause))
          ? `The disk of ${folder} is full. Make room and run it again: it goes on where it was.`
          : `${folder} cannot be written or read: ${cause instanceof Error ? cause.message : error.message}.`,
        { cause: error },
      );
    case 'refused':
      return new CommandFault(
        `What the link names is not taken: ${cause instanceof Error ? cause.message : error.message}. Nothing was written.`,
        { cause: error },
      );
    case 'removed':
      return new CommandFault('It was ended.', { cause: error });
  }
}

class Shown {
  readonly #speed = new Speedometer();
  readonly #line = showLine();
  readonly #bar = showProgress('bytes');

  update(torrent: Torrent, nowMs: number): void {
    const { progress, stage } = torrent;
    const speed = this.#speed.read(progress.movedBytes, nowMs);
    if (stage === 'info') this.#line.update(`asking what is in it: ${peersText(progress.peers)}`);
    if (progress.totalBytes === 0) return;
    this.#bar.update({
      done: progress.haveBytes,
      total: progress.totalBytes,
      doing: stage === 'checking' ? 'looking at what is there' : 'fetching',
      said: fetchedText(progress, speed),
    });
  }

  end(): void {
    this.#line.end();
    this.#bar.end();
  }
}

class Patience {
  readonly #waitMs: number;
  #gained = -1;
  #gainedAtMs = 0;

  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  isOver({ progress, stage }: Torrent, nowMs: number): boolean {
    const { haveBytes, movedBytes, wastedBytes, totalBytes } = progress;
    const gained = haveBytes + movedBytes - wastedBytes + (totalBytes === 0 ? 0 : 1);
    const isBusy = stage !== 'info' && stage !== 'fetching';
    if (gained !== this.#gained || isBusy) {
      this.#gained = gained;
      this.#gainedAtMs = nowMs;
    }
    if (this.#waitMs === 0) return false;
    return nowMs - this.#gainedAtMs > this.#waitMs * (progress.peers === 0 ? 1 : patienceWithPeers);
  }
}

function stopped({ progress }: Torrent): CommandFault {
  const { haveBytes, totalBytes } = progress;
  const share = totalBytes === 0 ? 'Nothing' : `${bytesText(haveBytes)} of ${bytesText(totalBytes)}`;
  return new CommandFault(`Stopped. ${share} is there; run it again and it goes on.`);
}

function starved({ progress, stage }: Torrent, peers: readonly SwarmAddress[]): CommandFault {
  const { haveBytes, totalBytes } = progress;
  const named = peers.map(({ host, port }) => `${host}:${port}`).join(', ');
  const asked = named === '' ? 'the link names no address' : `the link names ${named}`;
  if (stage === 'info')
    return new CommandFault(
      `Nobody who has it was found (${asked}). Is it still shared, and can it be reached from here over TCP and UDP?`,
    );
  return new CommandFault(
    `Nobody who has the rest was found (${asked}): ${bytesText(haveBytes)} of ${bytesText(totalBytes)} is there. Run it again and it goes on.`,
  );
}

/** Rejects with a `CommandFault` when what is to come does not fit. */
async function checkRoom({ folder, progress }: Torrent): Promise<void> {
  const { bavail, bsize } = await statfs(folder).catch(() => statfs(dirname(folder)));
  const { totalBytes, haveBytes } = progress;
  const freeBytes = bavail * bsize;
  if (freeBytes >= totalBytes - haveBytes) return;
  throw new CommandFault(
    `${bytesText(totalBytes - haveBytes)} are to come, and the disk of ${folder} has ${bytesText(freeBytes)} free. Make room and run it again.`,
  );
}
