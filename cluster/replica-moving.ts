// How a core that is about to end gives away what it serves: a part after the other, each to those who come after it, while it serves the rest.
import type { Leases } from './replica-leases.ts';
import type { ReplicaClock } from './replica-ports.ts';
import { isQuorum, isReadQuorum, type Ring } from './ring.ts';

export interface MovingOptions {
  self: number;
  clock: ReplicaClock;
  ring: () => Ring;
  leases: Leases;
  /** What is served and takes new requests. */
  open(): number[];
  /** It is served here, perhaps without taking new requests. */
  isServing(partition: number): boolean;
  /** Who serves it, as far as others have said; null: nobody. */
  serverOf(partition: number): number | null;
  /** Takes no new requests about it, and gives it back when those that were begun are done. */
  finish(partitions: readonly number[]): void;
}

/** What is handed over is unserved for a moment: so many parts, or, where there is little, parts of so many partitions. */
const parts = 8;
const leastInPart = 8;
/** A part that nobody serves by then: the others have more to do than they can, and the rest waits for the successor, all of it once. */
export const slowMs = 1500;

/** How many of so many partitions are handed over at a time. */
export function partOf(partitions: number): number {
  return Math.max(leastInPart, Math.ceil(partitions / parts));
}

export class Moving {
  readonly #options: MovingOptions;
  #size: number | null = null;
  #part: number[] = [];
  #partMs = 0;
  #isDone = false;

  constructor(options: MovingOptions) {
    this.#options = options;
  }

  get hasBegun(): boolean {
    return this.#size !== null;
  }

  /** All has been given away that others can serve. */
  get isDone(): boolean {
    return this.#isDone;
  }

  begin(): void {
    if (this.#size !== null) return;
    const { length } = this.#movable();
    this.#size = partOf(length);
    this.#isDone = length === 0;
  }

  tick(): void {
    const { clock, isServing, serverOf, finish } = this.#options;
    if (this.#size === null || this.#isDone || this.#part.some((partition) => isServing(partition))) return;
    const nowMs = clock.monoMs();
    if (this.#part.length > 0 && nowMs - this.#partMs > slowMs) {
      this.#isDone = true;
      return;
    }
    if (this.#part.some((partition) => serverOf(partition) === null)) return;
    this.#part = this.#movable().slice(0, this.#size);
    this.#partMs = nowMs;
    if (this.#part.length === 0) this.#isDone = true;
    else finish(this.#part);
  }

  /** What goes on without this core. */
  #movable(): number[] {
    const { self, ring, leases, open } = this.#options;
    const isThere = (node: number): boolean => node !== self && leases.holds(node) && !leases.isAhead(node);
    return open().filter((partition) => {
      const placement = ring().placement(partition);
      return isQuorum(placement, isThere) && isReadQuorum(placement, isThere);
    });
  }
}
