// All logs of a store: its own, its relay, and the copies of others'. Which of them an origin's entries stand in is known here.
import type { Copy } from './store-adoption.ts';
import type { Batch } from './store-batch.ts';
import { type Origin, StoreCopies } from './store-copies.ts';
import type { Environment } from './store-environment.ts';
import { type LogCopy, ownHeadKey, relayed, relayHeadKey, StoreLog } from './store-log.ts';

export interface Piece {
  /** Ascending. Places may be missing: what was replaced since has left the log. */
  entries: (Copy & { seq: number })[];
  /** Everything up to here was looked at. */
  upTo: number;
}

export interface LogHeadOf extends Origin {
  /** The last place on the disk. */
  seq: number;
}

export class StoreLogs {
  readonly own: StoreLog;
  readonly relay: StoreLog;
  readonly copies: StoreCopies;
  readonly #environment: Environment;

  constructor(node: number, environment: Environment) {
    this.#environment = environment;
    this.own = new StoreLog({ origin: node, environment, headKey: ownHeadKey });
    this.relay = new StoreLog({ origin: node + relayed, environment, headKey: relayHeadKey });
    this.copies = new StoreCopies(environment, (origin) => this.#writing(origin) !== null);
  }

  /** Adds the heads of the logs to what a transaction writes. */
  seal(batch: Batch): void {
    this.own.seal(batch);
    // Most stores have never relayed anything.
    if (this.relay.head > 0) this.relay.seal(batch);
  }

  commit(batch: Batch): void {
    const last = batch.entries.at(-1);
    if (last !== undefined) this.own.commit(batch.lastPosition, last.version);
    if (batch.lastRelayed > 0) this.relay.commit(batch.lastRelayed, this.relay.version);
  }

  /** Committed entries of any origin above `after`. Null when some of those were dropped for their age. */
  read(origin: Origin, after: number, most: number): Piece | null {
    const log = this.#writing(origin);
    if (log === null) {
      if (after < this.copies.trimmedUpTo(origin)) return null;
      const entries = this.copies.read(origin, after, most).map(copyOf);
      const last = entries.at(-1)?.seq ?? Math.max(after, this.copies.head(origin));
      return { entries, upTo: last };
    }
    if (log.isTrimmedAfter(after)) return null;
    const found = log.readCopies(after + 1, most);
    const last = found.at(-1);
    // Places ascend across lives: under the present one, everything can be read; under an earlier one, what is its own.
    if (origin.incarnation !== this.#environment.incarnation) {
      const own = found.filter(({ incarnation }) => incarnation === origin.incarnation);
      return { entries: own.map(copyOf), upTo: own.at(-1)?.position ?? after };
    }
    const upTo = found.length === most && last !== undefined ? last.position : Math.max(after, log.committed);
    return { entries: found.map(copyOf), upTo };
  }

  /** Committed entries of an origin up to there may have been dropped for their age. 0: none. */
  trimmedUpTo(origin: Origin): number {
    return this.#writing(origin)?.trimmedUpTo ?? this.copies.trimmedUpTo(origin);
  }

  /** Up to where there are entries of every origin. */
  heads(): LogHeadOf[] {
    const incarnation = this.#environment.incarnation ?? 0;
    const own = [this.own, this.relay].map(({ origin, committed }) => ({
      origin,
      incarnation,
      seq: committed,
    }));
    const copies = this.copies.origins().map((origin) => ({ ...origin, seq: this.copies.head(origin) }));
    return [...own, ...copies].filter(({ seq }) => seq > 0);
  }

  /** The log of this store's own that an origin's life is; null when it is somebody else's. */
  #writing({ origin, incarnation }: Origin): StoreLog | null {
    const log = origin === this.own.origin ? this.own : origin === this.relay.origin ? this.relay : null;
    return log?.isLife(incarnation) ? log : null;
  }
}

function copyOf({ position, version, key, packed, live, to }: LogCopy): Copy & { seq: number } {
  return { seq: position, version, key, packed, live, to };
}
