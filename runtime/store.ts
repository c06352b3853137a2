// The store: facts, the log, and what is derived from them, in one LMDB environment. It knows no product: that comes as functions.
import type { AccountId } from './account-id.ts';
import type { CommittedReader, Outcome, PointReader, Recent, Rejection } from './behaviours.ts';
import { type HybridClock, hybridClock } from './clock.ts';
import type { FactWrite } from './fact.ts';
import type { Key } from './key.ts';
import { RecentIndex } from './recent-index.ts';
import { type SearchFor, SearchIndex } from './search-index.ts';
import type { StatusId } from './status-id.ts';
import { statusKindOf } from './status-rest.ts';
import { StoreBackground } from './store-background.ts';
import { type BackupReport, backupStore } from './store-backup.ts';
import { assertDataFile, makeFolder, removeFolder, StoreDisk } from './store-disk.ts';
import { CommitError, type Environment, openEnvironment } from './store-environment.ts';
import { StoreFollower } from './store-follower.ts';
import { newIncarnation, settleIncarnation } from './store-incarnation.ts';
import { hiding, listingOf } from './store-listing.ts';
import { lockFolder, type StoreLock } from './store-lock.ts';
import { type LogEntry, StoreLog } from './store-log.ts';
import { defaultLimits, type StoreLimits, type StoreOptions } from './store-options.ts';
import { listedOnDisk, remainingFacts, storeReader } from './store-reader.ts';
import {
  type Comparison,
  compareViews,
  isRebuildUnfinished,
  type RebuildReport,
  rebuildViews,
} from './store-rebuild.ts';
import type { StoreStatistics } from './store-statistics.ts';
import { StoreWriter, type SubmitOptions, type Submitted } from './store-writer.ts';
import type { Version } from './version.ts';

/** The folder or what is in it can't be used: `cause` is what the system said. */
export class StoreOpenError extends Error {
  code = 'store-unusable';
  constructor(folder: string, cause: unknown) {
    const said = cause instanceof Error ? cause.message : String(cause);
    super(`the store in ${folder} could not be opened: ${said}`, { cause });
    this.name = 'StoreOpenError';
  }
}

/**
 * Opens the store of a folder, making it when absent. Rejects with `FolderInUseError` while another program holds it, and with
 * `StoreOpenError` when the system or the database does not let it be opened.
 * A rebuild that was cut short is done again first.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { folder } = options;
  try {
    makeFolder(folder);
  } catch (error) {
    throw new StoreOpenError(folder, error);
  }
  const lock = await lockFolder(folder);
  let environment: Environment | null = null;
  try {
    const limits = { ...defaultLimits, ...options.limits };
    assertDataFile(folder);
    environment = openEnvironment({ folder, mapSizeBytes: limits.mapSizeBytes });
    await settleIncarnation(environment, folder);
    const store = new Store({ environment, lock, options, limits });
    if (isRebuildUnfinished(environment)) await store.rebuild();
    store.start();
    return store;
  } catch (error) {
    if (!(error instanceof CommitError)) await environment?.close();
    await lock.release();
    throw new StoreOpenError(folder, error);
  }
}

interface Parts {
  environment: Environment;
  lock: StoreLock;
  options: StoreOptions;
  limits: StoreLimits;
}

export class Store {
  /** What is committed. */
  readonly reader: CommittedReader;
  /** What is committed, and what is on its way to the disk over it. */
  readonly writerReader: PointReader;
  readonly clock: HybridClock;
  readonly #parts: Parts;
  readonly #disk: StoreDisk;
  readonly #log: StoreLog;
  readonly #writer: StoreWriter;
  readonly #recent: RecentIndex;
  readonly #search: SearchIndex;
  readonly #follower: StoreFollower;
  readonly #background: StoreBackground;
  readonly #works = new Set<Promise<unknown>>();
  #closing: Promise<void> | null = null;

  constructor(parts: Parts) {
    const { environment, options, limits } = parts;
    const { node, now, derive, listed, words } = options;
    this.#parts = parts;
    this.#disk = new StoreDisk({
      ...limits,
      folder: options.folder,
      nowMs: now,
      freePercent: options.freePercent,
    });
    if (this.#disk.freePercent() >= 2 * limits.minFreePercent) this.#disk.loadBallast();
    this.#log = new StoreLog(node, environment);
    this.clock = hybridClock(node, this.#log.version);
    const statusKind = statusKindOf(options.statusKey);
    this.#recent = new RecentIndex({
      read: listedOnDisk(environment, statusKind),
      mostIds: limits.mostIds,
    });
    this.#search = new SearchIndex({
      tables: environment,
      kind: statusKind,
      words,
      listed,
      onTrouble: options.onTrouble,
    });
    this.#writer = new StoreWriter({
      ...limits,
      environment,
      log: this.#log,
      clock: this.clock,
      disk: this.#disk,
      now,
      derive,
      listing: listingOf(statusKind, listed),
      committed: (listings) => {
        for (const { add, remove } of listings) {
          if (add !== null) this.#recent.add(add);
          if (remove !== null) this.#recent.remove(remove);
        }
      },
      announced: (entries, position) => options.onCommitted(entries, position),
      timed: (ms, entries) => options.onCommitTimed?.(ms, entries),
      failed: (error) => {
        this.#background.stop();
        options.onFault(error);
      },
    });
    this.reader = storeReader(environment, this.#writer.rows, this.#recent);
    this.writerReader = this.#writer.rows.writer;
    this.#follower = new StoreFollower(environment, this.#log, this.#writer, this.#search);
    this.#background = new StoreBackground({
      ...limits,
      log: this.#log,
      writer: this.#writer,
      follower: this.#follower,
      onTrouble: options.onTrouble,
    });
  }

  /** Log position of the last committed entry. */
  get position(): number {
    return this.#log.committed;
  }

  /** The highest version given, on the disk or on its way there. */
  get given(): Version {
    return this.#log.version;
  }

  /** The version of the last committed entry. */
  get version(): Version {
    return this.#log.committedVersion;
  }

  /** This life of the store, 1..2^32-1. A restored or copied store has another. */
  get incarnation(): number {
    return this.#parts.environment.incarnation ?? 0;
  }

  /** Whether a write can be taken in now: null, or the reason why not. */
  refusal(options: { deletes: boolean }): Rejection | null {
    return this.#writer.refusal(options);
  }

  /**
   * Takes in facts, to be written with all that derives from them in one transaction: all or nothing. Readers of `writerReader`
   * see them at once. Throws what `derive` throws, and then nothing is taken in.
   */
  submit(writes: readonly FactWrite[], options: SubmitOptions): Outcome<Submitted> {
    return this.#writer.submit(writes, options);
  }

  /** The newest listed statuses over many authors, newest first. */
  newestOf(recent: Recent): StatusId[] {
    return this.#recent.newestOf(recent);
  }

  /** Committed entries of the log from a position upwards. */
  readLog(from: number, most: number): LogEntry[] {
    return this.#log.read(from, most);
  }

  /** Takes replaced and deleted values out of the log, and its oldest entries when it is too long. */
  trimLog(): Promise<void> {
    return this.#background.trimLog();
  }

  /** Statuses that hold all the words, newest first. What was just written is found after `catchUpSearch`. */
  search(search: SearchFor): StatusId[] {
    return this.#search.find(search);
  }

  /** Brings the search index to what is committed now. False when `withinMs` was over first. */
  catchUpSearch(withinMs: number): Promise<boolean> {
    return this.#follower.catchUp(withinMs);
  }

  /** Keys of an account's facts that are no tombstones, above `after`, without `except`. */
  remaining(options: { account: AccountId; after: Key | null; except: Key; most: number }): Key[] {
    return remainingFacts(this.#parts.environment.facts, options);
  }

  /** Derives all views and the search index anew. Writes are refused meanwhile. Cut short, it is done again at the next opening. */
  rebuild(onProgress: (facts: number) => void = () => {}): Promise<RebuildReport> {
    return this.#during(this.#rebuild(onProgress));
  }

  async #rebuild(onProgress: (facts: number) => void): Promise<RebuildReport> {
    this.#writer.closed = { code: 'unavailable', message: 'The views are being rebuilt' };
    try {
      await this.#follower.pause();
      await this.#writer.commit.drain();
      const { environment, options, limits } = this.#parts;
      const hide = hiding(statusKindOf(options.statusKey), options.listed);
      const report = await rebuildViews({
        isCalledOff: () => this.#closing !== null,
        facts: environment.facts,
        target: environment,
        derive: options.derive,
        alsoTake: (facts, batch) => {
          this.#search.take(facts, batch);
          hide(facts, batch);
        },
        mostRows: limits.mostRows,
        onProgress,
      });
      this.#writer.rows.forgetViews();
      await this.#follower.resumeAtHead();
      if (this.#closing === null) this.#writer.closed = null;
      return report;
    } catch (error) {
      this.#writer.rows.forgetViews();
      this.#writer.closed = {
        code: 'unavailable',
        message: 'The views are incomplete: they are rebuilt at the next start',
      };
      throw error;
    }
  }

  /** Derives all views into an absent folder, compares them with those at hand, removes the folder. Nothing may be written meanwhile. */
  compareRebuilt(folder: string): Promise<Comparison> {
    return this.#during(this.#compareRebuilt(folder));
  }

  async #compareRebuilt(folder: string): Promise<Comparison> {
    await this.#writer.commit.drain();
    const { environment, options, limits } = this.#parts;
    const target = openEnvironment({ folder, mapSizeBytes: limits.mapSizeBytes });
    try {
      await target.adopt(newIncarnation(null));
      await rebuildViews({
        isCalledOff: () => this.#closing !== null,
        facts: environment.facts,
        target,
        derive: options.derive,
        alsoTake: () => {},
        mostRows: limits.mostRows,
        onProgress: () => {},
      });
      return compareViews(environment.views, target.views);
    } finally {
      await target.close();
      removeFolder(folder);
    }
  }

  /** Copies what is committed into an absent or empty folder, while the store goes on. Rejects with `BackupError`. */
  backup(folder: string): Promise<BackupReport> {
    return this.#during(backupStore(this.#parts.environment, this.#parts.options.node, folder));
  }

  /** The database is not closed under long work: closing waits for it. */
  async #during<T>(work: Promise<T>): Promise<T> {
    this.#works.add(work);
    try {
      return await work;
    } finally {
      this.#works.delete(work);
    }
  }

  statistics(): StoreStatistics {
    const { commit, rows } = this.#writer;
    return {
      position: this.#log.committed,
      searchBehind: this.#follower.behind,
      logBytes: this.#log.bytes,
      fileBytes: this.#parts.environment.fileBytes(),
      bytesInFlight: commit.bytesInFlight,
      entriesInFlight: commit.entriesInFlight,
      rows: rows.size,
      rowHits: rows.hits,
      rowMisses: rows.misses,
      idAuthors: this.#recent.authors,
      idHits: this.#recent.hits,
      idMisses: this.#recent.misses,
      freePercent: this.#disk.freePercent(),
      readOnly: this.#writer.isReadOnly,
      faulted: commit.fault !== null,
    };
  }

  /** Begins the work in the background. */
  start(): void {
    this.#background.start();
  }

  /** Writes what was taken in, then closes. Nothing is accepted from now on. Never rejects for a fault: that was reported. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#writer.closed = { code: 'unavailable', message: 'The store is closing' };
    this.#background.stop();
    try {
      await this.#writer.commit.drain();
      await Promise.allSettled([...this.#works, this.#background.idle()]);
      await this.#writer.commit.drain();
    } catch {
      // `onFault` has been called with it.
    }
    // After a page that could not be written LMDB's memory is not sound any more: freeing it can abort the process.
    if (!(this.#writer.commit.fault instanceof CommitError)) await this.#parts.environment.close();
    await this.#parts.lock.release();
  }
}
