// Calls that wait for something to change about who serves what: bounded, each for its own time.
import type { LinkClock } from './link-clock.ts';

/** More are not taken. */
const waitingMost = 1000;

export class RoutingWaits {
  readonly #clock: LinkClock;
  #waiting: { untilMs: number; go(): void }[] = [];
  #isClosed = false;

  constructor(clock: LinkClock) {
    this.#clock = clock;
  }

  /** Resolves when it is woken or its time has come; false at once when there are too many already. */
  until(untilMs: number): Promise<boolean> {
    if (this.#isClosed || this.#waiting.length >= waitingMost) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#waiting.push({ untilMs, go: () => resolve(!this.#isClosed) });
    });
  }

  wake(): void {
    for (const { go } of this.#waiting.splice(0)) go();
  }

  /** Lets those go on whose time has come. Call it every so often. */
  look(): void {
    if (this.#waiting.length === 0) return;
    const nowMs = this.#clock.nowMs();
    const due = this.#waiting.filter(({ untilMs }) => untilMs <= nowMs);
    if (due.length === 0) return;
    this.#waiting = this.#waiting.filter(({ untilMs }) => untilMs > nowMs);
    for (const { go } of due) go();
  }

  /** Nobody waits any more. */
  close(): void {
    this.#isClosed = true;
    this.wake();
  }
}
