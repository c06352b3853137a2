// A set of account ids in eight bytes each: sorted numbers, nothing for a garbage collector to walk.
import type { AccountId } from '../runtime/account-id.ts';

/** Shared by all that are empty: 200 bytes each otherwise. */
const none = new Float64Array(0);

export class IdSet {
  #ids: Float64Array;
  #size: number;

  constructor(ids: Iterable<AccountId> = []) {
    const sorted = Float64Array.from(ids).sort();
    this.#ids = sorted.length === 0 ? none : sorted;
    this.#size = sorted.length;
  }

  /** Of what `packed` gave. Shares it until something is added. */
  static of(sorted: Float64Array): IdSet {
    const set = new IdSet();
    set.#ids = sorted.length === 0 ? none : sorted;
    set.#size = sorted.length;
    return set;
  }

  /** Its numbers, sorted; a part of the set. */
  packed(): Float64Array {
    return this.#ids.subarray(0, this.#size);
  }

  get size(): number {
    return this.#size;
  }

  /** Where the id is, or where it belongs. */
  #place(id: AccountId): number {
    let low = 0;
    let high = this.#size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ids[middle] ?? 0) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  has(id: AccountId): boolean {
    const place = this.#place(id);
    return place < this.#size && this.#ids[place] === id;
  }

  add(id: AccountId): void {
    const place = this.#place(id);
    if (place < this.#size && this.#ids[place] === id) return;
    if (this.#size === this.#ids.length) {
      const grown = new Float64Array(Math.max(4, Math.ceil(this.#size * 1.5)));
      grown.set(this.#ids);
      this.#ids = grown;
    }
    this.#ids.copyWithin(place + 1, place, this.#size);
    this.#ids[place] = id;
    this.#size++;
  }

  delete(id: AccountId): boolean {
    const place = this.#place(id);
    if (place >= this.#size || this.#ids[place] !== id) return false;
    this.#ids.copyWithin(place, place + 1, this.#size);
    this.#size--;
    return true;
  }

  *[Symbol.iterator](): Iterator<AccountId> {
    for (let index = 0; index < this.#size; index++) yield (this.#ids[index] ?? 0) as AccountId;
  }
}
