// The newest status ids of authors, in memory: what home timelines are read from. The rest of an author's statuses is on the disk.
import { LRUCache } from 'lru-cache';
import type { AccountId } from './account-id.ts';
import type { Recent } from './behaviours.ts';
import { makeStatusId, type StatusId, statusAuthor } from './status-id.ts';

export interface RecentIndexOptions {
  /** An author's listed statuses on the disk, newest first, below `below` (null: from the newest). */
  read(author: AccountId, below: StatusId | null, most: number): StatusId[];
  /** Most ids kept in memory over all authors. The authors asked for least recently go first. */
  mostIds: number;
}

/** Ids kept of one author. */
export const vectorLength = 64;
/** An id without its author: ms (6) and salt (2), as latin1 characters. Newest first, one after the other. */
type Vector = string;
const stride = 8;
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

  constructor({ read, mostIds }: RecentIndexOptions) {
    this.#read = read;
    this.#authors = new LRUCache({
      maxSize: mostIds,
      sizeCalculation: ({ vector }) => vectorOverhead + vector.length / stride,
    });
  }

  /** Takes in a status that followers may see. Doing it twice does no harm. */
  add(id: StatusId): void {
    const author = statusAuthor(id);
    const known = this.#authors.peek(author);
    if (known === undefined) return;
    const rest = restOf(id);
    const at = placeOf(known.vector, rest);
    if (known.vector.startsWith(rest, at)) return;
    if (at === known.vector.length && known.cut) return;
    const vector = known.vector.slice(0, at) + rest + known.vector.slice(at);
    const cut = known.cut || vector.length > vectorLength * stride;
    this.#authors.set(author, { vector: vector.slice(0, vectorLength * stride), cut });
  }

  /** Forgets a status that is gone. */
  remove(id: StatusId): void {
    const author = statusAuthor(id);
    const known = this.#authors.peek(author);
    if (known === undefined) return;
    const rest = restOf(id);
    const at = placeOf(known.vector, rest);
    if (!known.vector.startsWith(rest, at) || at === known.vector.length) return;
    const vector = known.vector.slice(0, at) + known.vector.slice(at + stride);
    // A vector that shrinks to little while more is on the disk is read anew when it is needed.
    if (known.cut && vector.length < (vectorLength * stride) / 2) this.#authors.delete(author);
    else this.#authors.set(author, { vector, cut: known.cut });
  }

  /** The newest statuses of one author below `below`, newest first. */
  newestOfOne(author: AccountId, below: StatusId | null, most: number): StatusId[] {
    const { vector, cut } = this.#recentOf(author);
    const from = below === null ? 0 : firstBelow(vector, author, below);
    const ids: StatusId[] = [];
    for (let at = from; at < vector.length && ids.length < most; at += stride)
      ids.push(idAt(vector, at, author));
    if (ids.length < most && cut) ids.push(...this.#read(author, ids.at(-1) ?? below, most - ids.length));
    return ids;
  }

  /** The newest statuses over many authors, newest first. */
  newestOf({ authors, sinceMs, most }: Recent): StatusId[] {
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

  get authors(): number {
    return this.#authors.size;
  }

  /** Moves to the author's next older status; false when there is none. */
  #advance(cursor: Cursor, sinceMs: number): boolean {
    cursor.at += stride;
    if (cursor.at >= cursor.vector.length) {
      if (!cursor.cut || cursor.vector.length === 0) return false;
      const last = idAt(cursor.vector, cursor.vector.length - stride, cursor.author);
      const older = this.#read(cursor.author, last, vectorLength);
      cursor.vector = older.map(restOf).join('');
      cursor.cut = older.length === vectorLength;
      cursor.at = 0;
      if (older.length === 0) return false;
    }
    cursor.ms = msAt(cursor.vector, cursor.at);
    return cursor.ms >= sinceMs;
  }

  #recentOf(author: AccountId): AuthorRecent {
    const known = this.#authors.get(author);
    if (known !== undefined) {
      this.hits++;
      return known;
    }
    this.misses++;
    const ids = this.#read(author, null, vectorLength);
    const read = { vector: ids.map(restOf).join(''), cut: ids.length === vectorLength };
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

function restOf(id: StatusId): string {
  return id.slice(0, 6) + String.fromCharCode(id.charCodeAt(12) & 15, id.charCodeAt(13));
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

/** Where the first id stands that is not above `rest`: its own place, or where it belongs. */
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

/** Where the first id stands that is below `below`, which may be any author's. */
function firstBelow(vector: Vector, author: AccountId, below: StatusId): number {
  const at = placeOf(vector, restOf(below));
  for (let place = Math.max(0, at - stride); place < vector.length; place += stride) {
    if (idAt(vector, place, author) < below) return place;
  }
  return vector.length;
}
