// How many of something pass in a second: old ones count less and less. Pure.

export class Speed {
  readonly #memoryMs: number;
  readonly #sinceMs: number;
  #count = 0;
  #atMs: number;

  /** What was `memoryMs` ago counts a third of what is now. */
  constructor(memoryMs: number, nowMs: number) {
    this.#memoryMs = memoryMs;
    this.#sinceMs = nowMs;
    this.#atMs = nowMs;
  }

  add(count: number, nowMs: number): void {
    this.#fade(nowMs);
    this.#count += count;
  }

  /** Right from the first on: what cannot be known yet of the time before is not taken for silence. */
  perS(nowMs: number): number {
    this.#fade(nowMs);
    const ageMs = Math.max(nowMs - this.#sinceMs, 50);
    return (this.#count * 1000) / (this.#memoryMs * -Math.expm1(-ageMs / this.#memoryMs));
  }

  #fade(nowMs: number): void {
    const passedMs = nowMs - this.#atMs;
    if (passedMs <= 0) return;
    this.#count *= Math.exp(-passedMs / this.#memoryMs);
    this.#atMs = nowMs;
  }
}
