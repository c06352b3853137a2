// A cap on bytes a second: a bucket of tokens that fills with time. Pure.
import { blockBytes } from './torrent-bounds.ts';

/** So much may go at once after a rest. */
const burstMs = 250;
const burstLeastBytes = 2 * blockBytes;

export class Rate {
  #bytesPerS: number | null;
  #tokens: number;
  #atMs: number;

  /** Null: no cap. */
  constructor(bytesPerS: number | null, nowMs: number) {
    this.#bytesPerS = bytesPerS;
    this.#tokens = this.#most;
    this.#atMs = nowMs;
  }

  get #most(): number {
    return Math.max(((this.#bytesPerS ?? 0) * burstMs) / 1000, burstLeastBytes);
  }

  set(bytesPerS: number | null, nowMs: number): void {
    this.#fill(nowMs);
    this.#bytesPerS = bytesPerS;
    this.#tokens = Math.min(this.#tokens, this.#most);
  }

  /** Of at most a block. True: they may pass, and are counted. */
  take(bytes: number, nowMs: number): boolean {
    if (this.#bytesPerS === null) return true;
    this.#fill(nowMs);
    if (this.#tokens < bytes) return false;
    this.#tokens -= bytes;
    return true;
  }

  /** What was taken and did not pass. */
  giveBack(bytes: number): void {
    if (this.#bytesPerS !== null) this.#tokens = Math.min(this.#tokens + bytes, this.#most);
  }

  /** How many blocks may pass now, `most` at most. */
  blocks(most: number, nowMs: number): number {
    if (this.#bytesPerS === null) return most;
    this.#fill(nowMs);
    return Math.min(most, Math.floor(this.#tokens / blockBytes));
  }

  /** Until a whole block may pass; infinite when the cap is zero. */
  waitMs(nowMs: number): number {
    if (this.#bytesPerS === null) return 0;
    this.#fill(nowMs);
    const lackingBytes = blockBytes - this.#tokens;
    return lackingBytes <= 0 ? 0 : Math.ceil((lackingBytes * 1000) / this.#bytesPerS);
  }

  #fill(nowMs: number): void {
    const passedMs = nowMs - this.#atMs;
    if (passedMs <= 0) return;
    this.#atMs = nowMs;
    this.#tokens = Math.min(this.#tokens + ((this.#bytesPerS ?? 0) * passedMs) / 1000, this.#most);
  }
}
