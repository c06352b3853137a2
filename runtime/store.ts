// The store: facts, the log, and what is derived from them, in one LMDB environment. It knows no product: that comes as functions.

import { type AccountId, partitionOf } from './account-id.ts';
import type { CommittedReader, Outcome, PointReader, Recent, Rejection } from './behaviours.ts';
import { type HybridClock, hybridClock } from './clock.ts';
import type { FactWrite } from './fact.ts';
import type { Key } from './key.ts';
import { type LateFact, lateBefore } from './late-facts.ts';
import { RecentIndex } from './recent-index.ts';
import { type SearchFor, SearchIndex } from './search-index.ts';
import type { StatusId } from './status-id.ts';
import { statusKindOf } from './status-rest.ts';
import { type Adopted, type Adoption, StoreAdoption, seenKey } from './store-adoption.ts';
import { StoreBackground } from './store-background.ts';
import { type BackupReport, backupStore } from './store-backup.ts';
import type { Batch } from './store-batch.ts';
import { type Digest, StoreDigest } from './store-digest.ts';
import { assertDataFile, makeFolder, StoreDisk } from './store-disk.ts';
import { CommitError, type Environment, openEnvironment } from './store-environment.ts';
import { StoreFollower } from './store-follower.ts';
import { settleIncarnation } from './store-incarnation.ts';
import { listingOf } from './store-listing.ts';
import { lockFolder, type StoreLock } from './store-lock.ts';
import type { LogEntry } from './store-log.ts';
import { StoreLogs } from './store-logs.ts';
import { StoreMoving } from './store-moving.ts';
import { defaultLimits, type StoreLimits, type StoreOptions } from './store-options.ts';
import { StorePartitions } from './store-partitions.ts';
import { StorePlacement } from './store-placement.ts';
import type { Position } from './store-position.ts';
import { StorePositions } from './store-positions.ts';
import { listedOnDisk, remainingFacts, storeReader } from './store-reader.ts';
import { type Comparison, hasOtherFormat, isRebuildUnfinished, type RebuildReport } from './store-rebuild.ts';
import { StoreRebuilding } from './store-rebuilding.ts';
import { StoreRecords } from './store-records.ts';
import { StoreScan } from './store-scan.ts';
import { assertReadable, firstSchema, nextMark, type StateSchema, schemaKey } from './store-schema.ts';
import type { StoreStatistics } from './store-statistics.ts';
import type { TrimFloor } from './store-trim.ts';
import { StoreWorks } from './store-works.ts';
import { StoreWriter, type SubmitOptions, type Submitted } from './store-writer.ts';
import { noVersion, type Version, versionMs } from './version.ts';
import { packWire } from './wire-bytes.ts';

/** A client that was away for longer is told to read anew. */
const lateKeptMs = 25 * 3_600_000;
const mostLateForgotten = 10_000;
/** No status on the disk is made later than this after the newest of versions: clocks agree better, or are not believed. */
const aheadMs = 10_000;

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
 * `StoreOpenError` when the system or the database does not let it be opened, or its state has a schema that can't be read.
 * A rebuild that was cut short, or that a change of what is derived asks for, is done first.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { folder } = options;
  try {
    makeFolder(folder);
  } catch (error) {
    throw new StoreOpenError(folder, error);
  }
  const lock = options.lock ?? (await lockFolder(folder));
  const schema = options.schema ?? firstSchema;
  let environment: Environment | null = null;
  try {
    const limits = { ...defaultLimits, ...options.limits };
    assertDataFile(folder);
    environment = openEnvironment({
      folder,
      mapSizeBytes: limits.mapSizeBytes,
      inspect: (meta) => assertReadable(meta.get(schemaKey), schema),
    });
    await settleIncarnation(environment, folder);
    await markSchema(environment, schema);
    const store = new Store({ environment, lock, options, limits });
    const isOld = await hasOtherFormat(environment, options.viewsFormat);
    if (isOld || isRebuildUnfinished(environment)) await store.rebuild();
    store.start();
    return store;
  } catch (error) {
    if (!(error instanceof CommitError)) await environment?.close();
    await lock.release();
    throw new StoreOpenError(folder, error);
  }
}

/** Before anything of that schema is written. */
async function markSchema(environment: Environment, schema: StateSchema): Promise<void> {
  const mark = nextMark(environment.meta.get(schemaKey), schema);
  if (mark === null) return;
  await environment.commit([{ kind: 'put', table: 'meta', key: schemaKey, bytes: packWire(mark) }]);
  environment.refresh();
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
  /** Its own log, its relay, and copies of others' logs. */
  readonly logs: StoreLogs;
  readonly partitions: StorePartitions;
  /** Small records of the cluster's. */
  readonly records: StoreRecords;
  /** Facts in order of keys: what others take over or compare. */
  readonly scan: StoreScan;
  readonly #parts: Parts;
  readonly #disk: StoreDisk;
  readonly #writer: StoreWriter;
  readonly #recent: RecentIndex;
  readonly #search: SearchIndex;
  readonly #follower: StoreFollower;
  readonly #background: StoreBackground;
  readonly #positions: StorePositions;
  readonly #digest: StoreDigest;
  readonly #adoption: StoreAdoption;
  readonly #rebuilding: StoreRebuilding;
  /** The highest version on the disk. */
  #version: Version;
  #settled: Version = noVersion;
  readonly #works = new StoreWorks();
  #closing: Promise<void> | null = null;

  constructor(parts: Parts) {
    const { environment, options, limits } = parts;
    const { node, now, derive, addressed, listed, words } = options;
    this.#parts = parts;
    this.#disk = new StoreDisk({
      ...limits,
      folder: options.folder,
      nowMs: now,
      freePercent: options.freePercent,
    });
    if (this.#disk.freePercent() >= 2 * limits.minFreePercent) this.#disk.loadBallast();
    const logs = new StoreLogs(node, environment);
    this.logs = logs;
    const seen = environment.meta.get(seenKey);
    this.#version = seen === undefined ? logs.own.version : higher(logs.own.version, seen as Version);
    this.clock = hybridClock(node, this.#version);
    const placement = StorePlacement.of(environment);
    this.#positions = new StorePositions(environment);
    this.#digest = new StoreDigest(environment);
    this.scan = new StoreScan(environment, addressed);
    const statusKind = statusKindOf(options.statusKey);
    const onDisk = listedOnDisk(environment, statusKind);
    this.#recent = new RecentIndex({
      read: (author, below, most) => (placement.owns(partitionOf(author)) ? onDisk(author, below, most) : ''),
      mostIds: limits.mostIds,
      newFromMs: () => Math.max(now(), versionMs(this.#version)) + aheadMs,
    });
    this.#search = new SearchIndex({
      tables: environment,
      kind: statusKind,
      words,
      listed,
      owns: (key) => placement.ownsKey(key),
      onTrouble: options.onTrouble,
    });
    this.#writer = new StoreWriter({
      ...limits,
      environment,
      log: logs.own,
      clock: this.clock,
      disk: this.#disk,
      now,
      derive,
      addressed,
      placement,
      listing: listingOf(statusKind, listed),
      seal: (batch) => logs.seal(batch),
      committed: (batch) => this.#committed(batch),
      announced: ({ entries, adopted, positions, lastPosition }) => {
        if (entries.length > 0) options.onCommitted(entries, lastPosition);
        if (adopted.length > 0 || positions.length > 0) options.onAdopted?.(adopted, positions);
      },
      timed: (ms, entries) => options.onCommitTimed?.(ms, entries),
      failed: (error) => {
        this.#background.stop();
        options.onFault(error);
      },
    });
    const common = { environment, writer: this.#writer, placement, product: options, statusKind };
    const isCalledOff = () => this.#closing !== null;
    this.#adoption = new StoreAdoption({
      ...common,
      relay: logs.relay,
      copies: logs.copies,
      clock: this.clock,
      positions: this.#positions,
    });
    this.partitions = new StorePartitions({
      placement,
      moving: new StoreMoving({ ...common, ...limits, isCalledOff }),
      writer: this.#writer,
      works: this.#works,
      changed: () => this.#recent.clear(),
    });
    this.records = new StoreRecords(environment, this.#writer);
    this.reader = storeReader(environment, this.#writer.rows, this.#recent);
    this.writerReader = this.#writer.rows.writer;
    this.#follower = new StoreFollower(environment, logs.own, this.#writer, this.#search);
    this.#background = new StoreBackground({
      ...limits,
      logs: { environment, own: logs.own, relay: logs.relay, copies: logs.copies },
      writer: this.#writer,
      follower: this.#follower,
      onTrouble: options.onTrouble,
    });
    this.#rebuilding = new StoreRebuilding({
      ...common,
      ...limits,
      follower: this.#follower,
      search: this.#search,
      isCalledOff,
    });
  }

  /** Brings what is kept in memory up to what is on the disk now. */
  #committed(batch: Batch): void {
    this.logs.commit(batch);
    this.#positions.take(batch);
    this.#digest.take(batch);
    for (const { add, remove } of batch.listings) {
      if (add !== null) this.#recent.add(add);
      if (remove !== null) this.#recent.remove(remove);
    }
    for (const { version } of batch.adopted) this.#version = higher(this.#version, version);
    if (batch.entries.length > 0) this.#version = higher(this.#version, this.logs.own.committedVersion);
    if (batch.leavesUnindexed) this.#follower.marked();
  }

  /** Log position of the last committed entry. */
  get position(): number {
    return this.logs.own.committed;
  }

  /** The highest version given or seen, on the disk or on its way there. */
  get given(): Version {
    return this.clock.last();
  }

  /** The highest version of a committed entry. */
  get version(): Version {
    return this.#version;
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

  /** Resolves when what was taken in so far is on the disk, where `newestOf` and readers find it; null: it is there. */
  get underWay(): Promise<void> | null {
    return this.#writer.commit.underWay;
  }

  /** The newest listed statuses over many authors, newest first. */
  newestOf(recent: Recent): StatusId[] {
    return this.#recent.newestOf(recent);
  }

  /** Committed entries of the log from a position upwards. */
  readLog(from: number, most: number): LogEntry[] {
    return this.logs.own.read(from, most);
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
    return this.#works.alone(() => this.#rebuilding.rebuild(onProgress));
  }

  /** Derives all views into an absent folder, compares them with those at hand, removes the folder. Nothing may be written meanwhile. */
  compareRebuilt(folder: string): Promise<Comparison> {
    return this.#works.alone(() => this.#rebuilding.compare(folder));
  }

  /**
   * Takes in facts that other cores accepted. Of a fact that is here the higher version stays. All or nothing, with the positions, and in
   * the transactions of what is submitted. Throws for bytes that are no fact.
   */
  adopt(adoption: Adoption): Outcome<Adopted> {
    return this.#adoption.adopt(adoption);
  }

  /** These facts are here already, and news to everybody else. Resolves when that is noted on the disk. */
  noteLate(facts: readonly LateFact[], nowMs: number): Promise<void> {
    const expired = this.reader.views(lateBefore(nowMs - lateKeptMs, mostLateForgotten));
    return this.#adoption.note(
      facts,
      expired.map(({ key }) => key),
    );
  }

  /** How far the logs of others are taken in: what is on the disk. */
  get positions(): Position[] {
    return this.#positions.committed;
  }

  /** Nothing above this leaves the own log and the relay: somebody has yet to read it. */
  set trimFloor(floor: TrimFloor) {
    this.#background.floor = floor;
  }

  /** No version up to this one is on its way to the disk from here any more, nor will be. Never goes back. */
  get settled(): Version {
    const { open, inFlight } = this.#writer.commit;
    const isWriting = open.entries.length > 0 || (inFlight?.entries.length ?? 0) > 0;
    const now = isWriting ? this.logs.own.committedVersion : this.clock.last();
    this.#settled = higher(this.#settled, now);
    return this.#settled;
  }

  /** Digest of the facts whose home is the partition. */
  digest(partition: number): Digest {
    return this.#digest.of(partition);
  }

  /** Copies what is committed into an absent or empty folder, while the store goes on. Rejects with `BackupError`. */
  backup(folder: string): Promise<BackupReport> {
    return this.#works.during(backupStore(this.#parts.environment, this.#parts.options.node, folder));
  }

  statistics(): StoreStatistics {
    const { commit, rows } = this.#writer;
    return {
      position: this.logs.own.committed,
      searchBehind: this.#follower.behind,
      logBytes: this.logs.own.bytes,
      copiesBytes: this.logs.copies.bytes,
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
      await Promise.allSettled([this.#works.settled(), this.#background.idle()]);
      await this.#writer.commit.close();
    } catch {
      // `onFault` has been called with it.
    }
    // After a page that could not be written LMDB's memory is not sound any more: freeing it can abort the process.
    if (!(this.#writer.commit.fault instanceof CommitError)) await this.#parts.environment.close();
    await this.#parts.lock.release();
  }
}

function higher(one: Version, other: Version): Version {
  return one > other ? one : other;
}
