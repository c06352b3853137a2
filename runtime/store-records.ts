// Small records that the cluster keeps beside the facts, e.g. what it has granted to whom: written in the transactions of the facts.
import type { Wire } from './fact.ts';
import { afterPrefix } from './key.ts';
import type { Tables } from './store-environment.ts';
import type { StoreWriter } from './store-writer.ts';
import { packWire } from './wire-bytes.ts';

export interface NamedRecord {
  name: string;
  wire: Wire;
}

const recordPrefix = 'cluster:';
const most = 1_000_000;

export class StoreRecords {
  readonly #tables: Pick<Tables, 'meta'>;
  readonly #writer: StoreWriter;

  constructor(tables: Pick<Tables, 'meta'>, writer: StoreWriter) {
    this.#tables = tables;
    this.#writer = writer;
  }

  /** Names are latin1 and short; null removes a record. Resolves when all are on the disk, rejects when the disk failed. */
  write(records: Iterable<readonly [name: string, wire: Wire | null]>): Promise<void> {
    return this.#writer.stage((batch) => {
      for (const [name, wire] of records) {
        batch.bytes += packWire(wire).length;
        batch.meta.set(recordPrefix + name, wire);
      }
    });
  }

  /** What is on the disk. */
  read(name: string): Wire | undefined {
    return this.#tables.meta.get(recordPrefix + name);
  }

  /** Those whose names begin so, in order: what is on the disk. */
  readAll(prefix: string): NamedRecord[] {
    const from = recordPrefix + prefix;
    const range = { from, to: afterPrefix(from), most };
    return this.#tables.meta
      .range(range)
      .map(({ key, value }) => ({ name: key.slice(recordPrefix.length), wire: value }));
  }
}
