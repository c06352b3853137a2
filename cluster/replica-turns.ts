// Whose turn it is: which partitions this node is to claim now, and which others serve in its stead. Claiming is replica-claims.ts's.
import type { Grants } from './replica-grants.ts';
import type { Leases } from './replica-leases.ts';
import type { ReplicaClock } from './replica-ports.ts';
import { isQuorum, isReadQuorum, type Ring } from './ring.ts';

export interface TurnsOptions {
  self: number;
  clock: ReplicaClock;
  ring: () => Ring;
  leases: Leases;
  grants: Grants;
  holds(partition: number): boolean;
  /** This node serves it, or is about to. */
  isTaken(partition: number): boolean;
  /** All that others have written has come, up to about now: timelines that are read here do not go back behind what was read elsewhere. */
  isCurrent(): boolean;
  /** Who serves it, as far as others have said: a linked node, or null. */
  serverOf(partition: number): number | null;
  /** It will be back in a moment, to claim what it served. */
  isAwaited(node: number): boolean;
  /** It gives away what it serves. */
  isMoving(node: number): boolean;
  chance(): number;
}

export interface Turn {
  /** Partitions to be claimed, and the terms. */
  claim: Map<number, number>;
  /** How often at most one of them was claimed in vain. */
  failures: number;
  /** By server: what this node is the preferred server of. */
  better: Map<number, number[]>;
}

/** The next owner in line waits so long for the one before it; twice as long with each claim of its own that comes to nothing. */
const patienceMs = 1000;
const againMs = 800;
const mostDoublings = 3;

export class Turns {
  readonly #options: TurnsOptions;
  /** Since when nobody serves it. */
  readonly #unservedMs = new Map<number, number>();
  /** How often it was claimed in vain since somebody served it. */
  readonly #failures = new Map<number, number>();

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** What nobody serves and this node is in line for; and what is better served here. */
  look(): Turn {
    const { ring, self, holds, isTaken, serverOf, clock, grants, leases, isCurrent } = this.#options;
    const nowMs = clock.monoMs();
    const turn: Turn = { claim: new Map(), failures: 0, better: new Map() };
    const isFollowed = (node: number): boolean =>
      node === self || (leases.holds(node) && !leases.isAhead(node));
    for (let partition = 0; partition < ring().partitions; partition++) {
      const placement = ring().placement(partition);
      const { owners } = placement;
      if (!owners.includes(self) || !holds(partition) || isTaken(partition)) continue;
      // Without leases it could not answer: whoever serves it now goes on.
      if (!isQuorum(placement, (node) => node === self || leases.holds(node))) continue;
      // Nor could it take over: see `Claims`.
      if (!isReadQuorum(placement, isFollowed)) continue;
      const server = serverOf(partition);
      // A link may outlive the machine at its other end for long; who has not answered for a whole lease serves nobody.
      if (server !== null && leases.holds(server)) {
        this.served(partition);
        if (owners[0] === self) turn.better.set(server, [...(turn.better.get(server) ?? []), partition]);
        continue;
      }
      if (this.#isLeftTo(owners)) {
        this.#unservedMs.delete(partition);
        continue;
      }
      const sinceMs = this.#unservedMs.get(partition) ?? nowMs;
      this.#unservedMs.set(partition, sinceMs);
      const failures = this.#failures.get(partition) ?? 0;
      if (nowMs - sinceMs < this.#rank(owners) * patienceMs * 2 ** failures) continue;
      turn.failures = Math.max(turn.failures, failures);
      turn.claim.set(partition, Math.max(grants.term(partition) + 1, clock.wallMs()));
    }
    // Somebody serves it well: there is time.
    if (turn.better.size > 0 && !isCurrent()) turn.better.clear();
    return turn;
  }

  /** Somebody before this node will be back in a moment. */
  #isLeftTo(owners: readonly number[]): boolean {
    const { self, isAwaited } = this.#options;
    return owners.slice(0, owners.indexOf(self)).some((node) => isAwaited(node));
  }

  /** How many owners are before this one that may claim. */
  #rank(owners: readonly number[]): number {
    const { self, leases, isMoving } = this.#options;
    let rank = 0;
    for (const node of owners) {
      if (node === self) return rank;
      if (leases.isLinked(node) && !isMoving(node)) rank++;
    }
    return rank;
  }

  /**
   * A claim that came to nothing is made again after a while: not at once, or two might stand in each other's way for ever. As long as it goes
   * on like that each while is twice the one before: where words are slow, whoever waits for less than two of them is always in the way.
   */
  failed(partition: number): void {
    const { clock, chance } = this.#options;
    const failures = this.#failures.get(partition) ?? 0;
    this.#failures.set(partition, Math.min(failures + 1, mostDoublings));
    this.#unservedMs.set(partition, clock.monoMs() + chance() * againMs * 2 ** failures);
  }

  /** Somebody is there who was not: what came to nothing without it may go well with it. */
  linked(): void {
    this.#failures.clear();
  }

  /** The wait for it is over. */
  served(partition: number): void {
    this.#unservedMs.delete(partition);
    this.#failures.delete(partition);
  }
}
