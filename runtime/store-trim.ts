// Trimming the logs: first what was replaced or deleted leaves them, wherever it stands; then what is too old and too much.
import type { Batch } from './store-batch.ts';
import { isRelay, type StoreCopies } from './store-copies.ts';
import type { Environment } from './store-environment.ts';
import { type LogCopy, numberBytes, type StoreLog } from './store-log.ts';
import { noVersion, type Version, versionBytes } from './version.ts';
import { numberAt } from './wire-bytes.ts';

/** The value written with `version` has been replaced: it is to leave the logs at the next trim. */
export function erase(batch: Batch, version: Version): void {
  batch.changes.push({ kind: 'put', table: 'erasures', key: version, bytes: nothing });
}

/** Nothing above these positions is touched: somebody has yet to read it. */
export interface TrimFloor {
  own: number;
  relay: number;
}

export interface TrimOptions {
  environment: Environment;
  own: StoreLog;
  relay: StoreLog;
  copies: StoreCopies;
  floor: TrimFloor;
  /** Of each of the own logs, and of all copies together. */
  mostBytes: number;
  mostEntries: number;
}

const nothing = new Uint8Array(0);
const afterVersions = '\u00ff'.repeat(versionBytes + 1);

type Stage = 'erase' | 'walk' | 'own' | 'relay' | 'copies' | 'done';

/** One trimming, in steps: what a step staged has to be on the disk before the next. */
export class LogTrim {
  readonly #options: TrimOptions;
  #stage: Stage = 'erase';
  #erasedUpTo = '';
  /** Places in the logs of relayed entries that have been looked at. */
  readonly #walked = new Map<string, number>();

  constructor(options: TrimOptions) {
    this.#options = options;
  }

  /** Whether another step may find more to do. */
  step(batch: Batch): boolean {
    const { own, relay, copies, floor, mostBytes, mostEntries } = this.#options;
    switch (this.#stage) {
      case 'erase':
        if (!this.#eraseSome(batch)) this.#stage = 'walk';
        return true;
      case 'walk':
        if (!this.#walkSome(batch)) this.#stage = 'own';
        return true;
      case 'own':
        if (!own.trim(batch, { mostBytes, mostEntries, floor: floor.own })) this.#stage = 'relay';
        return true;
      case 'relay':
        if (!relay.trim(batch, { mostBytes, mostEntries, floor: floor.relay })) this.#stage = 'copies';
        return true;
      case 'copies':
        if (!copies.trim(batch, { mostBytes, mostEntries })) this.#stage = 'done';
        return true;
      case 'done':
        return false;
    }
  }

  /** False when all erasures have been looked at. */
  #eraseSome(batch: Batch): boolean {
    const { environment, own, copies, floor, mostEntries } = this.#options;
    const from = this.#erasedUpTo === '' ? noVersion : `${this.#erasedUpTo}\0`;
    const versions = environment.erasures.keys({ from, to: afterVersions, most: mostEntries });
    const origins = versions.length === 0 ? [] : copies.origins();
    for (const key of versions) {
      this.#erasedUpTo = key;
      const version = key as Version;
      const isOwn = numberAt(version, versionBytes - numberBytes, numberBytes) === own.origin;
      // A commit can be seen on the disk before it is announced: its entries are not within `find` yet.
      if (isOwn && version > own.committedVersion) continue;
      const entry = isOwn ? own.find(version) : null;
      if (entry !== null && entry.position > floor.own) continue;
      batch.changes.push({ kind: 'put', table: 'erasures', key, bytes: null });
      if (entry !== null) own.drop(batch, entry);
      else this.#dropCopy(batch, copies.find(version, origins));
    }
    return versions.length === mostEntries;
  }

  #dropCopy(batch: Batch, copy: LogCopy | null): void {
    if (copy !== null) this.#options.copies.drop(batch, copy);
  }

  /** Relayed entries are in no order, and few: each is compared with what is there now. False when all have been looked at. */
  #walkSome(batch: Batch): boolean {
    const { relay, copies, floor, mostEntries } = this.#options;
    let left = mostEntries;
    const walk = (name: string, read: (after: number) => LogCopy[], take: (entry: LogCopy) => void): void => {
      const found = left > 0 ? read(this.#walked.get(name) ?? 0) : [];
      for (const entry of found) {
        left--;
        this.#walked.set(name, entry.position);
        if (entry.packed !== null && this.#isReplaced(entry)) take(entry);
      }
    };
    walk(
      'own',
      (after) => relay.readCopies(after + 1, left),
      (entry) => {
        if (entry.position <= floor.relay) relay.drop(batch, entry);
      },
    );
    for (const origin of copies.origins().filter(isRelay)) {
      walk(
        `${origin.origin}:${origin.incarnation}`,
        (after) => copies.read(origin, after, left),
        (entry) => copies.drop(batch, entry),
      );
    }
    return left <= 0;
  }

  #isReplaced({ key, version }: LogCopy): boolean {
    const now = this.#options.environment.versions.get(key);
    // A fact that is not here any more has been dropped.
    return now === undefined || now > version;
  }
}
