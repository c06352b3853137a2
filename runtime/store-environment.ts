// The LMDB environment of a store: its tables, and the one way to write to them. What is written and when is the store's concern.
import { type Database, open, type RootDatabase } from 'lmdb';
import type { StoredFact } from './behaviours.ts';
import type { Wire } from './fact.ts';
import type { Version } from './version.ts';
import {
  factOf,
  isPresent,
  type LoggedCopy,
  type LoggedFact,
  latin1,
  loggedCopyOf,
  loggedOf,
  loggedVersionOf,
  type PackedFact,
  packedFactOf,
  unpackWire,
  versionOf,
  writeLatin1,
} from './wire-bytes.ts';

export interface TableRange {
  /** First key, included. */
  from: string;
  /** First key no longer included. */
  to: string;
  most: number;
  /** Highest first. */
  reverse?: boolean | undefined;
}

export interface Record<Value> {
  key: string;
  value: Value;
}

/** Reads what is committed. Keys are latin1 strings; values come decoded. */
export interface Table<Value> {
  get(key: string): Value | undefined;
  range(range: TableRange): Record<Value>[];
  keys(range: TableRange): string[];
}

export type TableName = Exclude<keyof Tables, 'presence' | 'versions' | 'packed' | 'copies' | 'logged'>;

export interface Tables {
  facts: Table<StoredFact>;
  /** The facts again: whether there is a value under a key, without reading it. */
  presence: Table<boolean>;
  /** The facts again: their versions alone. */
  versions: Table<Version>;
  /** The facts again: their values packed. */
  packed: Table<PackedFact>;
  /** Keys of statuses that followers may not see -> nothing. */
  unlisted: Table<string>;
  views: Table<Wire>;
  log: Table<LoggedFact>;
  /** The log again: its values packed. */
  copies: Table<LoggedCopy>;
  /** The log again: its versions alone. */
  logged: Table<Version>;
  /** Places in the log whose value has been replaced or deleted since: version of the old value -> nothing. */
  erasures: Table<string>;
  /** Word and status id -> nothing. */
  postings: Table<string>;
  /** Key of a fact -> what the search index holds of it. */
  terms: Table<string>;
  /** Keys of facts that came otherwise than by the own log, which the search index has yet to look at -> nothing. */
  unindexed: Table<string>;
  meta: Table<Wire>;
}

/** Null bytes remove the record; `clear` empties the table. */
export type Change =
  | { kind: 'put'; table: TableName; key: string; bytes: Uint8Array | null }
  | { kind: 'clear'; table: TableName };

/** LMDB's own limit is 1,978. */
export const longestKey = 1024;
const incarnationKey = 'incarnation';

export interface Environment extends Tables {
  /** 1..2^32-1; null for a store that has none yet. */
  incarnation: number | null;
  /** Makes this environment's writes conditional on a new incarnation. Only at opening. */
  adopt(incarnation: number): Promise<void>;
  /**
   * Writes all changes in one transaction and resolves after the fsync. Rejects when nothing was written: the disk failed,
   * or another incarnation has taken the store over. After a rejection the environment is not to be written to again.
   */
  commit(changes: readonly Change[]): Promise<void>;
  /** Reads from now on see the newest commit. */
  refresh(): void;
  fileBytes(): number;
  copy(path: string): Promise<void>;
  close(): Promise<void>;
}

interface Keys {
  writeKey(key: unknown, target: Buffer, start: number): number;
  readKey(target: Buffer, start: number, end: number): string;
}

const keyEncoder: Keys = {
  // LMDB's `clear` comes with a key that is no string: it has no length.
  writeKey: (key, target, start) => (typeof key === 'string' ? writeLatin1(target, key, start) : start),
  readKey: (target, start, end) => latin1(target, start, end),
};

/** Values are packed before they get here; reading decodes from LMDB's own buffer, which is only valid now. */
function encoderFor<Value>(decode: (bytes: Buffer, end: number) => Value) {
  return {
    encode: (bytes: Uint8Array) => bytes,
    decode: (bytes: Uint8Array, end: unknown) => {
      // Large values come as a view of the map itself.
      const buffer = Buffer.isBuffer(bytes)
        ? bytes
        : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return decode(buffer, typeof end === 'number' ? end : bytes.length);
    },
  };
}

const wireOf = (bytes: Buffer, end: number): Wire => unpackWire(bytes, 0, end);
const charactersOf = (bytes: Buffer, end: number): string => latin1(bytes, 0, end);

export interface EnvironmentOptions {
  folder: string;
  mapSizeBytes: number;
  /** Beside the program that writes, if need be. What is not there yet is empty then. */
  readOnly?: boolean;
  /** Looks at `meta` before any other table is opened, and so before one that is missing is made. What it throws is thrown. */
  inspect?: ((meta: Table<Wire>) => void) | undefined;
}

export function openEnvironment({
  folder,
  mapSizeBytes,
  readOnly = false,
  inspect = () => {},
}: EnvironmentOptions): Environment {
  const root: RootDatabase<Uint8Array, string> = open({
    path: folder,
    // Otherwise a folder whose name has a dot in it would be taken for the name of a file.
    noSubdir: false,
    mapSize: mapSizeBytes,
    maxDbs: 16,
    // With overlapping sync a failed fsync leaves the value readable, even after reopening.
    overlappingSync: false,
    encoding: 'binary',
    // One `ifVersion` block is one transaction; LMDB's own grouping by event turns would only delay it.
    eventTurnBatching: false,
    // The writer thread starts while the rest of a large block is still being queued.
    batchStartThreshold: 64,
    // No list of free pages is kept from one transaction to the next: it is read anew. LMDB writes only the part of a kept list that
    // has changed; when a commit takes its very last page, LMDB looks for a record it has not written, and can fail by it.
    maxFreeSpaceToRetain: 0,
    readOnly,
    permissionsMode: 0o600,
  } as Parameters<typeof open>[0]);

  const databases = new Map<TableName, Database<Uint8Array, string>>();
  function table<Value>(name: TableName, decode: (bytes: Buffer, end: number) => Value): Table<Value> {
    const database: Database<Uint8Array, string> | undefined = root.openDB<Uint8Array, string>({
      name,
      keyEncoder,
      encoder: encoderFor(decode),
      useVersions: name === 'meta',
    } as unknown as { name: string });
    // Only who may not write is not given a table that is missing.
    if (database === undefined) return emptyTable();
    databases.set(name, database);
    return tableOf<Value>(database as unknown as Database<Value, string>);
  }

  const metaTable = table('meta', wireOf);
  try {
    inspect(metaTable);
  } catch (error) {
    void root.close();
    throw error;
  }
  const tables: Tables = {
    facts: table('facts', factOf),
    presence: table('facts', (bytes) => isPresent(bytes)),
    versions: table('facts', (bytes) => versionOf(bytes)),
    packed: table('facts', packedFactOf),
    unlisted: table('unlisted', charactersOf),
    views: table('views', wireOf),
    log: table('log', loggedOf),
    copies: table('log', loggedCopyOf),
    logged: table('log', (bytes) => loggedVersionOf(bytes)),
    erasures: table('erasures', charactersOf),
    postings: table('postings', charactersOf),
    terms: table('terms', charactersOf),
    unindexed: table('unindexed', charactersOf),
    meta: metaTable,
  };
  const meta = databases.get('meta');
  let incarnation = meta?.getEntry(incarnationKey)?.version ?? null;

  function apply(changes: readonly Change[]): void {
    for (const change of changes) {
      const database = databases.get(change.table);
      if (database === undefined) continue;
      if (change.kind === 'clear') void database.clearAsync();
      else if (change.bytes === null) void database.remove(change.key);
      else if (change.table === 'meta') void database.put(change.key, change.bytes, 1);
      else void database.put(change.key, change.bytes);
    }
  }

  return {
    ...tables,
    get incarnation() {
      return incarnation;
    },
    async adopt(next) {
      if (meta === undefined) throw new Error('the store is opened for reading');
      await settled(meta.put(incarnationKey, new Uint8Array([nil]), next));
      incarnation = next;
    },
    async commit(changes) {
      if (incarnation === null || meta === undefined) throw new Error('the store has no incarnation yet');
      const isOurs = await settled(meta.ifVersion(incarnationKey, incarnation, () => apply(changes)));
      if (!isOurs) throw new TakenOverError();
    },
    refresh: () => root.resetReadTxn(),
    fileBytes() {
      const { lastPageNumber, pageSize } = root.getStats() as { lastPageNumber: number; pageSize: number };
      return (lastPageNumber + 1) * pageSize;
    },
    copy: (path) => root.backup(path, true),
    close: () => root.close(),
  };
}

const nil = 0xc0;

/** The transaction is not on the disk: `cause` is what the disk said. */
export class CommitError extends Error {
  code = 'commit-failed';
  constructor(cause: Error) {
    super(`the store could not be written: ${cause.message}`, { cause });
    this.name = 'CommitError';
  }
}

async function settled(writing: Promise<boolean>): Promise<boolean> {
  try {
    return await writing;
  } catch (error) {
    throw new CommitError(await reasonOf(error));
  }
}

const reasonTimeoutMs = 1_000;

/** LMDB tells the reason after the failure, by a promise that must not stay unhandled. */
async function reasonOf(error: unknown): Promise<Error> {
  const failure = error instanceof Error ? error : new Error(String(error));
  const reason = 'commitError' in failure ? failure.commitError : undefined;
  if (!(reason instanceof Promise)) return failure;
  const told = reason.catch((said: unknown) => (said instanceof Error ? said : new Error(String(said))));
  const late = new Promise<Error>((resolve) => setTimeout(() => resolve(failure), reasonTimeoutMs).unref());
  return await Promise.race([told.then((said) => (said instanceof Error ? said : failure)), late]);
}

/** Another program has opened the same files as its own since: nothing was written. */
export class TakenOverError extends Error {
  constructor() {
    super('another program has taken over this data folder; nothing was written');
    this.name = 'TakenOverError';
  }
}

function emptyTable<Value>(): Table<Value> {
  return { get: () => undefined, range: () => [], keys: () => [] };
}

function tableOf<Value>(database: Database<Value, string>): Table<Value> {
  const span = ({ from, to, most, reverse }: TableRange) =>
    reverse
      ? // LMDB's reverse range begins at its start and excludes its end: ours includes `from` and excludes `to`.
        { start: to, end: from, reverse: true, exclusiveStart: true, inclusiveEnd: true, limit: most }
      : { start: from, end: to, limit: most };
  return {
    get: (key) => database.get(key),
    range(range) {
      const found: Record<Value>[] = [];
      for (const record of database.getRange(span(range))) found.push(record);
      return found;
    },
    keys(range) {
      const found: string[] = [];
      for (const key of database.getKeys(span(range))) found.push(key);
      return found;
    },
  };
}
