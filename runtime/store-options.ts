// What a store is opened with: the product's functions, who is told of what, and the bounds.
import type { AccountId } from './account-id.ts';
import type { Addressing, Entry, FoundFact, PointReader, ViewWrite } from './behaviours.ts';
import type { Wire } from './fact.ts';
import type { Key } from './key.ts';
import type { StatusId } from './status-id.ts';
import type { StoreLock } from './store-lock.ts';
import type { Position } from './store-position.ts';
import type { StateSchema } from './store-schema.ts';

/** What the store asks of the product. All pure. */
export interface StoreProduct {
  /** The views that a fact changes. The reader also sees what is on its way to the disk, this fact included. */
  derive(entry: Entry, read: PointReader): ViewWrite[];
  /** The accounts beside its own that a fact, or its former value, is addressed to: all under which `derive` may write for it. */
  addressed(change: Addressing): readonly AccountId[];
  /** The views under the server's account that a fact gave, taken back. They depend on no other fact. */
  withdraw(fact: FoundFact, read: PointReader): ViewWrite[];
  /** Changes when `derive` gives other views for the same facts: those of a store written by an older one are derived anew at opening. */
  viewsFormat: number;
  /** The status id of a fact that followers may see: for the lists of an author's newest statuses, and for search. */
  listed(key: Key, value: Wire | null): StatusId | null;
  /** The key of a status's fact. An author's keys must sort as the status ids do. */
  statusKey(id: StatusId): Key;
  /** Words by which a fact can be found; it is found only if it is listed. */
  words(fact: FoundFact): string[];
}

export interface StoreOptions extends StoreProduct {
  /** Made when absent. */
  folder: string;
  /** This node's number, 0..2^32-1: it ends each version. */
  node: number;
  /** Milliseconds since 1970. */
  now(): number;
  /** Called once a transaction, in order, after the fsync and before any `done` of it resolves. The entries' positions end at `position`. */
  onCommitted(entries: Entry[], position: number): void;
  /**
   * Called once a transaction that holds what was adopted from other cores, after `onCommitted`: the entries in the order in which they
   * were taken in, and how far the logs of others are taken in now.
   */
  onAdopted?: ((entries: Entry[], positions: readonly Position[]) => void) | undefined;
  /**
   * The disk failed, or another program took the folder over. Nothing is accepted any more. End the process at once, best by
   * a signal: LMDB's memory may not be sound, so that an orderly exit, which frees it, can abort or hang.
   */
  onFault(error: Error): void;
  /** Work in the background failed for another reason than the disk, e.g. a bug in `words`. It is tried again. */
  onTrouble?: ((error: Error) => void) | undefined;
  /** How long a transaction took, from its start to the end of its fsync. */
  onCommitTimed?: ((ms: number, entries: number) => void) | undefined;
  limits?: Partial<StoreLimits> | undefined;
  /** What can be read of stored state, and what is written. A store that can't be read is not opened. Default: `firstSchema`. */
  schema?: StateSchema | undefined;
  /** The folder's, when the caller holds it already: it is released with the store, or when that can't be opened. */
  lock?: StoreLock | undefined;
  /** Percent of the disk that is free, instead of asking the file system. For tests. */
  freePercent?: (() => number) | undefined;
}

export interface StoreLimits {
  /** Address space for the database. LMDB can enlarge it, but not without moving it: take plenty. The file grows as needed. */
  mapSizeBytes: number;
  /** With less of the disk free only deletes are accepted. */
  minFreePercent: number;
  /** Kept for deletes on a full disk. 0 for none. */
  ballastBytes: number;
  /** The log is trimmed to this size, as far as its followers allow; so are the relay, and all copies of others' logs together. */
  logBytes: number;
  /** With this much on its way to the disk, writes are refused as `busy`. */
  mostBytesInFlight: number;
  mostEntriesInFlight: number;
  /** Decoded facts and views kept in memory. */
  mostRows: number;
  /** Ids of newest statuses kept in memory. */
  mostIds: number;
  /** Facts that one transaction sees to when partitions come and go. */
  factsAtOnce: number;
  /** How often the search index follows and the log is trimmed; 0: only when asked. */
  searchEveryMs: number;
  trimEveryMs: number;
}

export const defaultLimits: Readonly<StoreLimits> = {
  mapSizeBytes: 2 ** 40,
  minFreePercent: 5,
  ballastBytes: 16 * 2 ** 20,
  logBytes: 2 ** 30,
  mostBytesInFlight: 64 * 2 ** 20,
  mostEntriesInFlight: 100_000,
  mostRows: 200_000,
  mostIds: 4_000_000,
  factsAtOnce: 500,
  searchEveryMs: 1_000,
  trimEveryMs: 60_000,
};
