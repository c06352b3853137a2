// Rows of the core, remembered with what was rendered of them until the core says that they changed. What is rendered is fragments.ts's part.
import { LRUCache } from 'lru-cache';

/** A row, and what was rendered of it. */
export interface Held<Row, Shown> {
  row: Row;
  /** Null: nothing is rendered yet. */
  shown: Shown | null;
  /** False when it is not (yet, any more) what the cache remembers: whoever holds on to it must ask anew. */
  isKept: boolean;
}

export interface RowCacheOptions<Id, Row> {
  /** Null for each row that is not there. Asked for at most `mostAsked` at a time. */
  load: (ids: Id[]) => Promise<(Row | null)[]>;
  mostAsked: number;
  /** Bytes held, about; the least recently used go first. */
  mostBytes: number;
  /** What a row takes up with its fragment, about. */
  sizeOf: (row: Row) => number;
}

type Loading<Id, Row, Shown> = Promise<Map<Id, Held<Row, Shown>>>;

export class RowCache<Id extends string | number, Row extends object, Shown> {
  hits = 0;
  misses = 0;
  readonly #options: RowCacheOptions<Id, Row>;
  readonly #held: LRUCache<Id, Held<Row, Shown>>;
  /** Who is being asked for. A row that changes meanwhile is taken out: its answer is used by those who wait, and not kept. */
  readonly #loading = new Map<Id, Loading<Id, Row, Shown>>();

  constructor(options: RowCacheOptions<Id, Row>) {
    this.#options = options;
    this.#held = new LRUCache({
      maxSize: options.mostBytes,
      sizeCalculation: ({ row }) => options.sizeOf(row),
      dispose: (held) => {
        held.isKept = false;
      },
    });
  }

  get size(): number {
    return this.#held.size;
  }

  get bytes(): number {
    return this.#held.calculatedSize;
  }

  /** What is remembered. Counts a hit or a miss. */
  get(id: Id): Held<Row, Shown> | undefined {
    const held = this.#held.get(id);
    if (held === undefined) this.misses++;
    else this.hits++;
    return held;
  }

  /** What is remembered, without counting. */
  peek(id: Id): Held<Row, Shown> | undefined {
    return this.#held.get(id);
  }

  /** Asks for these; those that others are asking for already are waited for. Absent from the result: not there. */
  async fetch(ids: Iterable<Id>): Promise<Map<Id, Held<Row, Shown>>> {
    const found = new Map<Id, Held<Row, Shown>>();
    const wanted: Id[] = [];
    const waiting = new Map<Id, Loading<Id, Row, Shown>>();
    for (const id of new Set(ids)) {
      const loading = this.#loading.get(id);
      if (loading === undefined) wanted.push(id);
      else waiting.set(id, loading);
    }
    for (let at = 0; at < wanted.length; at += this.#options.mostAsked) {
      const batch = wanted.slice(at, at + this.#options.mostAsked);
      const loading = this.#load(batch);
      for (const id of batch) {
        this.#loading.set(id, loading);
        waiting.set(id, loading);
      }
      void this.#settle(batch, loading);
    }
    for (const [id, loading] of waiting) {
      const held = (await loading).get(id);
      if (held !== undefined) found.set(id, held);
    }
    return found;
  }

  /** Remembers a row that the core has just sent, before anything else that came from it later is taken in. */
  hold(id: Id, row: Row): void {
    this.#loading.delete(id);
    this.#held.set(id, { row, shown: null, isKept: true });
  }

  /** Drops what is remembered, and what is being asked for. */
  forget(ids: readonly Id[]): void {
    for (const id of ids) {
      this.#held.delete(id);
      this.#loading.delete(id);
    }
  }

  /** The same for all that fit. Takes time: for what seldom happens. */
  forgetWhere(fits: (id: Id) => boolean): void {
    this.forget([...this.#held.keys(), ...this.#loading.keys()].filter(fits));
  }

  async #load(ids: Id[]): Loading<Id, Row, Shown> {
    const rows = await this.#options.load(ids);
    const loaded = new Map<Id, Held<Row, Shown>>();
    for (const [index, id] of ids.entries()) {
      const row = rows[index];
      if (row) loaded.set(id, { row, shown: null, isKept: false });
    }
    return loaded;
  }

  /** Keeps what nobody changed in between. */
  async #settle(ids: Id[], loading: Loading<Id, Row, Shown>): Promise<void> {
    let loaded: Map<Id, Held<Row, Shown>> | null = null;
    try {
      loaded = await loading;
    } catch {
      // Whoever waits is told; the next one asks again.
    }
    for (const id of ids) {
      if (this.#loading.get(id) !== loading) continue;
      this.#loading.delete(id);
      const held = loaded?.get(id);
      if (held === undefined) continue;
      held.isKept = true;
      this.#held.set(id, held);
    }
  }
}
