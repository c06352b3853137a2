// What this node wrote right before it was started last: whether others ever had it, and told it to whom, is not known. When enough owners have it by
// now, it is noted as come late: whoever resumes from a cursor above it is told.
import type { Version } from '../runtime/version.ts';
import type { ReplicaStore } from './replica-ports.ts';
import type { Stored } from './replica-stored.ts';

export interface OwnTailOptions {
  self: number;
  store: Pick<ReplicaStore, 'read' | 'trimmedUpTo' | 'incarnation' | 'noteLate'>;
  /** Everything up to there had been told to everybody before this start. */
  toldUpTo: Version;
  stored: Pick<Stored, 'upTo' | 'atStart'>;
}

/** Of the log's end so many entries are looked at: with some thousand posts a second they are of more than a second. */
const mostEntries = 4096;

export class OwnTail {
  readonly #options: OwnTailOptions;
  #isNoted: boolean;

  constructor(options: OwnTailOptions) {
    this.#options = options;
    this.#isNoted = options.stored.atStart.own === 0;
  }

  /** To be called often. */
  tick(): void {
    const { stored, store, self, toldUpTo } = this.#options;
    const end = stored.atStart.own;
    if (this.#isNoted || stored.upTo.own < end) return;
    this.#isNoted = true;
    const { incarnation } = store;
    const after = Math.max(0, end - mostEntries, store.trimmedUpTo(self, incarnation));
    const tail = (store.read(self, incarnation, after, mostEntries)?.entries ?? []).filter(
      ({ seq, version }) => seq <= end && version > toldUpTo,
    );
    if (tail.length > 0) store.noteLate(tail);
  }
}
