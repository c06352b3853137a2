// What goes to the disk in one transaction, and what is staged on its way there. Writing it is the group commit's concern.
import type { Entry, StoredFact } from './behaviours.ts';
import type { Wire } from './fact.ts';
import type { Key } from './key.ts';
import type { StatusId } from './status-id.ts';
import type { Change } from './store-environment.ts';
import type { Position } from './store-position.ts';
import { packWire } from './wire-bytes.ts';

export interface StagedFact extends StoredFact {
  bytes: Uint8Array;
}

/** What an entry changes in the lists of newest statuses. */
export interface Listing {
  add: StatusId | null;
  remove: StatusId | null;
  /** Whether it is a status that is there but not listed; null when that did not change. */
  isHidden: boolean | null;
}

/** Facts and views of one request, until all of it is known to be sound. */
export class Submission {
  readonly facts = new Map<Key, StagedFact>();
  /** Null deletes. */
  readonly views = new Map<Key, Wire | null>();

  clear(): void {
    this.facts.clear();
    this.views.clear();
  }
}

/** Everything that one transaction writes. A record that changes twice is written once. */
export class Batch {
  readonly facts = new Map<Key, StagedFact>();
  readonly views = new Map<Key, Wire | null>();
  /** Records of the other tables. */
  readonly changes: Change[] = [];
  /** What was submitted here. */
  readonly entries: Entry[] = [];
  /** What was adopted from other cores. */
  readonly adopted: Entry[] = [];
  readonly listings: Listing[] = [];
  /** How far the logs of others have been taken in. */
  readonly positions: Position[] = [];
  /** Small records by their keys: what changes many times is written once. Null removes. */
  readonly meta = new Map<string, Wire | null>();
  /** Facts that leave the store without a trace. */
  readonly removed = new Set<Key>();
  /** The search index is to look at facts that do not come by the own log. */
  leavesUnindexed = false;
  /** The log position of the last entry; in the relay, of the last that is relayed. 0 for none. */
  lastPosition = 0;
  lastRelayed = 0;
  /** An estimate, for the bound on what is in flight. */
  bytes = 0;
  readonly done: Promise<void>;
  #resolve: () => void = () => {};
  #reject: (error: Error) => void = () => {};

  constructor() {
    this.done = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // A batch that nobody waits for may fail without ending the process: the fault is reported by itself.
    this.done.catch(() => {});
  }

  get isEmpty(): boolean {
    return (
      this.entries.length === 0 &&
      this.changes.length === 0 &&
      this.views.size === 0 &&
      this.meta.size === 0 &&
      this.facts.size === 0
    );
  }

  /** Has the search index look at a fact that does not come by the own log. */
  leaveUnindexed(key: Key): void {
    this.leavesUnindexed = true;
    this.changes.push({ kind: 'put', table: 'unindexed', key, bytes: nothing });
  }

  add(submission: Submission): void {
    for (const [key, fact] of submission.facts) this.facts.set(key, fact);
    for (const [key, value] of submission.views) this.views.set(key, value);
  }

  /** All changes, facts and views included. */
  allChanges(): Change[] {
    const all = this.changes;
    for (const key of this.removed) all.push({ kind: 'put', table: 'facts', key, bytes: null });
    for (const [key, value] of this.meta)
      all.push({ kind: 'put', table: 'meta', key, bytes: value === null ? null : packWire(value) });
    for (const [key, { bytes }] of this.facts) all.push({ kind: 'put', table: 'facts', key, bytes });
    for (const [key, value] of this.views) {
      all.push({ kind: 'put', table: 'views', key, bytes: value === null ? null : packWire(value) });
    }
    return all;
  }

  resolve(): void {
    this.#resolve();
  }

  reject(error: Error): void {
    this.#reject(error);
  }
}

const nothing = new Uint8Array(0);
