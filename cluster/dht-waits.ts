// Waits for answers of the DHT's library: bounded, and ended when it is closed, because it forgets then who waits.
import type { LinkClock } from './link-clock.ts';

const longestMs = 10_000;

export class DhtWaits {
  readonly #clock: LinkClock;
  readonly #open = new Set<() => void>();
  #isClosed = false;

  constructor(clock: LinkClock) {
    this.#clock = clock;
  }

  /** What `start` settles with, or `otherwise` when that takes too long or all is closed meanwhile. */
  for<T>(otherwise: T, start: (settle: (value: T) => void) => void): Promise<T> {
    if (this.#isClosed) return Promise.resolve(otherwise);
    return new Promise((resolve) => {
      const settle = (value: T): void => {
        cancel();
        this.#open.delete(giveUp);
        resolve(value);
      };
      const giveUp = (): void => settle(otherwise);
      const cancel = this.#clock.after(longestMs, giveUp);
      this.#open.add(giveUp);
      start(settle);
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const giveUp of [...this.#open]) giveUp();
  }
}
