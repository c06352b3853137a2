// Facts in order of their keys, for those who take over partitions or compare them. In steps: no step looks further than some thousands.
import { partitionCount } from './account-id.ts';
import { type Key, partitionOfKey, partitionStart } from './key.ts';
import { joined, partitionsAddressed } from './store-addressing.ts';
import { type Copy, copyBytes } from './store-adoption.ts';
import type { Tables } from './store-environment.ts';
import type { StoreProduct } from './store-options.ts';
import type { Version } from './version.ts';
import { unpackWire } from './wire-bytes.ts';

export interface Scan {
  partitions: ReadonlySet<number>;
  /** Facts of other homes that are addressed to one of the partitions, too. That looks at every fact there is. */
  guests: boolean;
  /** The `next` of the step before; null to begin. */
  after: Key | null;
  mostBytes: number;
}

export type PlainFact = Pick<Copy, 'key' | 'version' | 'packed' | 'to'>;

export interface Scanned {
  /** Tombstones included. `to` tells the partitions of tombstones and guests: those of others follow from their values. */
  facts: PlainFact[];
  /** Everything up to this key has been looked at; null at the end. */
  next: Key | null;
}

export interface Versioned {
  key: Key;
  version: Version;
}

const readAtOnce = 256;
const lookedAtMost = 4_096;

export class StoreScan {
  readonly #tables: Pick<Tables, 'packed' | 'versions'>;
  readonly #addressed: StoreProduct['addressed'];

  constructor(tables: Pick<Tables, 'packed' | 'versions'>, addressed: StoreProduct['addressed']) {
    this.#tables = tables;
    this.#addressed = addressed;
  }

  /** One step of a scan. What is written meanwhile before the key it has reached is not seen: that comes by the logs. */
  step({ partitions, guests, after, mostBytes }: Scan): Scanned {
    const facts: PlainFact[] = [];
    let place: Key = after === null ? partitionStart(0) : `${after}\0`;
    let bytes = 0;
    let lookedAt = 0;
    for (;;) {
      const from = guests ? place : firstIn(partitions, place);
      if (from === null) return { facts, next: null };
      const to: Key = guests ? partitionStart(partitionCount) : partitionStart(partitionOfKey(from) + 1);
      const found = this.#tables.packed.range({ from, to, most: readAtOnce });
      for (const { key, value } of found) {
        const fact = { key, version: value.version, packed: value.packed, to: value.to };
        const wanted = this.#wanted(fact, partitions);
        if (wanted !== null) facts.push(wanted);
        if (wanted !== null) bytes += copyBytes(wanted);
        if (bytes >= mostBytes || ++lookedAt >= lookedAtMost) return { facts, next: key };
      }
      const last = found.at(-1);
      if (found.length === readAtOnce && last !== undefined) place = `${last.key}\0`;
      else if (guests) return { facts, next: null };
      else place = to;
    }
  }

  /** Keys and versions of a partition's facts above `after`, in order of keys. */
  versionsOf(partition: number, after: Key | null, most: number): Versioned[] {
    const from = after === null ? partitionStart(partition) : `${after}\0`;
    return this.#tables.versions
      .range({ from, to: partitionStart(partition + 1), most })
      .map(({ key, value }) => ({ key, version: value }));
  }

  /** The facts under these keys: those that are there. */
  factsOf(keys: readonly Key[]): PlainFact[] {
    return keys.flatMap((key) => {
      const found = this.#tables.packed.get(key);
      return found === undefined ? [] : [{ key, ...found }];
    });
  }

  #wanted(fact: PlainFact, partitions: ReadonlySet<number>): PlainFact | null {
    if (partitions.has(partitionOfKey(fact.key))) return fact;
    const { key, packed } = fact;
    const value = packed === null ? null : unpackWire(packed);
    const to = joined(partitionsAddressed(this.#addressed, { key, value, before: null }), fact.to, key);
    return to.some((partition) => partitions.has(partition)) ? { ...fact, to } : null;
  }
}

/** The first place at or after `from` that is in one of the partitions. */
function firstIn(partitions: ReadonlySet<number>, from: Key): Key | null {
  if (from >= partitionStart(partitionCount)) return null;
  const at = partitionOfKey(from);
  if (partitions.has(at)) return from;
  const later = [...partitions].filter((partition) => partition > at);
  return later.length === 0 ? null : partitionStart(Math.min(...later));
}
