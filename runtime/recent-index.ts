// The newest status ids of authors, in memory: what home timelines are read from. The rest of an author's statuses is on the disk.
import { LRUCache } from 'lru-cache';
import type { AccountId } from './account-id.ts';
import type { Recent } from './behaviours.ts';
import { RecentLately } from './recent-lately.ts';
import { makeStatusId, type StatusId, statusAuthor } from './status-id.ts';
import { restOfStatus, restOfStatusBelow, statusRestLength as stride } from './status-rest.ts';

export interface RecentIndexOptions {
  /** An author's listed statuses on the disk, newest first, below the rest `below` (null: from the newest). */
  read(author: AccountId, below: string | null, most: number): Vector;
  /** Most ids kept in memory over all authors. The authors asked for least recently go first. */
  mostIds: number;
  /** All statuses made at this time or later are yet to come, and will be added; absent: what comes is not. */
  newFromMs?(): number;
}

/** Rests of status ids, newest first, one after the other. */
export type Vector = string;

/** Ids read of an author at first: enough for most timelines. */
export const firstLength = 24;
/** Ids kept of an author. */
export const vectorLength = 64;
/** What an author costs even without statuses, counted in ids. */
const vectorOverhead = 8;

interface AuthorRecent {
  vector: Vector;
  /** Older ones are on the disk only. */
  cut: boolean;
}

export class RecentIndex {
  hits = 0;
  misses = 0;
  readonly #read: RecentIndexOptions['read'];
  readonly #authors: LRUCache<AccountId, AuthorRecent>;
  readonly #lately: RecentLately;
  readonly #newFromMs: () => number;

  constructor({ read, mostIds, newFromMs = () => Number.POSITIVE_INFINITY }: RecentIndexOptions) {
    this.#read = read;
    this.#newFromMs = newFromMs;
    this.#lately = new RecentLately(newFromMs());
    this.#authors = new LRUCache({
      maxSize: mostIds,
      sizeCalculation: ({ vector }) => vectorOverhead + vector.length / stride,
    });
  }

  /** Takes in a status that followers may see. Doing it twice does no harm. */
  add(id: StatusId): void {
    this.#lately.add(id);
    const author = statusAuthor(id);
    const known = this.#authors.peek(author);
    if (known === undefined) return;
    const rest = restOfStatus(id);
    const at = placeOf(known.vector, rest);
    if (known.vector.startsWith(rest, at)) return;
    if (at === known.vector.length && known.cut) return;
    const vector = known.vector.slice(0, at) + rest + known.vector.slice(at);
    const cut = known.cut || vector.length > vectorLength * stride;
    this.#authors.set(author, { vector: vector.slice(0, vectorLength * stride), cut });
  }

  /** Forgets a status that is gone. */
  remove(id: StatusId): void {
    this.#lately.remove(id);
    const author = statusAuthor(id);
    const known = this.#authors.peek(author);
    if (known === undefined) return;
    const rest = restOfStatus(id);
    const at = placeOf(known.vector, rest);
    if (!known.vector.startsWith(rest, at) || at === known.vector.length) return;
    const vector = known.vector.slice(0, at) + known.vector.slice(at + stride);
    // A vector that shrinks to little while more is on the disk is read anew when it is needed.
    if (known.cut && vector.length < (firstLength * stride) / 2) this.#authors.delete(author);
    else this.#authors.set(author, { vector, cut: known.cut });
  }

  /** The newest statuses of one author below `below`, newest first. */
  newestOfOne(author: AccountId, below: StatusId | null, most: number): StatusId[] {
    const { vector, cut } = this.#recentOf(author);
    const bound = below === null ? null : restOfStatusBelow(below, author);
    const from = bound === null ? 0 : firstBelow(vector, bound);
    let found = vector.slice(from, from + most * stride);
    const missing = most - found.length / stride;
    if (missing > 0 && cut) found += this.#read(author, found === '' ? bound : found.slice(-stride), missing);
    const ids: StatusId[] = [];
    for (let at = 0; at < found.length; at += stride) ids.push(idAt(found, at, author));
    return ids;
  }

  /** The newest statuses over many authors, newest first. */
  newestOf(recent: Recent): StatusId[] {
    const lately = this.#lately.newestOf(recent);
    if (lately !== null) return lately;
    const { authors, sinceMs } = recent;
    const { most } = recent;
    const heap: Cursor[] = [];
    for (const author of authors) {
      const { vector, cut } = this.#recentOf(author);
      const cursor: Cursor = { author, vector, cut, at: 0, ms: msAt(vector, 0) };
      if (vector.length > 0 && cursor.ms >= sinceMs) heap.push(cursor);
    }
    for (let at = (heap.length >> 1) - 1; at >= 0; at--) sink(heap, at);
    const ids: StatusId[] = [];
    while (most > 0) {
      const top = heap[0];
      if (top === undefined) break;
      ids.push(idAt(top.vector, top.at, top.author));
      if (ids.length === most) break;
      if (!this.#advance(top, sinceMs)) {
        const last = heap.pop();
        if (last === undefined || heap.length === 0) break;
        heap[0] = last;
      }
      sink(heap, 0);
    }
    return ids;
  }

  /** What is on the disk for an author counts otherwise from now on. */
  clear(): void {
    this.#authors.clear();
    this.#lately.clear(this.#newFromMs());
  }

  get authors(): number {
    return this.#authors.size;
  }

  /** Moves to the author's next older status; false when there is none. */
  #advance(cursor: Cursor, sinceMs: number): boolean {
    cursor.at += stride;
    if (cursor.at >= cursor.vector.length && !this.#readOn(cursor)) return false;
    cursor.ms = msAt(cursor.vector, cursor.at);
    return cursor.ms >= sinceMs;
  }

  /** Reads what is older than the cursor's vector. The beginning of it is kept. */
  #readOn(cursor: Cursor): boolean {
    if (!cursor.cut) return false;
    const { author, vector } = cursor;
    const older = this.#read(author, vector.slice(-stride), vectorLength);
    cursor.cut = older.length === vectorLength * stride;
    const known = this.#authors.peek(author);
    if (known?.vector === vector && vector.length < vectorLength * stride) {
      const longer = vector + older;
      const cut = cursor.cut || longer.length > vectorLength * stride;
      this.#authors.set(author, { vector: longer.slice(0, vectorLength * stride), cut });
    }
    cursor.vector = older;
    cursor.at = 0;
    return older.length > 0;
  }

  #recentOf(author: AccountId): AuthorRecent {
    const known = this.#authors.get(author);
    if (known !== undefined) {
      this.hits++;
      return known;
    }
    this.misses++;
    const vector = this.#read(author, null, firstLength);
    const read = { vector, cut: vector.length === firstLength * stride };
    this.#authors.set(author, read);
    return read;
  }
}

/** Where the merge stands with one author. */
interface Cursor {
  author: AccountId;
  vector: Vector;
  cut: boolean;
  at: number;
  ms: number;
}

/** Restores the heap (newest on top) below `at`. */
function sink(heap: Cursor[], at: number): void {
  const moving = heap[at];
  if (moving === undefined) return;
  let place = at;
  for (;;) {
    let child = 2 * place + 1;
    let best = heap[child];
    if (best === undefined) break;
    const right = heap[child + 1];
    if (right !== undefined && isNewer(right, best)) {
      child++;
      best = right;
    }
    if (!isNewer(best, moving)) break;
    heap[place] = best;
    place = child;
  }
  heap[place] = moving;
}

/** In the order of status ids: time, then author. Within an author a cursor only moves downwards. */
function isNewer(one: Cursor, other: Cursor): boolean {
  return one.ms === other.ms ? one.author > other.author : one.ms > other.ms;
}

function msAt(vector: Vector, at: number): number {
  return (
    vector.charCodeAt(at) * 0x10000000000 +
    vector.charCodeAt(at + 1) * 0x100000000 +
    vector.charCodeAt(at + 2) * 0x1000000 +
    ((vector.charCodeAt(at + 3) << 16) | (vector.charCodeAt(at + 4) << 8) | vector.charCodeAt(at + 5))
  );
}

function idAt(vector: Vector, at: number, author: AccountId): StatusId {
  return makeStatusId(msAt(vector, at), author, (vector.charCodeAt(at + 6) << 8) | vector.charCodeAt(at + 7));
}

/** Where the first rest stands that is not above `rest`: its own place, or where it belongs. */
function placeOf(vector: Vector, rest: string): number {
  let low = 0;
  let high = vector.length / stride;
  while (low < high) {
    const middle = (low + high) >> 1;
    const start = middle * stride;
    if (vector.slice(start, start + stride) > rest) low = middle + 1;
    else high = middle;
  }
  return low * stride;
}

function firstBelow(vector: Vector, bound: string): number {
  const at = placeOf(vector, bound);
  return vector.startsWith(bound, at) ? at + stride : at;
}
