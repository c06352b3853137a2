// Copies of other nodes' logs, each entry under its own place: for those who miss some while its origin is away. Not in order of arrival.
import type { Batch } from './store-batch.ts';
import type { Environment } from './store-environment.ts';
import { type Appended, type LogCopy, numberBytes, placeBytes, positionOf, relayed } from './store-log.ts';
import { type Version, versionBytes } from './version.ts';
import { fourChars, logBytes, numberAt, sixChars } from './wire-bytes.ts';

/** A log of somebody's, in one life. */
export interface Origin {
  origin: number;
  incarnation: number;
}

const bytesKey = 'copies';
const trimmedPrefix = 'trimmed:';
const lastSeq = 2 ** 48 - 1;
const end = '\u00ff'.repeat(placeBytes);

export class StoreCopies {
  /** Bytes of the copies, keys included. */
  bytes = 0;
  readonly #environment: Environment;
  /** Whether a log is this store's own: then it keeps it itself. */
  readonly isOwn: (origin: Origin) => boolean;

  constructor(environment: Environment, isOwn: (origin: Origin) => boolean) {
    this.#environment = environment;
    this.isOwn = isOwn;
    this.bytes = Number(environment.meta.get(bytesKey) ?? 0);
  }

  append(batch: Batch, origin: Origin, seq: number, fact: Appended): void {
    const bytes = logBytes(fact.version, fact.key, fact);
    this.#count(batch, bytes.length + placeBytes);
    batch.bytes += 2 * bytes.length;
    batch.changes.push({ kind: 'put', table: 'log', key: prefixOf(origin) + sixChars(seq), bytes });
  }

  /** Committed copies of an origin's entries above `after`, ascending. */
  read({ origin, incarnation }: Origin, after: number, most: number): LogCopy[] {
    const prefix = prefixOf({ origin, incarnation });
    const range = { from: prefix + sixChars(after + 1), to: `${prefix}${sixChars(lastSeq)}\0`, most };
    return this.#environment.copies
      .range(range)
      .map(({ key, value }) => ({ ...value, origin, incarnation, position: positionOf(key) }));
  }

  /** The place of the last copy of an origin's. 0 for none. */
  head(origin: Origin): number {
    const prefix = prefixOf(origin);
    const range = { from: prefix, to: `${prefix}${sixChars(lastSeq)}\0`, most: 1, reverse: true };
    const [last] = this.#environment.copies.keys(range);
    return last === undefined ? 0 : positionOf(last);
  }

  /** Copies up to there have been dropped for their age. 0: none. */
  trimmedUpTo(origin: Origin): number {
    return Number(this.#environment.meta.get(trimmedKey(origin)) ?? 0);
  }

  /** All logs of which there is an entry, but this store's own. */
  origins(): Origin[] {
    const found: Origin[] = [];
    let from = '\0';
    for (;;) {
      const [key] = this.#environment.copies.keys({ from, to: end, most: 1 });
      if (key === undefined) return found;
      const origin = numberAt(key, 0, numberBytes);
      const incarnation = numberAt(key, numberBytes, numberBytes);
      if (!this.isOwn({ origin, incarnation })) found.push({ origin, incarnation });
      from = `${prefixOf({ origin, incarnation })}${sixChars(lastSeq)}\0`;
    }
  }

  /** The copy of a version, by bisection in the logs of its node: in them versions ascend. */
  find(version: Version, origins: readonly Origin[]): LogCopy | null {
    const node = numberAt(version, versionBytes - numberBytes, numberBytes);
    for (const origin of origins) {
      if (origin.origin !== node) continue;
      let low = 1;
      let high = this.head(origin);
      while (low <= high) {
        const middle = Math.floor((low + high) / 2);
        const entry = this.#from(origin, middle);
        if (entry === undefined || entry.version > version) high = middle - 1;
        else if (entry.version < version) low = entry.position + 1;
        else return this.read(origin, entry.position - 1, 1)[0] ?? null;
      }
    }
    return null;
  }

  /** The first copy from there on. Most are there, and their version alone is read. */
  #from(origin: Origin, position: number): { position: number; version: Version } | undefined {
    const version = this.#environment.logged.get(prefixOf(origin) + sixChars(position));
    return version === undefined ? this.read(origin, position - 1, 1)[0] : { position, version };
  }

  drop(batch: Batch, { origin, incarnation, position, size }: LogCopy): void {
    const key = prefixOf({ origin, incarnation }) + sixChars(position);
    batch.changes.push({ kind: 'put', table: 'log', key, bytes: null });
    this.#count(batch, -size - placeBytes);
  }

  /** Drops the oldest copies while all take more than `mostBytes`. Whether another step may find more to do. */
  trim(batch: Batch, { mostBytes, mostEntries }: { mostBytes: number; mostEntries: number }): boolean {
    if (this.bytes <= mostBytes) return false;
    const firsts = this.origins()
      .flatMap((origin) => this.read(origin, 0, 1))
      .sort((one, other) => (one.version < other.version ? -1 : 1));
    const [oldest, next] = firsts;
    if (oldest === undefined) return false;
    const run = this.read(oldest, oldest.position - 1, mostEntries);
    for (const entry of run) {
      const isOldest =
        entry.position === oldest.position || next === undefined || entry.version < next.version;
      if (this.bytes <= mostBytes || !isOldest) break;
      this.drop(batch, entry);
      // What came late may have stood below what is gone.
      batch.meta.set(trimmedKey(oldest), Math.max(entry.position, this.trimmedUpTo(oldest)));
    }
    return true;
  }

  #count(batch: Batch, step: number): void {
    this.bytes = Math.max(0, this.bytes + step);
    batch.meta.set(bytesKey, this.bytes);
  }
}

/** Versions do not ascend in what is relayed. */
export function isRelay({ origin }: Origin): boolean {
  return origin >= relayed;
}

function prefixOf({ origin, incarnation }: Origin): string {
  return fourChars(origin) + fourChars(incarnation);
}

function trimmedKey({ origin, incarnation }: Origin): string {
  return `${trimmedPrefix}${origin}:${incarnation}`;
}
