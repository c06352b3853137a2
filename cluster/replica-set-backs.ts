// Lanes that a scan has set back: where they stood before, so that a log that was trimmed since costs no more than that scan had brought.
import { type Position, placeOf, relayOf } from './peer-messages.ts';

interface SetBack {
  /** Where the lane stood: of all else that is owned, everything up to there is here. */
  before: Position;
  /** Those of which something may be missing that is below it: their source was behind. */
  partitions: Set<number>;
}

/** As it is kept on disk. */
export type KeptSetBack = [origin: number, incarnation: number, seq: number, partitions: number[]];

export class SetBacks {
  /** Where the replica lane of that log stands now. */
  readonly #seqOf: (origin: number, incarnation: number) => number;
  readonly #known = new Map<string, SetBack>();
  /** The logs do not go back to there any more. */
  readonly #goneUpTo = new Map<string, number>();

  constructor(seqOf: (origin: number, incarnation: number) => number) {
    this.#seqOf = seqOf;
  }

  /** To be kept with what is held, before a lane goes back. */
  listed(): KeptSetBack[] {
    return [...this.#known.values()]
      .filter((one) => this.#isBack(one))
      .map(({ before: { origin, incarnation, seq }, partitions }) => [
        origin,
        incarnation,
        seq,
        [...partitions],
      ]);
  }

  /** What `listed` has given, at the next start. */
  restore(kept: readonly KeptSetBack[]): void {
    for (const [origin, incarnation, seq, partitions] of kept)
      this.#known.set(placeOf(origin, incarnation), {
        before: { origin, incarnation, seq },
        partitions: new Set(partitions),
      });
  }

  /** These are scanned from who has that log up to there. True if the lane has been further. */
  note({ origin, incarnation, seq }: Position, partitions: Iterable<number>): boolean {
    const place = placeOf(origin, incarnation);
    const known = this.#known.get(place);
    const back = known !== undefined && this.#isBack(known) ? known : null;
    const before = back?.before ?? { origin, incarnation, seq: this.#seqOf(origin, incarnation) };
    if (seq >= before.seq) return false;
    this.#known.set(place, { before, partitions: new Set([...(back?.partitions ?? []), ...partitions]) });
    return true;
  }

  /** The lane of that node can't be followed from where it stands: where it stood before, and what was scanned since. Null: it was not set back. */
  trimmed(node: number): { positions: Position[]; partitions: Set<number> } | null {
    const back = [...this.#known.values()].filter(
      (one) => (one.before.origin === node || one.before.origin === relayOf(node)) && this.#isBack(one),
    );
    if (back.length === 0) return null;
    for (const { before } of back)
      this.#goneUpTo.set(
        placeOf(before.origin, before.incarnation),
        this.#seqOf(before.origin, before.incarnation),
      );
    return {
      positions: back.map(({ before }) => before),
      partitions: new Set(back.flatMap(({ partitions }) => [...partitions])),
    };
  }

  /** Who has come only so far in that log does not get the rest of it, and nor would this node that is further by now. */
  isGone({ origin, incarnation, seq }: Position): boolean {
    const goneUpTo = this.#goneUpTo.get(placeOf(origin, incarnation));
    return goneUpTo !== undefined && seq <= goneUpTo && seq < this.#seqOf(origin, incarnation);
  }

  #isBack({ before: { origin, incarnation, seq } }: SetBack): boolean {
    return this.#seqOf(origin, incarnation) < seq;
  }
}
