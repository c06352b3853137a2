// The end of this node's own log as it was found at the start: what may not be stored by enough owners yet. Whether others ever had it, and told it
// to whom, is not known. When enough have it, or before it is served here, it is noted as come late: whoever resumes from a cursor above it is told.
import type { Key } from '../runtime/key.ts';
import type { Copy } from './peer-messages.ts';
import type { ReplicaStore } from './replica-ports.ts';
import type { Stored } from './replica-stored.ts';

/** So much is looked at: with some thousand posts a second it is of more than a second. */
const mostEntries = 4096;

/** `after`: up to there it was stored; 0 when nobody knows. Null: it is any of it. */
export function ownTail(
  self: number,
  store: Pick<ReplicaStore, 'read' | 'head' | 'incarnation' | 'trimmedUpTo'>,
  after: number,
): Copy[] | null {
  const { incarnation } = store;
  const end = store.head('own');
  if (after === 0 || end - after > mostEntries || store.trimmedUpTo(self, incarnation) > after) return null;
  const entries: Copy[] = [];
  for (let from = after; from < end; ) {
    const piece = store.read(self, incarnation, from, mostEntries);
    if (piece === null) return null;
    entries.push(...piece.entries);
    // What was written over is in the log no more.
    if (piece.upTo <= from) break;
    from = piece.upTo;
  }
  return entries;
}

export interface TailNoteOptions {
  tail: readonly Copy[] | null;
  store: Pick<ReplicaStore, 'noteLate'>;
  stored: Pick<Stored, 'upTo' | 'atStart'>;
  partitionOf(key: Key): number;
}

export class TailNote {
  readonly #options: TailNoteOptions;
  #isDue: boolean;

  constructor(options: TailNoteOptions) {
    this.#options = options;
    this.#isDue = options.tail !== null && options.tail.length > 0;
  }

  /** To be called often. */
  tick(): void {
    const { stored, store, tail } = this.#options;
    if (!this.#isDue || tail === null || stored.upTo.own < stored.atStart.own) return;
    this.#isDue = false;
    store.noteLate(tail, () => {});
  }

  /** What of it is not noted yet. */
  of(partitions: ReadonlySet<number>): Copy[] {
    const { tail, partitionOf } = this.#options;
    return this.#isDue && tail !== null ? tail.filter(({ key }) => partitions.has(partitionOf(key))) : [];
  }
}
