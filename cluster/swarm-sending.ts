// Sends what peers asked for: all peers of all torrents in turn, a block each, under one cap.
import type { LinkClock } from './link-clock.ts';
import type { SwarmPeer } from './swarm-peer.ts';
import type { Rate } from './swarm-rate.ts';
import type { Upload } from './swarm-uploads.ts';

export interface Source {
  /** Null: it is not there any more. */
  read(upload: Upload): Buffer | Promise<Buffer | null>;
  failed(error: unknown): void;
}

/** With a cap of zero: how soon it is looked at again. */
const idleMs = 1000;

export class SwarmSending {
  readonly #rate: Rate;
  readonly #clock: LinkClock;
  readonly #turns = new Map<SwarmPeer, Source>();
  #stopWaiting: (() => void) | null = null;
  #isPumping = false;

  constructor({ rate, clock }: { rate: Rate; clock: LinkClock }) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** The peer has asked for something and can take it. */
  ready(peer: SwarmPeer, source: Source): void {
    this.#turns.set(peer, source);
    if (!this.#isPumping && this.#stopWaiting === null) this.#pump();
  }

  /** The cap is another. */
  wake(): void {
    this.#stopWaiting?.();
    this.#stopWaiting = null;
    this.#pump();
  }

  close(): void {
    this.#stopWaiting?.();
    this.#stopWaiting = () => {};
    this.#turns.clear();
  }

  #pump(): void {
    this.#isPumping = true;
    for (let turn = first(this.#turns); turn !== null; turn = first(this.#turns)) {
      const [peer, source] = turn;
      this.#turns.delete(peer);
      const upload = peer.isReady ? peer.uploads.next : undefined;
      if (upload === undefined) continue;
      const nowMs = this.#clock.nowMs();
      if (!this.#rate.take(upload.length, nowMs)) {
        this.#turns.set(peer, source);
        this.#wait(nowMs);
        break;
      }
      peer.uploads.take();
      this.#send(peer, source, upload);
    }
    this.#isPumping = false;
  }

  #send(peer: SwarmPeer, source: Source, upload: Upload): void {
    const bytes = source.read(upload);
    if (Buffer.isBuffer(bytes)) {
      peer.send(upload, bytes);
      if (peer.isReady) this.#turns.set(peer, source);
      return;
    }
    peer.isReading = true;
    bytes
      .then((read) => {
        if (read === null) throw new Error('a file is shorter than it was');
        peer.send(upload, read);
      })
      .catch((error) => source.failed(error))
      .finally(() => {
        peer.isReading = false;
        if (peer.isReady) this.ready(peer, source);
      });
  }

  #wait(nowMs: number): void {
    const waitMs = Math.min(this.#rate.waitMs(nowMs), idleMs);
    this.#stopWaiting = this.#clock.after(Math.max(1, waitMs), () => {
      this.#stopWaiting = null;
      this.#pump();
    });
  }
}

function first<K, V>(map: ReadonlyMap<K, V>): [K, V] | null {
  for (const entry of map) return entry;
  return null;
}
