// A log of this store's own: every fact once more, in the order in which it was accepted, for those who follow it. Trimmed from its old end.
import type { Key } from './key.ts';
import type { Batch } from './store-batch.ts';
import type { Environment, Record } from './store-environment.ts';
import { noVersion, type Version } from './version.ts';
import {
  fourChars,
  type LoggedCopy,
  type LoggedFact,
  logBytes,
  numberAt,
  packWire,
  sixChars,
} from './wire-bytes.ts';

/** The place of an entry. */
export interface LogPlace {
  /** The node that accepted it; what a node relays, it does under its number + `relayed`. */
  origin: number;
  /** The life of that node's store in which it did. */
  incarnation: number;
  /** Ascending, across incarnations too. Positions may be missing: what was deleted since leaves the log. */
  position: number;
}

export interface LogEntry extends LoggedFact, LogPlace {}

/** An entry with its value as it is packed. */
export interface LogCopy extends LoggedCopy, LogPlace {}

/** A life of this store: its entries begin at `first`. */
export interface Life {
  incarnation: number;
  first: number;
}

export interface Appended {
  version: Version;
  key: Key;
  packed: Uint8Array | null;
  live: boolean;
  to: readonly number[];
}

/** What a node passes on for others is a log of its own: an origin apart, whose versions do not ascend. */
export const relayed = 2 ** 31;

/** Bytes of an origin, and of an incarnation, in the place of an entry. */
export const numberBytes = 4;
export const positionBytes = 6;
export const placeBytes = 2 * numberBytes + positionBytes;

export interface LogOptions {
  origin: number;
  environment: Environment;
  /** Where the head of this log is kept. */
  headKey: string;
}

export const ownHeadKey = 'log';
export const relayHeadKey = 'relay';

export class StoreLog {
  /** The position of the entry accepted last, whether on the disk yet or not. */
  head = 0;
  /** The position of the entry committed last. */
  committed = 0;
  committedVersion: Version = noVersion;
  /** Bytes of the entries, keys included. */
  bytes = 0;
  /** The version accepted last. */
  version: Version = noVersion;
  readonly origin: number;
  readonly #environment: Environment;
  readonly #headKey: string;
  /** By incarnation: few, and wanted for every entry. */
  readonly #prefixes = new Map<number, string>();
  #lives: Life[] = [];
  /** No entry stands below this position. */
  #first = 1;

  constructor({ origin, environment, headKey }: LogOptions) {
    this.origin = origin;
    this.#environment = environment;
    this.#headKey = headKey;
    const head = headOf(environment, headKey);
    this.head = head.position;
    this.committed = head.position;
    this.#first = head.first;
    this.bytes = head.bytes;
    this.version = head.version;
    this.committedVersion = head.version;
    this.#lives = head.lives;
    const { incarnation } = environment;
    if (incarnation !== null && this.#lives.at(-1)?.incarnation !== incarnation) {
      this.#lives.push({ incarnation, first: this.head + 1 });
    }
  }

  /** Gives the entry its position. */
  append(batch: Batch, fact: Appended): number {
    this.head++;
    this.version = fact.version;
    const bytes = logBytes(fact.version, fact.key, fact);
    this.bytes += bytes.length + placeBytes;
    // Once here and once, about as long, in the fact.
    batch.bytes += 2 * bytes.length;
    batch.changes.push({ kind: 'put', table: 'log', key: this.#place(this.head), bytes });
    return this.head;
  }

  /** Writes the log's head with the batch it belongs to. */
  seal(batch: Batch): void {
    const lives = this.#lives.map(({ incarnation, first }) => [incarnation, first]);
    const head = packWire([this.head, this.#first, this.bytes, this.version, lives]);
    batch.changes.push({ kind: 'put', table: 'meta', key: this.#headKey, bytes: head });
  }

  /** Committed entries from position `from` upwards. */
  read(from: number, most: number): LogEntry[] {
    const entries: LogEntry[] = [];
    this.#walk(this.#environment.log, from, most, ({ key, value }, incarnation) => {
      // Each field by name: a spread takes longer than all the rest of reading.
      entries.push({
        version: value.version,
        key: value.key,
        value: value.value,
        live: value.live,
        to: value.to,
        size: value.size,
        origin: this.origin,
        incarnation,
        position: positionOf(key),
      });
    });
    return entries;
  }

  /** The same with their values as they are packed. */
  readCopies(from: number, most: number): LogCopy[] {
    const entries: LogCopy[] = [];
    this.#walk(this.#environment.copies, from, most, ({ key, value }, incarnation) => {
      entries.push({ ...value, origin: this.origin, incarnation, position: positionOf(key) });
    });
    return entries;
  }

  #walk<Value>(
    table: { range(range: { from: string; to: string; most: number }): Record<Value>[] },
    from: number,
    most: number,
    take: (record: Record<Value>, incarnation: number) => void,
  ): void {
    let taken = 0;
    for (const [index, life] of this.#lives.entries()) {
      const end = (this.#lives[index + 1]?.first ?? this.committed + 1) - 1;
      const start = Math.max(from, life.first, this.#first);
      if (start > end || taken >= most) continue;
      const prefix = this.#prefix(life.incarnation);
      const range = { from: prefix + sixChars(start), to: prefix + sixChars(end + 1), most: most - taken };
      for (const record of table.range(range)) {
        taken++;
        take(record, life.incarnation);
      }
    }
  }

  /** How many entries there may be: missing positions count. */
  get span(): number {
    return this.committed - this.#first + 1;
  }

  /** What was appended up to here is on the disk. */
  commit(position: number, version: Version): void {
    this.committed = position;
    this.committedVersion = version;
  }

  /**
   * Where somebody goes on who has everything of this log up to these places, one in each life of this store that it has known: the last
   * that this log knows counts. Whoever knows none of them (the disk was wiped) begins at the beginning. Null when what comes next has
   * been trimmed.
   */
  resume(reached: readonly { incarnation: number; seq: number }[]): number | null {
    const seqOf = new Map(reached.map(({ incarnation, seq }) => [incarnation, seq]));
    const at = this.#lives.findLastIndex(({ incarnation }) => seqOf.has(incarnation));
    const life = this.#lives[at];
    // What a life wrote after the copy was taken from which the next one came is not in this log.
    const end = at < 0 ? 0 : (this.#lives[at + 1]?.first ?? this.head + 1) - 1;
    const seq = Math.min(life === undefined ? 0 : (seqOf.get(life.incarnation) ?? 0), end);
    return this.isTrimmedAfter(seq) ? null : seq;
  }

  /** Entries up to there have been dropped for their age. */
  get trimmedUpTo(): number {
    return this.#first - 1;
  }

  /** Whether entries that followed `seq` have been dropped for their age. */
  isTrimmedAfter(seq: number): boolean {
    return seq + 1 < this.#first;
  }

  /** Drops the oldest entries up to `floor` while the log takes more than `mostBytes`. Whether another step may find more to do. */
  trim(batch: Batch, options: { mostBytes: number; floor: number; mostEntries: number }): boolean {
    const floor = Math.min(options.floor, this.committed);
    if (this.bytes <= options.mostBytes || this.#first > floor) return false;
    const oldest = this.readCopies(this.#first, options.mostEntries);
    for (const entry of oldest) {
      if (entry.position > floor || this.bytes <= options.mostBytes) return false;
      this.drop(batch, entry);
      this.#first = entry.position + 1;
      while ((this.#lives[1]?.first ?? Number.POSITIVE_INFINITY) <= this.#first) this.#lives.shift();
    }
    return oldest.length === options.mostEntries;
  }

  drop(batch: Batch, { position, size }: { position: number; size: number }): void {
    batch.changes.push({ kind: 'put', table: 'log', key: this.#place(position), bytes: null });
    this.bytes -= size + placeBytes;
  }

  /** The committed entry of a version, by bisection: only where versions ascend with positions. */
  find(version: Version): LogCopy | null {
    let low = this.#first;
    let high = this.committed;
    while (low <= high) {
      const middle = Math.floor((low + high) / 2);
      const entry = this.#from(middle);
      if (entry === undefined || entry.version > version) high = middle - 1;
      else if (entry.version < version) low = entry.position + 1;
      else return this.readCopies(entry.position, 1)[0] ?? null;
    }
    return null;
  }

  /** The first entry from there on. Most are there, and their version alone is read. */
  #from(position: number): { position: number; version: Version } | undefined {
    const version = this.#environment.logged.get(this.#place(position));
    return version === undefined ? this.readCopies(position, 1)[0] : { position, version };
  }

  /** Whether entries of this origin's life are this log's, and not copies that others gave back. */
  isLife(incarnation: number): boolean {
    return this.#lives.some((life) => life.incarnation === incarnation);
  }

  #place(position: number): string {
    const life = this.#lives.findLast(({ first }) => first <= position);
    return this.#prefix(life?.incarnation ?? 0) + sixChars(position);
  }

  #prefix(incarnation: number): string {
    let prefix = this.#prefixes.get(incarnation);
    if (prefix === undefined) {
      prefix = fourChars(this.origin) + fourChars(incarnation);
      this.#prefixes.set(incarnation, prefix);
    }
    return prefix;
  }
}

/** The position that a key of the log ends with. */
export function positionOf(place: string): number {
  return numberAt(place, 2 * numberBytes, positionBytes);
}

export interface LogHead {
  position: number;
  first: number;
  bytes: number;
  version: Version;
  lives: Life[];
}

/** What the last commit left of a log's head. */
export function headOf(environment: Environment, headKey: string): LogHead {
  const head = environment.meta.get(headKey);
  if (!Array.isArray(head)) return { position: 0, first: 1, bytes: 0, version: noVersion, lives: [] };
  const [position, first, bytes, version, lives] = head as [number, number, number, string, number[][]];
  return {
    position,
    first,
    bytes,
    version: version as Version,
    lives: lives.map(([incarnation = 0, start = 1]) => ({ incarnation, first: start })),
  };
}
