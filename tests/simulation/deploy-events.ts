// What will happen in a simulated deploy, by time. Times a fiftieth of a millisecond apart may change places: no order in the swarm hangs on less.

interface Event {
  atMs: number;
  act(nowMs: number): void;
}

export class DeployEvents {
  readonly #widthMs: number;
  readonly #buckets: (Event[] | undefined)[] = [];
  #at = 0;
  #waiting = 0;
  nowMs = 0;

  constructor(widthMs = 0.02) {
    this.#widthMs = widthMs;
  }

  after(delayMs: number, act: (nowMs: number) => void): void {
    this.at(this.nowMs + delayMs, act);
  }

  at(atMs: number, act: (nowMs: number) => void): void {
    const place = Math.max(this.#at, Math.floor(atMs / this.#widthMs));
    const bucket = this.#buckets[place];
    const event = { atMs: Math.max(atMs, this.nowMs), act };
    if (bucket === undefined) this.#buckets[place] = [event];
    else bucket.push(event);
    this.#waiting++;
  }

  /** Until nothing is left to happen, or `isOver`. */
  run(isOver: () => boolean): void {
    for (; this.#waiting > 0; this.#at++) {
      const bucket = this.#buckets[this.#at];
      if (bucket === undefined) continue;
      // It may grow while it is gone through.
      for (let place = 0; place < bucket.length; place++) {
        const event = bucket[place];
        if (event === undefined || isOver()) return;
        this.#waiting--;
        this.nowMs = Math.max(this.nowMs, event.atMs);
        event.act(this.nowMs);
      }
      this.#buckets[this.#at] = undefined;
    }
  }
}
