// The statuses of all authors together that were made in the last minutes: whoever was away for a moment has missed some of these, and nothing else.
import type { AccountId } from './account-id.ts';
import type { Recent } from './behaviours.ts';
import { type StatusId, statusAuthor, statusMs } from './status-id.ts';

/** So many are kept, and some more: they are dropped some at a time. */
const mostKept = 65_536;
const droppedAtOnce = 4096;
/** More are not walked: to look at each author costs less. */
const mostWalked = 4096;

export class RecentLately {
  /** In their order. */
  #ids: StatusId[] = [];
  #fromMs: number;

  /** All that are made at `fromMs` or later will be added. */
  constructor(fromMs: number) {
    this.#fromMs = fromMs;
  }

  /** Twice does no harm. */
  add(id: StatusId): void {
    if (statusMs(id) < this.#fromMs) return;
    const place = this.#placeOf(id);
    if (this.#ids[place] === id) return;
    this.#ids.splice(place, 0, id);
    if (this.#ids.length < mostKept + droppedAtOnce) return;
    const last = this.#ids.splice(0, droppedAtOnce).at(-1);
    // Of that millisecond some may be left.
    if (last !== undefined) this.#fromMs = statusMs(last) + 1;
  }

  remove(id: StatusId): void {
    const place = this.#placeOf(id);
    if (this.#ids[place] === id) this.#ids.splice(place, 1);
  }

  /** From then on they are added again: what there is has changed. */
  clear(fromMs: number): void {
    this.#ids = [];
    this.#fromMs = fromMs;
  }

  /** Newest first. Null: so far back not all of them are here, or there are too many. */
  newestOf({ authors, sinceMs, most }: Recent): StatusId[] | null {
    if (sinceMs < this.#fromMs) return null;
    const ids = this.#ids;
    const beyond = ids[ids.length - mostWalked - 1];
    if (beyond !== undefined && statusMs(beyond) >= sinceMs) return null;
    const wanted = new Set<AccountId>(authors);
    const found: StatusId[] = [];
    for (let place = ids.length - 1; place >= 0 && found.length < most; place--) {
      const id = ids[place];
      if (id === undefined || statusMs(id) < sinceMs) break;
      if (wanted.has(statusAuthor(id))) found.push(id);
    }
    return found;
  }

  /** Where it is, or belongs: mostly at the end. */
  #placeOf(id: StatusId): number {
    let low = 0;
    let high = this.#ids.length;
    const last = this.#ids[high - 1];
    if (last === undefined || last < id) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ids[middle] ?? '') < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
