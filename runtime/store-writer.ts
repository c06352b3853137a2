// Takes in writes: gives facts their versions, derives their views, stages them for the next transaction, or says why not.
import type { AccountId } from './account-id.ts';
import type { Addressing, Entry, Outcome, Rejection, ViewWrite } from './behaviours.ts';
import type { HybridClock } from './clock.ts';
import type { FactWrite } from './fact.ts';
import type { Key } from './key.ts';
import { joined, partitionsAddressed } from './store-addressing.ts';
import type { Batch, Listing } from './store-batch.ts';
import { GroupCommit } from './store-commit.ts';
import { type Deriving, deriveKept } from './store-deriving.ts';
import type { StoreDisk } from './store-disk.ts';
import { type Environment, longestKey } from './store-environment.ts';
import type { StoreLog } from './store-log.ts';
import { StoreRows } from './store-rows.ts';
import { erase } from './store-trim.ts';
import { factBytes, nowhere, packWire } from './wire-bytes.ts';

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

export interface WriterOptions extends Deriving {
  environment: Environment;
  log: StoreLog;
  clock: HybridClock;
  disk: StoreDisk;
  now(): number;
  addressed(change: Addressing): readonly AccountId[];
  /** What an entry changes in the lists of an author's newest statuses. Null for no change. */
  listing(entry: Entry): Listing | null;
  mostRows: number;
  mostBytesInFlight: number;
  mostEntriesInFlight: number;
  minFreePercent: number;
  /** Adds what every transaction carries. */
  seal(batch: Batch): void;
  /** Brings up to date what is kept in memory beside the rows. */
  committed(batch: Batch): void;
  announced(batch: Batch): void;
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
  readonly #takeView: (view: ViewWrite) => void;

  constructor(options: WriterOptions) {
    this.#options = options;
    const { environment } = options;
    this.commit = new GroupCommit({
      environment,
      seal: (batch) => options.seal(batch),
      committed: (batch) => this.#committed(batch),
      announced: (batch, ms) => this.#announced(batch, ms),
      failed: (error) => this.#failed(error),
    });
    const { facts, views } = environment;
    this.rows = new StoreRows({ facts, views, mostRows: options.mostRows }, this.commit);
    const { submission } = this.commit;
    this.#takeView = ({ key, value }) => {
      assertKey(key);
      submission.views.set(key, value);
    };
  }

  refusal({ deletes }: { deletes: boolean }): Rejection | null {
    if (this.closed !== null) return this.closed;
    if (this.commit.fault !== null) return unavailable;
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
    const { disk, log, clock } = this.#options;
    if (writes.length === 0) {
      return { ok: true, value: { entries: [], position: log.head, done: this.commit.drain() } };
    }
    if (deletes && disk.isExhausted()) disk.dropBallast();
    const batch = this.commit.open;
    const entries: Entry[] = [];
    const packed: Array<Buffer | null> = [];
    const to: Array<readonly number[]> = [];
    this.whole(batch, () => {
      for (const { key, value, isNew } of writes) {
        assertKey(key);
        const bytes = value === null ? null : packWire(value);
        const before = isNew === true ? null : this.rows.writer.fact(key);
        const entry: Entry = { key, version: clock.tick(nowMs), value, before, live };
        entries.push(entry);
        packed.push(bytes);
        to.push(this.stageFact(entry, bytes, nowhere));
      }
    });
    for (const [index, entry] of entries.entries()) {
      const { key, version } = entry;
      const appended = { version, key, packed: packed[index] ?? null, live, to: to[index] ?? nowhere };
      batch.lastPosition = log.append(batch, appended);
      batch.entries.push(entry);
      this.replace(batch, entry);
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

  /** The facts that `act` stages, and their views, are taken into the batch together; none of them when it throws. */
  whole(batch: Batch, act: () => void): void {
    const { submission } = this.commit;
    try {
      act();
      batch.bytes += (submission.facts.size + submission.views.size) * writeOverheadBytes;
      batch.add(submission);
    } finally {
      submission.clear();
    }
  }

  /** Stages a fact and its views. Gives back the partitions it is addressed to: those of `more`, too. */
  stageFact(entry: Entry, packed: Uint8Array | null, more: readonly number[]): readonly number[] {
    const { key, version, value } = entry;
    const { addressed, derive, placement } = this.#options;
    const { submission } = this.commit;
    const to = joined(partitionsAddressed(addressed, entry), more, key);
    const bytes = factBytes(version, packed, to);
    const isAddressedTombstone = value === null && to.length > 0;
    submission.facts.set(
      key,
      isAddressedTombstone ? { version, value, to, bytes } : { version, value, bytes },
    );
    if (placement.isWhole) for (const view of derive(entry, this.rows.writer)) this.#takeView(view);
    else deriveKept({ derive, placement }, entry, this.rows.writer, this.#takeView);
    return to;
  }

  /** Stages what an entry changes beside facts and views: its former value leaves the logs, its status the lists or enters them. */
  replace(batch: Batch, entry: Entry): void {
    const { before, key } = entry;
    if (before !== null && before.value !== null) erase(batch, before.version);
    const listing = this.#options.listing(entry);
    if (listing === null) return;
    if (this.#options.placement.ownsKey(key)) batch.listings.push(listing);
    if (listing.isHidden === null) return;
    const bytes = listing.isHidden ? nothing : null;
    batch.changes.push({ kind: 'put', table: 'unlisted', key, bytes });
  }

  #committed(batch: Batch): void {
    this.rows.take(batch);
    this.#options.committed(batch);
  }

  #announced(batch: Batch, ms: number): void {
    if (batch.entries.length > 0) this.#options.timed(ms, batch.entries.length);
    this.#options.announced(batch);
  }

  #failed(error: Error): void {
    // The ballast is of no use to a program that ends, but the next one may need its room to delete.
    if (hasNoSpace(error)) this.#options.disk.dropBallast();
    this.#options.failed(error);
  }
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

/** Throws for what is no key of this store's. */
export function assertKey(key: Key): void {
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
