// Follows the log for the search index: takes entries in behind the posts, and keeps its position with what it derived. Facts that come
// otherwise than by the own log are marked, and looked at when the log has been followed to its end.

import type { FoundFact } from './behaviours.ts';
import type { Key } from './key.ts';
import type { SearchIndex } from './search-index.ts';
import { seenKey } from './store-adoption.ts';
import type { Environment } from './store-environment.ts';
import type { StoreLog } from './store-log.ts';
import type { StoreWriter } from './store-writer.ts';
import { noVersion } from './version.ts';
import { packWire } from './wire-bytes.ts';

const positionKey = 'follower:search';
/** One transaction of the follower's: small, because posts wait behind it. */
const mostEntries = 1_000;
const mostChanges = 2_000;
const firstKey: Key = '\0';
const afterAllKeys: Key = '\u00ff'.repeat(8);

export class StoreFollower {
  /** Everything up to here is taken in, whether on the disk yet or not. */
  position: number;
  readonly #environment: Environment;
  readonly #log: StoreLog;
  readonly #writer: StoreWriter;
  readonly #search: SearchIndex;
  #running: Promise<void> | null = null;
  #isPaused = false;
  /** Some facts may be marked as not looked at. */
  #hasMarks: boolean;
  /** The log is not the only way by which facts come: what it holds may not be the newest. */
  #isShared: boolean;

  constructor(environment: Environment, log: StoreLog, writer: StoreWriter, search: SearchIndex) {
    this.#environment = environment;
    this.#log = log;
    this.#writer = writer;
    this.#search = search;
    const position = environment.meta.get(positionKey);
    this.position = typeof position === 'number' ? position : 0;
    this.#hasMarks = this.#marked(1).length > 0;
    this.#isShared = this.#hasMarks || environment.meta.get(seenKey) !== undefined;
  }

  get behind(): number {
    return this.#log.committed - this.position;
  }

  /** Facts have been marked, and the marks are on the disk. */
  marked(): void {
    this.#hasMarks = true;
    this.#isShared = true;
  }

  /** Takes in what is committed now. False when `withinMs` was over first, or the index is being made anew. */
  async catchUp(withinMs: number): Promise<boolean> {
    const target = this.#log.committed;
    const endMs = performance.now() + withinMs;
    while (this.position < target || this.#hasMarks || this.#running !== null) {
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
    if ((this.behind <= 0 && !this.#hasMarks) || this.#isPaused) return;
    this.#running = this.behind > 0 ? this.#step() : this.#stepMarked();
    try {
      await this.#running;
    } finally {
      this.#running = null;
    }
  }

  async #step(): Promise<void> {
    const entries = this.#log.read(this.position + 1, mostEntries);
    await this.#writer.stage((batch) => {
      const taken = this.#search.take(entries, batch, mostChanges, (entry) => this.#isNewest(entry));
      this.position = entries[taken - 1]?.position ?? this.#log.committed;
      batch.changes.push(positionChange(this.position));
    });
  }

  /** Looks at facts as they are now. What the log holds of them and is older is passed over. */
  async #stepMarked(): Promise<void> {
    const keys = this.#marked(mostEntries);
    if (keys.length < mostEntries) this.#hasMarks = false;
    const facts = keys.map((key): FoundFact => {
      const { version, value } = this.#writer.rows.writer.fact(key) ?? { version: noVersion, value: null };
      return { key, version, value };
    });
    await this.#writer.stage((batch) => {
      const taken = this.#search.take(facts, batch, mostChanges);
      if (taken < facts.length) this.#hasMarks = true;
      for (const key of keys.slice(0, taken))
        batch.changes.push({ kind: 'put', table: 'unindexed', key, bytes: null });
    });
  }

  #isNewest({ key, version }: FoundFact): boolean {
    return !this.#isShared || this.#writer.rows.writer.fact(key)?.version === version;
  }

  #marked(most: number): Key[] {
    return this.#environment.unindexed.keys({ from: firstKey, to: afterAllKeys, most });
  }
}

function positionChange(position: number) {
  return { kind: 'put', table: 'meta', key: positionKey, bytes: packWire(position) } as const;
}
