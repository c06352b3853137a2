// Takes in writes: gives facts their versions, derives their views, stages them for the next transaction, or says why not.
import type { Entry, Outcome, PointReader, Rejection, ViewWrite } from './behaviours.ts';
import type { HybridClock } from './clock.ts';
import type { FactWrite } from './fact.ts';
import type { Key } from './key.ts';
import type { Batch, Listing } from './store-batch.ts';
import { GroupCommit } from './store-commit.ts';
import type { StoreDisk } from './store-disk.ts';
import { type Environment, longestKey } from './store-environment.ts';
import type { StoreLog } from './store-log.ts';
import { StoreRows } from './store-rows.ts';
import { factBytes, packWire } from './wire-bytes.ts';

/** Writes that were taken in: not yet on the disk. */
export interface Submitted {
  entries: Entry[];
  /** The log position of the last of them. */
  position: number;
  /** Resolves after the fsync and after `onCommitted`. Rejects when the commit failed: whether it is on the disk is then unknown. */
  done: Promise<void>;
}

export interface SubmitOptions {
  /** Deletes are accepted on a disk that is nearly full. */
  deletes: boolean;
  /** False for what is brought in from outside: nobody is told of it. */
  live: boolean;
  /** The time the facts' versions are to have, in milliseconds since 1970; now, when not given. */
  nowMs?: number;
}

export interface WriterOptions {
  environment: Environment;
  log: StoreLog;
  clock: HybridClock;
  disk: StoreDisk;
  now(): number;
  derive(entry: Entry, read: PointReader): ViewWrite[];
  /** What an entry changes in the lists of an author's newest statuses. Null for no change. */
  listing(entry: Entry): Listing | null;
  mostRows: number;
  mostBytesInFlight: number;
  mostEntriesInFlight: number;
  minFreePercent: number;
  /** Brings the lists of newest statuses up to date. */
  committed(listings: readonly Listing[]): void;
  announced(entries: Entry[], position: number): void;
  timed(ms: number, entries: number): void;
  failed(error: Error): void;
}

/** What a write costs in memory beside its bytes. */
const writeOverheadBytes = 200;

export class StoreWriter {
  readonly rows: StoreRows;
  readonly commit: GroupCommit;
  /** Why nothing is accepted just now, beside what the disk and the queue say. */
  closed: Rejection | null = null;
  readonly #options: WriterOptions;

  constructor(options: WriterOptions) {
    this.#options = options;
    const { environment, log } = options;
    this.commit = new GroupCommit({
      environment,
      seal: (batch) => log.seal(batch),
      committed: (batch) => this.#committed(batch),
      announced: (batch, ms) => this.#announced(batch, ms),
      failed: (error) => this.#failed(error),
    });
    const { facts, views } = environment;
    this.rows = new StoreRows({ facts, views, mostRows: options.mostRows }, this.commit);
  }

  refusal({ deletes }: { deletes: boolean }): Rejection | null {
    if (this.commit.fault !== null) return unavailable;
    if (this.closed !== null) return this.closed;
    const { mostBytesInFlight, mostEntriesInFlight } = this.#options;
    const { bytesInFlight, entriesInFlight } = this.commit;
    if (bytesInFlight >= mostBytesInFlight || entriesInFlight >= mostEntriesInFlight) return busy;
    return this.isReadOnly && !deletes ? readOnly : null;
  }

  get isReadOnly(): boolean {
    return this.#options.disk.freePercent() < this.#options.minFreePercent;
  }

  submit(
    writes: readonly FactWrite[],
    { deletes, live, nowMs = this.#options.now() }: SubmitOptions,
  ): Outcome<Submitted> {
    const refusal = this.refusal({ deletes });
    if (refusal !== null) return { ok: false, rejection: refusal };
    const { disk, log } = this.#options;
    if (writes.length === 0) {
      return { ok: true, value: { entries: [], position: log.head, done: this.commit.drain() } };
    }
    if (deletes && disk.isExhausted()) disk.dropBallast();
    const batch = this.commit.open;
    const { submission } = this.commit;
    const entries: Entry[] = [];
    const packed: Array<Buffer | null> = [];
    try {
      for (const write of writes) {
        const bytes = write.value === null ? null : packWire(write.value);
        entries.push(this.#stage(write, bytes, { live, nowMs }));
        packed.push(bytes);
      }
      batch.bytes += (submission.facts.size + submission.views.size) * writeOverheadBytes;
      batch.add(submission);
    } finally {
      submission.clear();
    }
    for (const [index, entry] of entries.entries()) {
      const { key, version, before } = entry;
      log.append(batch, { key, version, packed: packed[index] ?? null, live });
      if (before !== null && before.value !== null) log.erase(batch, before.version);
      batch.entries.push(entry);
      const listing = this.#options.listing(entry);
      if (listing !== null) list(batch, key, listing);
    }
    this.commit.touch();
    return { ok: true, value: { entries, position: log.head, done: batch.done } };
  }

  /** Stages changes of the store's own beside facts, and resolves when they are on the disk. */
  stage(act: (batch: Batch) => void): Promise<void> {
    if (this.commit.fault !== null) return Promise.reject(this.commit.fault);
    const batch = this.commit.open;
    act(batch);
    if (batch.isEmpty) return Promise.resolve();
    this.commit.touch();
    return batch.done;
  }

  #stage(
    { key, value, isNew }: FactWrite,
    packed: Buffer | null,
    { live, nowMs }: { live: boolean; nowMs: number },
  ): Entry {
    assertKey(key);
    const { clock, derive } = this.#options;
    const { submission } = this.commit;
    const before = isNew === true ? null : this.rows.writer.fact(key);
    const version = clock.tick(nowMs);
    const bytes = factBytes(version, packed);
    submission.facts.set(key, { version, value, bytes });
    const entry: Entry = { key, version, value, before, live };
    for (const view of derive(entry, this.rows.writer)) {
      assertKey(view.key);
      submission.views.set(view.key, view.value);
    }
    return entry;
  }

  #committed(batch: Batch): void {
    const last = batch.entries.at(-1);
    if (last !== undefined) this.#options.log.commit(batch.lastPosition, last.version);
    this.rows.take(batch);
    this.#options.committed(batch.listings);
  }

  #announced(batch: Batch, ms: number): void {
    if (batch.entries.length === 0) return;
    this.#options.timed(ms, batch.entries.length);
    this.#options.announced(batch.entries, batch.lastPosition);
  }

  #failed(error: Error): void {
    // The ballast is of no use to a program that ends, but the next one may need its room to delete.
    if (hasNoSpace(error)) this.#options.disk.dropBallast();
    this.#options.failed(error);
  }
}

function list(batch: Batch, key: Key, listing: Listing): void {
  batch.listings.push(listing);
  const { isHidden } = listing;
  if (isHidden === null) return;
  batch.changes.push({ kind: 'put', table: 'unlisted', key, bytes: isHidden ? nothing : null });
}

const nothing = new Uint8Array(0);
const busy: Rejection = { code: 'busy', message: 'Too many writes are waiting for the disk' };
const readOnly: Rejection = {
  code: 'read-only',
  message: 'The disk is nearly full: only deletes are accepted',
};
const unavailable: Rejection = {
  code: 'unavailable',
  message: 'The disk failed: the store accepts nothing more',
};

function assertKey(key: Key): void {
  if (key.length > 0 && key.length <= longestKey && isLatin1(key)) return;
  throw new RangeError(
    `a key must be 1 to ${longestKey} latin1 characters: ${JSON.stringify(key.slice(0, 80))}`,
  );
}

function isLatin1(key: Key): boolean {
  for (let at = 0; at < key.length; at++) if (key.charCodeAt(at) > 255) return false;
  return true;
}

function hasNoSpace(error: Error): boolean {
  return /no space|map_full|quota/i.test(`${error.message} ${String(error.cause)}`);
}
