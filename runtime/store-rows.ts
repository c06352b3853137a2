// Rows of the store in memory: what is on its way to the disk, and a bounded cache of what is there. LMDB is behind both.
import type { PointReader, StoredFact } from './behaviours.ts';
import type { Wire } from './fact.ts';
import { Generations } from './generations.ts';
import type { Key } from './key.ts';
import type { Batch, Submission } from './store-batch.ts';
import type { Table } from './store-environment.ts';

/** Stands in the cache for a record that is known not to be there. */
const absent = Symbol('absent');

export interface RowsOptions {
  facts: Table<StoredFact>;
  views: Table<Wire>;
  /** Most rows kept, facts and views together. The least recently used go first. */
  mostRows: number;
}

/** Writes that readers of `writer` see, newest first. */
export interface Staged {
  submission: Submission;
  open: Batch;
  inFlight: Batch | null;
}

export class StoreRows {
  hits = 0;
  misses = 0;
  /** Committed state. */
  readonly committed: PointReader;
  /** Committed state and all that is staged over it. */
  readonly writer: PointReader;
  readonly #facts: Generations<StoredFact | typeof absent>;
  readonly #views: Generations<NonNullable<Wire> | typeof absent>;

  constructor({ facts, views, mostRows }: RowsOptions, staged: Staged) {
    const factRows = new Generations<StoredFact | typeof absent>(Math.ceil(mostRows / 2));
    const viewRows = new Generations<NonNullable<Wire> | typeof absent>(Math.ceil(mostRows / 2));
    this.#facts = factRows;
    this.#views = viewRows;
    this.committed = {
      fact: (key) => {
        const row = factRows.get(key);
        if (row !== undefined) {
          this.hits++;
          return row === absent ? null : row;
        }
        this.misses++;
        const found = facts.get(key);
        factRows.set(key, found ?? absent);
        return found ?? null;
      },
      view: (key) => {
        const row = viewRows.get(key);
        if (row !== undefined) {
          this.hits++;
          return row === absent ? undefined : row;
        }
        this.misses++;
        const found = views.get(key);
        viewRows.set(key, found ?? absent);
        return found;
      },
    };
    this.writer = {
      fact: (key) => {
        const { submission, open, inFlight } = staged;
        const latest = submission.facts.get(key) ?? open.facts.get(key);
        if (latest !== undefined) return latest;
        if (isRemoved(open, key)) return null;
        const former = inFlight?.facts.get(key);
        if (former !== undefined) return former;
        return inFlight !== null && isRemoved(inFlight, key) ? null : this.committed.fact(key);
      },
      view: (key) => {
        let value = staged.submission.views.get(key);
        if (value === undefined) value = staged.open.views.get(key);
        if (value === undefined) value = staged.inFlight?.views.get(key);
        if (value === undefined) return this.committed.view(key);
        return value === null ? undefined : value;
      },
    };
  }

  /**
   * Takes in what has just been committed. Rows that nobody has asked for are not brought in by being written: a flood of
   * posts would drive out what is read, and keep the garbage collector busy.
   */
  take(batch: Batch): void {
    for (const [key, { version, value, to }] of batch.facts)
      this.#facts.replace(key, to === undefined ? { version, value } : { version, value, to });
    for (const key of batch.removed) if (!batch.facts.has(key)) this.#facts.replace(key, absent);
    for (const [key, value] of batch.views) this.#views.replace(key, value ?? absent);
  }

  get size(): number {
    return this.#facts.size + this.#views.size;
  }

  /** Drops the cached views: they are being derived anew. */
  forgetViews(): void {
    this.#views.clear();
  }
}

/** Unless it has been staged again since. Hardly any batch removes anything. */
function isRemoved({ removed }: Batch, key: Key): boolean {
  return removed.size > 0 && removed.has(key);
}
