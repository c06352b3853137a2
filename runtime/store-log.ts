// The log: every fact once more, in the order in which it was accepted, for those who follow it. It is trimmed from its old end.
import type { Key } from './key.ts';
import type { Batch } from './store-batch.ts';
import type { Environment } from './store-environment.ts';
import { noVersion, type Version, versionBytes } from './version.ts';
import { fourChars, type LoggedFact, logBytes, numberAt, packWire, sixChars } from './wire-bytes.ts';

export interface LogEntry extends LoggedFact {
  /** The node that accepted it. */
  origin: number;
  /** The life of that node's store in which it did. */
  incarnation: number;
  /** Ascending, across incarnations too. Positions may be missing: what was deleted since leaves the log. */
  position: number;
}

/** A life of this store: its entries begin at `first`. */
export interface Life {
  incarnation: number;
  first: number;
}

const headKey = 'log';
const numberBytes = 4;
const positionBytes = 6;
const placeBytes = 2 * numberBytes + positionBytes;
const afterVersions = '\u00ff'.repeat(versionBytes + 1);

export class StoreLog {
  /** The position of the entry accepted last, whether on the disk yet or not. */
  head = 0;
  /** The position of the entry committed last. */
  committed = 0;
  committedVersion: Version = noVersion;
  /** Bytes of the entries, keys included. */
  bytes = 0;
  /** The highest version accepted. */
  version: Version = noVersion;
  readonly #node: number;
  readonly #environment: Environment;
  /** By incarnation: few, and wanted for every entry. */
  readonly #prefixes = new Map<number, string>();
  #lives: Life[] = [];

  /** No entry stands below this position. */
  #first = 1;

  constructor(node: number, environment: Environment) {
    this.#node = node;
    this.#environment = environment;
    const head = headOf(environment);
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
  append(
    batch: Batch,
    fact: { version: Version; key: Key; packed: Uint8Array | null; live: boolean },
  ): number {
    this.head++;
    this.version = fact.version;
    const bytes = logBytes(fact.version, fact.key, fact.packed, fact.live);
    this.bytes += bytes.length + placeBytes;
    // Once here and once, about as long, in the fact.
    batch.bytes += 2 * bytes.length;
    batch.lastPosition = this.head;
    batch.changes.push({ kind: 'put', table: 'log', key: this.#place(this.head), bytes });
    return this.head;
  }

  /** The value written with `version` has been replaced: it is to leave the log at the next trim. */
  erase(batch: Batch, version: Version): void {
    batch.changes.push({ kind: 'put', table: 'erasures', key: version, bytes: nothing });
  }

  /** Writes the log's head with the batch it belongs to. */
  seal(batch: Batch): void {
    const lives = this.#lives.map(({ incarnation, first }) => [incarnation, first]);
    const head = packWire([this.head, this.#first, this.bytes, this.version, lives]);
    batch.changes.push({ kind: 'put', table: 'meta', key: headKey, bytes: head });
  }

  /** Committed entries from position `from` upwards. */
  read(from: number, most: number): LogEntry[] {
    const entries: LogEntry[] = [];
    for (const [index, life] of this.#lives.entries()) {
      const end = (this.#lives[index + 1]?.first ?? this.committed + 1) - 1;
      const start = Math.max(from, life.first, this.#first);
      if (start > end || entries.length >= most) continue;
      const prefix = this.#prefix(life.incarnation);
      const range = {
        from: prefix + sixChars(start),
        to: prefix + sixChars(end + 1),
        most: most - entries.length,
      };
      for (const { key, value } of this.#environment.log.range(range)) {
        const position = numberAt(key, 2 * numberBytes, positionBytes);
        // Each field by name: a spread takes longer than all the rest of reading.
        entries.push({
          version: value.version,
          key: value.key,
          value: value.value,
          live: value.live,
          size: value.size,
          origin: this.#node,
          incarnation: life.incarnation,
          position,
        });
      }
    }
    return entries;
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
   * One step of trimming, staged into `batch`: erases what was replaced, or else drops the oldest entries while the log takes
   * more than `mostBytes`. Nothing above `floor` is touched. Gives back whether another step may find more to do.
   */
  trim(batch: Batch, options: { mostBytes: number; floor: number; mostEntries: number }): boolean {
    const floor = Math.min(options.floor, this.committed);
    if (this.#eraseSome(batch, floor, options.mostEntries)) return true;
    if (this.bytes <= options.mostBytes || this.#first > floor) return false;
    const oldest = this.read(this.#first, options.mostEntries);
    for (const entry of oldest) {
      if (entry.position > floor || this.bytes <= options.mostBytes) return false;
      this.#drop(batch, entry.position, entry.size);
      this.#first = entry.position + 1;
      while ((this.#lives[1]?.first ?? Number.POSITIVE_INFINITY) <= this.#first) this.#lives.shift();
    }
    return oldest.length === options.mostEntries;
  }

  /** Whether anything was erased. */
  #eraseSome(batch: Batch, floor: number, most: number): boolean {
    const versions = this.#environment.erasures.keys({ from: noVersion, to: afterVersions, most });
    const gone = new Set<number>();
    let erased = false;
    for (const version of versions) {
      // A commit can be seen on the disk before it is announced: its entries are not within `read` yet.
      if (version > this.committedVersion) break;
      const entry = this.#entryOf(version as Version);
      if (entry !== null && entry.position > floor) break;
      erased = true;
      batch.changes.push({ kind: 'put', table: 'erasures', key: version, bytes: null });
      if (entry === null || gone.has(entry.position)) continue;
      gone.add(entry.position);
      this.#drop(batch, entry.position, entry.size);
    }
    return erased;
  }

  #drop(batch: Batch, position: number, size: number): void {
    batch.changes.push({ kind: 'put', table: 'log', key: this.#place(position), bytes: null });
    this.bytes -= size + placeBytes;
  }

  /** By bisection: versions ascend with positions. */
  #entryOf(version: Version): LogEntry | null {
    let low = this.#first;
    let high = this.committed;
    while (low <= high) {
      const middle = Math.floor((low + high) / 2);
      const [entry] = this.read(middle, 1);
      if (entry === undefined || entry.version > version) high = middle - 1;
      else if (entry.version < version) low = entry.position + 1;
      else return entry;
    }
    return null;
  }

  #place(position: number): string {
    const life = this.#lives.findLast(({ first }) => first <= position);
    return this.#prefix(life?.incarnation ?? 0) + sixChars(position);
  }

  #prefix(incarnation: number): string {
    let prefix = this.#prefixes.get(incarnation);
    if (prefix === undefined) {
      prefix = fourChars(this.#node) + fourChars(incarnation);
      this.#prefixes.set(incarnation, prefix);
    }
    return prefix;
  }
}

const nothing = new Uint8Array(0);

export interface LogHead {
  position: number;
  first: number;
  bytes: number;
  version: Version;
  lives: Life[];
}

/** What the last commit left of the log's head. */
export function headOf(environment: Environment): LogHead {
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
