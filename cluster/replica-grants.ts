// An owner's grants: who may serve each partition, and under which term. On disk before anybody hears of them.
import type { Term } from './peer-messages.ts';
import type { PeerIdentity, ReplicaStore } from './replica-ports.ts';

export interface Grant {
  term: number;
  holder: PeerIdentity;
}

export interface Refused {
  partition: number;
  term: number;
  holder: number;
}

export interface GrantsOptions {
  store: Pick<ReplicaStore, 'keep' | 'kept'>;
  partitions: number;
  /** This node answers for it now. */
  serves(partition: number): boolean;
  self: number;
  /** False while somebody may rely on a grant that this node has forgotten. */
  isReady(): boolean;
  isOver(holder: PeerIdentity): boolean;
  /** Asks a holder whether it still uses its grants. */
  ask(holder: number, terms: readonly Term[]): void;
}

export class Grants {
  readonly #options: GrantsOptions;
  readonly #grants = new Map<number, Grant>();
  /** Terms that their holders have given back. */
  readonly #released = new Map<number, number>();

  constructor(options: GrantsOptions) {
    this.#options = options;
    for (let partition = 0; partition < options.partitions; partition++) {
      const kept = options.store.kept(nameOf(partition));
      if (kept !== undefined) this.#grants.set(partition, grantOf(kept));
    }
  }

  /** The highest term known of a partition. */
  term(partition: number): number {
    return this.#grants.get(partition)?.term ?? 0;
  }

  /** Who may serve it, by the word of this owner. */
  get(partition: number): Grant | undefined {
    return this.#grants.get(partition);
  }

  /** Grants what can be granted; `done` is called when that is on disk. What is refused is refused at once. */
  consider(
    claimant: PeerIdentity,
    terms: readonly Term[],
    done: (granted: number[], refused: Refused[]) => void,
  ): void {
    const granted: Term[] = [];
    const refused: Refused[] = [];
    const inUse = new Map<number, Term[]>();
    for (const { partition, term } of terms) {
      if (this.#may(claimant, partition, term)) granted.push({ partition, term });
      else {
        const known = this.#grants.get(partition);
        refused.push({ partition, term: known?.term ?? 0, holder: known?.holder.node ?? 0 });
        if (known === undefined || known.holder.node === claimant.node) continue;
        const terms = inUse.get(known.holder.node) ?? [];
        inUse.set(known.holder.node, [...terms, { partition, term: known.term }]);
      }
    }
    for (const [holder, used] of inUse) this.#options.ask(holder, used);
    this.#write(granted, claimant, () =>
      done(
        granted.map(({ partition }) => partition),
        refused,
      ),
    );
  }

  #may(claimant: PeerIdentity, partition: number, term: number): boolean {
    const { serves, self, isReady, isOver } = this.#options;
    if (!isReady()) return false;
    const known = this.#grants.get(partition);
    if (known === undefined) return true;
    const isSame = sameProcess(known.holder, claimant);
    // Asked again, after a lease had lapsed: it stands, if nobody else got it in between.
    if (known.term === term && isSame) return this.#released.get(partition) !== term;
    if (term <= known.term) return false;
    if (isSame || this.#released.get(partition) === known.term) return true;
    if (known.holder.node === self) return claimant.node === self || !serves(partition);
    return isOver(known.holder);
  }

  /** What is known from others: a node that had lost its own grants. Never lowers a term. */
  learn(terms: readonly Term[], holder: PeerIdentity, done: () => void): void {
    this.#write(
      terms.filter(({ partition, term }) => term > this.term(partition)),
      holder,
      done,
    );
  }

  #write(terms: readonly Term[], holder: PeerIdentity, done: () => void): void {
    for (const { partition, term } of terms) this.#grants.set(partition, { term, holder });
    if (terms.length === 0) {
      done();
      return;
    }
    const { node, boot, incarnation } = holder;
    this.#options.store.keep(
      terms.map(({ partition, term }) => [nameOf(partition), [term, node, boot, incarnation]]),
      done,
    );
  }

  /** Its holder serves it no more. */
  release(partition: number, term: number, from: PeerIdentity): void {
    const known = this.#grants.get(partition);
    if (known !== undefined && known.term === term && sameProcess(known.holder, from))
      this.#released.set(partition, term);
  }
}

function sameProcess(one: PeerIdentity, other: PeerIdentity): boolean {
  return one.node === other.node && one.boot === other.boot;
}

function nameOf(partition: number): string {
  return `term ${partition}`;
}

function grantOf(kept: unknown): Grant {
  const [term, node, boot, incarnation] = kept as [number, number, string, number];
  return { term, holder: { node, boot, incarnation } };
}
