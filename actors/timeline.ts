// A home timeline: at most 800 status ids, newest first to its readers, sixteen bytes each in memory.
import type { AccountId } from '../runtime/account-id.ts';
import { makeStatusId, type StatusId, statusAuthor, statusMs, statusSalt } from '../runtime/status-id.ts';

export const timelineLength = 800;

/** 2020-01-01: with times counted from here, 41 bits of ms are enough until 2089. */
const epochMs = 1_577_836_800_000;
const low40 = 2 ** 40;

export interface Page {
  maxId: StatusId | null;
  sinceId: StatusId | null;
  minId: StatusId | null;
  limit: number;
}

/** Shared by all that are empty. */
const none = new Float64Array(0);

/** Each id as two exact doubles, ms with the author's upper 12 bits and the rest of the author with the salt: they order as ids do. */
export class Timeline {
  #pairs: Float64Array = none;
  #length = 0;
  #most: number;

  constructor(most: number = timelineLength) {
    this.#most = most;
  }

  /** Of what `packed` gave. Shares it until it grows. */
  static of(pairs: Float64Array): Timeline {
    const timeline = new Timeline();
    timeline.#pairs = pairs.length === 0 ? none : pairs;
    timeline.#length = pairs.length / 2;
    return timeline;
  }

  /** Two numbers an id, lowest first; a part of the timeline. */
  packed(): Float64Array {
    return this.#pairs.subarray(0, this.#length * 2);
  }

  get length(): number {
    return this.#length;
  }

  /** The first place whose entry is not below the given one. */
  #place(upper: number, lower: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = this.#pairs[middle * 2] ?? 0;
      if (at < upper || (at === upper && (this.#pairs[middle * 2 + 1] ?? 0) < lower)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #placeOf(id: StatusId): number {
    return this.#place(upperOf(id), lowerOf(id));
  }

  #holds(place: number, upper: number, lower: number): boolean {
    return place < this.#length && this.#pairs[place * 2] === upper && this.#pairs[place * 2 + 1] === lower;
  }

  /** False when it was there already, or is older than all of a full timeline. */
  insert(id: StatusId): boolean {
    const upper = upperOf(id);
    const lower = lowerOf(id);
    let place = this.#place(upper, lower);
    if (this.#holds(place, upper, lower)) return false;
    if (this.#length === this.#most) {
      if (place === 0) return false;
      this.#pairs.copyWithin(0, 2, place * 2);
      place--;
    } else {
      if (this.#length * 2 === this.#pairs.length) this.#grow();
      this.#pairs.copyWithin((place + 1) * 2, place * 2, this.#length * 2);
      this.#length++;
    }
    this.#pairs[place * 2] = upper;
    this.#pairs[place * 2 + 1] = lower;
    return true;
  }

  #grow(): void {
    const places = Math.min(this.#most, Math.max(16, this.#length * 2));
    const grown = new Float64Array(places * 2);
    grown.set(this.#pairs);
    this.#pairs = grown;
  }

  remove(id: StatusId): boolean {
    const upper = upperOf(id);
    const lower = lowerOf(id);
    const place = this.#place(upper, lower);
    if (!this.#holds(place, upper, lower)) return false;
    this.#pairs.copyWithin(place * 2, (place + 1) * 2, this.#length * 2);
    this.#length--;
    return true;
  }

  /** Takes out all that an author wrote or boosted. */
  removeAuthor(author: AccountId): void {
    let kept = 0;
    for (let place = 0; place < this.#length; place++) {
      if (this.#authorAt(place) === author) continue;
      this.#pairs[kept * 2] = this.#pairs[place * 2] ?? 0;
      this.#pairs[kept * 2 + 1] = this.#pairs[place * 2 + 1] ?? 0;
      kept++;
    }
    this.#length = kept;
  }

  /** Newest first. `maxId` and `sinceId` cut from the newest; `minId` takes those just above it. */
  page({ maxId, sinceId, minId, limit }: Page): StatusId[] {
    const above = minId ?? sinceId;
    let from = above === null ? 0 : this.#placeOf(above);
    if (above !== null && this.#holds(from, upperOf(above), lowerOf(above))) from++;
    let to = maxId === null ? this.#length : this.#placeOf(maxId);
    if (minId !== null) to = Math.min(to, from + limit);
    else from = Math.max(from, to - limit);
    const ids: StatusId[] = [];
    for (let place = to - 1; place >= from; place--) ids.push(this.#at(place));
    return ids;
  }

  #authorAt(place: number): AccountId {
    const upper = this.#pairs[place * 2] ?? 0;
    const lower = this.#pairs[place * 2 + 1] ?? 0;
    return ((upper - Math.floor(upper / 4096) * 4096) * low40 + Math.floor(lower / 4096)) as AccountId;
  }

  #at(place: number): StatusId {
    const ms = Math.floor((this.#pairs[place * 2] ?? 0) / 4096) + epochMs;
    return makeStatusId(ms, this.#authorAt(place), (this.#pairs[place * 2 + 1] ?? 0) % 4096);
  }
}

function upperOf(id: StatusId): number {
  return (statusMs(id) - epochMs) * 4096 + Math.floor(statusAuthor(id) / low40);
}

function lowerOf(id: StatusId): number {
  return (statusAuthor(id) % low40) * 4096 + statusSalt(id);
}
