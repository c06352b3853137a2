// How much a gateway has been pushed and has not said to have written. Node and the kernel take megabytes off one's hands without a word, and so does
// a gateway: what waits there is in front of everything else, the answers to those who post among it.

/** Of what is pushed, as it is reckoned before it is packed: some 30 posts, each to a hundred sessions. */
const portionBytes = 64 * 1024;
/** So many that frames for one socket share writes: a gateway waits up to 150 ms for that. What goes to another machine is on its way, too. */
const portionsAhead = { own: 16, remote: 64 };
/** The first protocol of links that knows them. */
const firstProtocol = 3;

export class Portions {
  readonly #most: number;
  #bytes = 0;
  #lastId = 0;
  #lastWritten = 0;
  /** Since when all of them are written. */
  #idleFromMs: number;

  /** `protocol`: of the link. A peer that does not know portions is never asked about any. */
  constructor({ isOwn, protocol, nowMs }: { isOwn: boolean; protocol: number; nowMs: number }) {
    this.#idleFromMs = nowMs;
    const most = isOwn ? portionsAhead.own : portionsAhead.remote;
    this.#most = protocol < firstProtocol ? 0 : most;
  }

  /** A number when a portion is full: the peer is to be asked to say when everything up to here is written. */
  pushed(bytes: number): number | null {
    this.#bytes += bytes;
    if (this.#most === 0 || this.#bytes < portionBytes) return null;
    this.#bytes = 0;
    return ++this.#lastId;
  }

  written(id: number, nowMs: number): void {
    this.#lastWritten = Math.min(this.#lastId, Math.max(this.#lastWritten, id));
    if (this.#lastWritten === this.#lastId) this.#idleFromMs = nowMs;
  }

  /** For how long everything has been written; 0: it is not. */
  idleMs(nowMs: number): number {
    return this.#lastWritten === this.#lastId ? nowMs - this.#idleFromMs : 0;
  }

  /** More would only wait in front of others. */
  get isBehind(): boolean {
    return this.#most > 0 && this.#lastId - this.#lastWritten >= this.#most;
  }
}
