// The release pointer a process goes by: offered ones are judged, kept on disk, then used. Where they come from and go to is the gossip's.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { textOf } from './cluster-file.ts';
import type { ReleaseNews } from './mesh-messages.ts';
import { sameBytes } from './packed.ts';
import {
  handoverFromJson,
  handoverJson,
  handoverToJson,
  isTrusted,
  type ReleaseHandover,
  takeHandover,
  trustedKey,
} from './release-handover.ts';
import {
  encodeSignedPointer,
  PointerError,
  type ReleasePointer,
  readPointer,
  readSignedPointer,
  type SignedPointer,
} from './release-pointer.ts';
import { judgePointer } from './release-pointer-judgement.ts';
import { writeWhole } from './whole-file.ts';
import type { WireLog } from './wire-meter.ts';

/** Refused pointers that are told from new ones. */
const loggedMost = 100;

/** The only channel a cluster has. */
export const releaseChannel = 'main';

export interface ReleaseKnown {
  signed: SignedPointer;
  pointer: ReleasePointer;
  /** The info dictionary of its torrent; null: it did not come along. */
  info: Uint8Array | null;
}

export interface ReleaseHeldOptions {
  /** The file it is kept in. */
  path: string;
  /** Of the cluster's manifest, as it is now. */
  releaseKey(): Uint8Array | null;
  log: WireLog;
}

export type ReleaseOffered =
  /** Others may lack it. */
  | { kind: 'taken' }
  | { kind: 'same' }
  /** Who offered it lacks ours. */
  | { kind: 'older' }
  | { kind: 'refused'; reason: string };

/** A pointer that is not gone by. */
export interface ReleaseRefused {
  /** For people. */
  reason: string;
  /** Who brought it. */
  from: string;
  /** Wall clock. */
  atMs: number;
}

const base64 = z.base64();
const written = z.object({
  pointer: base64.nullable(),
  handovers: z.array(handoverJson).max(100),
  info: base64.nullable(),
});

/** Reads what was kept. A file that is damaged is nobody's loss: the pointer is heard again. But its seq is: that is logged. */
export async function openReleaseHeld(options: ReleaseHeldOptions): Promise<ReleaseHeld> {
  const { path, log } = options;
  const text = await textOf(path);
  if (text === null) return new ReleaseHeld(options, { known: null, handovers: [] });
  try {
    const { pointer, handovers, info } = written.parse(JSON.parse(text));
    const known =
      pointer === null
        ? null
        : knownOf(readSignedPointer(Buffer.from(pointer, 'base64')), info === null ? null : ofBase64(info));
    return new ReleaseHeld(options, { known, handovers: handovers.map(handoverFromJson) });
  } catch (error) {
    log.error({ path, error: String(error) }, 'the release pointer that was kept is damaged: begun anew');
    return new ReleaseHeld(options, { known: null, handovers: [] });
  }
}

export class ReleaseHeld {
  readonly #options: ReleaseHeldOptions;
  readonly #listeners = new Set<(known: ReleaseKnown) => void>();
  #current: ReleaseKnown | null;
  #handovers: ReleaseHandover[];
  #refused: ReleaseRefused | null = null;
  /** Refusals that are in the log already, the oldest first. */
  readonly #logged = new Set<string>();
  #tail: Promise<unknown> = Promise.resolve();

  /** Use `openReleaseHeld`. */
  constructor(
    options: ReleaseHeldOptions,
    kept: { known: ReleaseKnown | null; handovers: ReleaseHandover[] },
  ) {
    this.#options = options;
    this.#current = kept.known;
    this.#handovers = kept.handovers;
  }

  /** The last one that was accepted. */
  get current(): ReleaseKnown | null {
    return this.#current;
  }

  /** The last one that was refused since one was accepted, by this process. */
  get refused(): ReleaseRefused | null {
    return this.#refused;
  }

  /** As it is passed on. */
  news(): ReleaseNews | null {
    const { current } = this;
    if (current === null) return null;
    const { signed, info } = current;
    return { pointer: encodeSignedPointer(signed), handovers: [...this.#handovers], info };
  }

  /** The key whose pointers are believed now; none while the cluster names none. */
  signers(): Uint8Array[] {
    const first = this.#options.releaseKey();
    return first === null ? [] : [trustedKey({ first, handovers: this.#handovers })];
  }

  /** The info dictionary of the present pointer, from the torrent itself: others need not ask the swarm for it. */
  async complete(info: Uint8Array): Promise<void> {
    const news = this.news();
    if (news !== null && news.info === null) await this.offer({ ...news, info }, 'this machine');
  }

  /** Called with each pointer that is accepted, and again when its info dictionary has come; it is on disk then. */
  onChanged(listener: (known: ReleaseKnown) => void): void {
    this.#listeners.add(listener);
  }

  /** Never rejects. One after the other, in the order of the offers. */
  offer(news: ReleaseNews, from: string): Promise<ReleaseOffered> {
    // It may lie in a frame with much else, and this is kept.
    const own: ReleaseNews = {
      pointer: Uint8Array.from(news.pointer),
      handovers: news.handovers.map(({ from: former, to, signature }) => ({
        from: Uint8Array.from(former),
        to: Uint8Array.from(to),
        signature: Uint8Array.from(signature),
      })),
      info: news.info === null ? null : Uint8Array.from(news.info),
    };
    const judged = this.#tail.then(() => this.#judge(own, from));
    this.#tail = judged;
    return judged;
  }

  /** Keeps in mind, for who looks, that one was refused: an older one, too, when somebody wanted it and it was not gossip. */
  refuse(reason: string, from: string): ReleaseOffered {
    this.#refused = { reason, from, atMs: Date.now() };
    return { kind: 'refused', reason };
  }

  async #judge(news: ReleaseNews, from: string): Promise<ReleaseOffered> {
    const { releaseKey, log } = this.#options;
    const first = releaseKey();
    if (first === null) return this.refuse(noKey, from);
    let signed: SignedPointer;
    try {
      signed = readSignedPointer(news.pointer);
    } catch (error) {
      if (!(error instanceof PointerError)) throw error;
      return this.refuse(error.message, from);
    }
    let handovers = this.#handovers;
    for (const handover of news.handovers) {
      const taken = takeHandover(handover, { first, handovers });
      if (taken.kind === 'taken') handovers = taken.handovers;
    }
    const last = this.#current?.signed ?? null;
    const judged = judgePointer(signed, {
      channel: releaseChannel,
      last,
      isTrusted: (key) => isTrusted(key, { first, handovers }),
      nowMs: Date.now(),
    });
    if (judged.kind === 'refused' && judged.code === 'old-seq') return { kind: 'older' };
    if (judged.kind === 'refused') {
      if (this.#isNewsThat(judged.code, news.pointer))
        log.warn({ from, code: judged.code, reason: judged.reason }, 'a release was refused');
      // That the last one has expired by now is no news to who looks.
      const isLast = judged.code === 'expired' && signed.seq === last?.seq;
      return isLast ? { kind: 'refused', reason: judged.reason } : this.refuse(judged.reason, from);
    }
    const known = { signed, pointer: judged.pointer, info: soundInfo(news, judged.pointer) };
    const isKnown = judged.kind === 'known' && (known.info === null || this.#current?.info !== null);
    return isKnown ? { kind: 'same' } : await this.#take(known, handovers);
  }

  /** False for one that was refused for the same reason before: the DHT is asked twice a minute, and has it still. */
  #isNewsThat(code: string, pointer: Uint8Array): boolean {
    const which = `${code} ${createHash('sha256').update(pointer).digest('hex')}`;
    if (this.#logged.has(which)) return false;
    this.#logged.add(which);
    for (const oldest of this.#logged) {
      if (this.#logged.size <= loggedMost) break;
      this.#logged.delete(oldest);
    }
    return true;
  }

  async #take(known: ReleaseKnown, handovers: ReleaseHandover[]): Promise<ReleaseOffered> {
    const { path, log } = this.#options;
    const file: z.infer<typeof written> = {
      pointer: toBase64(encodeSignedPointer(known.signed)),
      handovers: handovers.map(handoverToJson),
      info: known.info === null ? null : toBase64(known.info),
    };
    try {
      await writeWhole(path, `${JSON.stringify(file)}\n`);
    } catch (error) {
      log.error({ error: String(error) }, 'a release pointer cannot be kept, so it is not used');
      return { kind: 'refused', reason: 'it cannot be kept on disk' };
    }
    this.#current = known;
    this.#refused = null;
    this.#handovers = handovers;
    for (const listener of this.#listeners) listener(known);
    return { kind: 'taken' };
  }
}

const noKey =
  'this cluster trusts no release key yet: "murmuration release trust" names one, on the machine that keeps the cluster';

function knownOf(signed: SignedPointer, info: Uint8Array | null): ReleaseKnown {
  return { signed, pointer: readPointer(signed.value), info };
}

/** Null for an info dictionary that is another torrent's: it is had from peers then. */
function soundInfo({ info }: ReleaseNews, { infoHash }: ReleasePointer): Uint8Array | null {
  if (info === null) return null;
  return sameBytes(createHash('sha1').update(info).digest(), infoHash) ? info : null;
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function ofBase64(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'base64'));
}
