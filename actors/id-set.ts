// A set of account ids in eight bytes each: sorted numbers, nothing for a garbage collector to walk.
import type { AccountId } from '../runtime/account-id.ts';

/** Not a Float64Array: with its buffer that costs 250 bytes before it holds anything, and most hold few. */
export class IdSet {
  readonly #ids: AccountId[];

  constructor(ids: Iterable<AccountId> = []) {
    // Not spread: that would give each number an object of its own. And an array that has grown keeps room for more: its copy does not.
    this.#ids = (Array.from(Float64Array.from(ids).sort()) as AccountId[]).slice();
  }

  /** Of what `packed` gave: copied. */
  static of(sorted: Float64Array): IdSet {
    return sorted.length === 0 ? noIds : new IdSet(sorted as Iterable<number> as Iterable<AccountId>);
  }

  /** Its numbers, sorted: a copy. */
  packed(): Float64Array {
    return Float64Array.from(this.#ids);
  }

  get size(): number {
    return this.#ids.length;
  }

  /** Where the id is, or where it belongs. */
  #place(id: AccountId): number {
    let low = 0;
    let high = this.#ids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ids[middle] ?? 0) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  has(id: AccountId): boolean {
    return this.#ids[this.#place(id)] === id;
  }

  /** With one more: the same set, or one of its own where it is what all share that are empty. */
  with(id: AccountId): IdSet {
    if (this === noIds) return new IdSet([id]);
    const place = this.#place(id);
    if (this.#ids[place] !== id) this.#ids.splice(place, 0, id);
    return this;
  }

  /** False: it was not there. */
  delete(id: AccountId): boolean {
    const place = this.#place(id);
    if (this.#ids[place] !== id) return false;
    this.#ids.splice(place, 1);
    return true;
  }

  [Symbol.iterator](): Iterator<AccountId> {
    return this.#ids[Symbol.iterator]();
  }
}

/** Shared by all that are empty: 100 bytes each otherwise, and most users have three. */
export const noIds = new IdSet();

export function idsOf(ids: readonly AccountId[]): IdSet {
  return ids.length === 0 ? noIds : new IdSet(ids);
}
