// Follows the log for the search index: takes entries in behind the posts, and keeps its position with what it derived.

import type { SearchIndex } from './search-index.ts';
import type { Environment } from './store-environment.ts';
import type { StoreLog } from './store-log.ts';
import type { StoreWriter } from './store-writer.ts';
import { packWire } from './wire-bytes.ts';

const positionKey = 'follower:search';
/** One transaction of the follower's: small, because posts wait behind it. */
const mostEntries = 1_000;
const mostChanges = 2_000;

export class StoreFollower {
  /** Everything up to here is taken in, whether on the disk yet or not. */
  position: number;
  readonly #log: StoreLog;
  readonly #writer: StoreWriter;
  readonly #search: SearchIndex;
  #running: Promise<void> | null = null;
  #isPaused = false;

  constructor(environment: Environment, log: StoreLog, writer: StoreWriter, search: SearchIndex) {
    this.#log = log;
    this.#writer = writer;
    this.#search = search;
    const position = environment.meta.get(positionKey);
    this.position = typeof position === 'number' ? position : 0;
  }

  get behind(): number {
    return this.#log.committed - this.position;
  }

  /** Takes in what is committed now. False when `withinMs` was over first, or the index is being made anew. */
  async catchUp(withinMs: number): Promise<boolean> {
    const target = this.#log.committed;
    const endMs = performance.now() + withinMs;
    while (this.position < target || this.#running !== null) {
      if (performance.now() >= endMs || this.#isPaused) return false;
      await this.step();
    }
    return true;
  }

  /** Resolves when no step is under way. Rejects when it fails. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Takes in nothing until `resumeAtHead`. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    await this.#running;
  }

  /** Counts everything up to the log's head as taken in: it was taken from the facts themselves. */
  async resumeAtHead(): Promise<void> {
    this.position = this.#log.committed;
    await this.#writer.stage((batch) => batch.changes.push(positionChange(this.position)));
    this.#isPaused = false;
  }

  /** One transaction's worth. Steps never overlap: each reads what the one before has written. */
  async step(): Promise<void> {
    while (this.#running !== null) await this.#running;
    if (this.behind <= 0 || this.#isPaused) return;
    this.#running = this.#step();
    try {
      await this.#running;
    } finally {
      this.#running = null;
    }
  }

  async #step(): Promise<void> {
    const entries = this.#log.read(this.position + 1, mostEntries);
    await this.#writer.stage((batch) => {
      const taken = this.#search.take(entries, batch, mostChanges);
      this.position = entries[taken - 1]?.position ?? this.#log.committed;
      batch.changes.push(positionChange(this.position));
    });
  }
}

function positionChange(position: number) {
  return { kind: 'put', table: 'meta', key: positionKey, bytes: packWire(position) } as const;
}
