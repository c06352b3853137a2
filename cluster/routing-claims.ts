// Who serves which partition, as the linked cores say. Pure: no links, no clock. Asking there is routing-client.ts's.
import { partitionCount } from '../runtime/account-id.ts';
import type { Serving } from './link-messages.ts';

/** Partitions that are not served any more as they were, and those that are served anew. One that changes hands is in both. */
export interface Shift {
  lost: ReadonlySet<number>;
  served: ReadonlySet<number>;
}

interface Claim {
  /** Null: it has said nothing since its link opened. */
  terms: ReadonlyMap<number, number> | null;
  version: number;
}

/** In place of a node: nobody. */
export const nobody = 0;
/** In place of a term: of a sole core that has said nothing. */
const unsaid = -1;

export class Claims {
  readonly #claims = new Map<number, Claim>();
  /** A core that serves everything until it says otherwise: the only one there is. */
  #sole = nobody;
  readonly #servers: number[] = new Array(partitionCount).fill(nobody);
  readonly #terms: number[] = new Array(partitionCount).fill(unsaid);
  /** What a core claims under a lower term is over, whether it knows it or not. */
  readonly #highest: number[] = new Array(partitionCount).fill(unsaid);
  readonly #shifts: number[] = new Array(partitionCount).fill(0);

  /** A node, or `nobody`. */
  serverOf(partition: number): number {
    return this.#servers[partition] ?? nobody;
  }

  /** Another number whenever the partition has been lost or found in between. */
  shiftsOf(partition: number): number {
    return this.#shifts[partition] ?? 0;
  }

  /** The only core there is, or `nobody` where there are several. */
  soleIs(node: number): Shift {
    this.#sole = node;
    return this.#settle();
  }

  linked(node: number): Shift {
    this.#claims.set(node, { terms: null, version: 0 });
    return this.#settle();
  }

  unlinked(node: number): Shift {
    this.#claims.delete(node);
    return this.#settle();
  }

  told(node: number, { version, terms }: Serving): Shift {
    const claim = this.#claims.get(node);
    if (claim === undefined || version < claim.version) return { lost: none, served: none };
    claim.version = version;
    claim.terms = new Map(terms.map(({ partition, term }) => [partition, term]));
    for (const [partition, term] of claim.terms)
      if (partition < partitionCount && term > (this.#highest[partition] ?? unsaid))
        this.#highest[partition] = term;
    return this.#settle();
  }

  #settle(): Shift {
    const lost = new Set<number>();
    const served = new Set<number>();
    for (let partition = 0; partition < partitionCount; partition++) {
      const { node, term } = this.#bestOf(partition);
      const before = this.#servers[partition] ?? nobody;
      const termBefore = this.#terms[partition] ?? unsaid;
      this.#servers[partition] = node;
      this.#terms[partition] = term;
      // That a sole core now says what it has served all along is no news.
      if (node === before && (term === termBefore || termBefore === unsaid)) continue;
      this.#shifts[partition] = this.shiftsOf(partition) + 1;
      if (before !== nobody) lost.add(partition);
      if (node !== nobody) served.add(partition);
    }
    return { lost, served };
  }

  #bestOf(partition: number): { node: number; term: number } {
    const highest = this.#highest[partition] ?? unsaid;
    for (const [node, { terms }] of this.#claims) {
      if (terms === null) {
        if (node === this.#sole) return { node, term: unsaid };
      } else if (terms.get(partition) === highest && highest !== unsaid) {
        return { node, term: highest };
      }
    }
    return { node: nobody, term: unsaid };
  }
}

const none: ReadonlySet<number> = new Set();
