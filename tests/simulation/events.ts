// Virtual time: what is due, in order; what is due at the same moment in the order in which it was planned.

interface Planned {
  atMs: number;
  order: number;
  act: () => void;
}

export class Events {
  nowMs = 0;
  #heap: Planned[] = [];
  #order = 0;

  /** Times in the past are now. */
  after(ms: number, act: () => void): void {
    const planned = { atMs: this.nowMs + Math.max(0, ms), order: this.#order++, act };
    const heap = this.#heap;
    let at = heap.push(planned) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, planned)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = planned;
  }

  /** Does what is due next; false when nothing is due up to `untilMs`, and then it is that time. */
  step(untilMs: number): boolean {
    const next = this.#heap[0];
    if (next === undefined || next.atMs > untilMs) {
      this.nowMs = Math.max(this.nowMs, untilMs);
      return false;
    }
    this.#pop();
    this.nowMs = next.atMs;
    next.act();
    return true;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      let child = heap[left];
      let place = left;
      const other = heap[right];
      if (child !== undefined && other !== undefined && isBefore(other, child)) {
        child = other;
        place = right;
      }
      if (child === undefined || isBefore(last, child)) break;
      heap[at] = child;
      at = place;
    }
    heap[at] = last;
  }
}

function isBefore(one: Planned, other: Planned): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
