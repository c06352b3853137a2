// Leases between cores: who may count on whose grants, and until when. One a pair of nodes, whatever the number of partitions.
import { GivenLease, HeldLease, leaseMs, leaseSlackMs } from './link-lease.ts';
import type { PeerIdentity, ReplicaClock } from './replica-ports.ts';

/** A peer whose clock is further ahead than this gets no lease. */
export const mostAheadMs = 500;

interface Pair {
  identity: PeerIdentity;
  isLinked: boolean;
  /** From the peer, for this node. */
  held: HeldLease;
  /** To the peer's processes, by their boots: one life of it does not renew what another was given. */
  given: Map<string, GivenLease>;
  isAhead: boolean;
}

export class Leases {
  readonly #clock: ReplicaClock;
  readonly #isNewLife: () => boolean;
  readonly #startedMs: number;
  readonly #pairs = new Map<number, Pair>();

  /** `isNewLife`: what was granted before is not known. */
  constructor(clock: ReplicaClock, isNewLife: () => boolean) {
    this.#clock = clock;
    this.#isNewLife = isNewLife;
    this.#startedMs = clock.monoMs();
  }

  /** Leases that count on what an earlier life of this store had granted are over. */
  get isReady(): boolean {
    return !this.#isNewLife() || this.#clock.monoMs() >= this.#startedMs + leaseMs + leaseSlackMs;
  }

  /** Another core is linked, or another process of it. Leases of before go on until they end. */
  linked(identity: PeerIdentity): void {
    const known = this.#pairs.get(identity.node);
    this.#pairs.set(identity.node, {
      identity,
      isLinked: true,
      // A lease outlives its link, and a start of the one who gave it: that one waits until it is surely over.
      held: known?.held ?? new HeldLease(Number.NEGATIVE_INFINITY),
      given: known?.given ?? new Map(),
      // Until it says what its clock shows now.
      isAhead: known?.isAhead ?? false,
    });
  }

  unlinked(node: number): void {
    const pair = this.#pairs.get(node);
    if (pair !== undefined) pair.isLinked = false;
  }

  isLinked(node: number): boolean {
    return this.#pairs.get(node)?.isLinked ?? false;
  }

  /** As it was linked last; null: never yet. */
  identity(node: number): PeerIdentity | null {
    return this.#pairs.get(node)?.identity ?? null;
  }

  /** Call right before sending. */
  ping(node: number): { id: number; confirmed: number } {
    const held = this.#pairs.get(node)?.held;
    if (held === undefined) return { id: 0, confirmed: 0 };
    const { confirmed } = held;
    return { id: held.ping(this.#clock.monoMs()), confirmed };
  }

  /** A ping has come in: may the peer have a lease? `isCurrent`: it knows the ring that this node knows, or a later one. */
  pinged(
    node: number,
    ping: { id: number; confirmed: number; wallMs: number },
    isCurrent: boolean,
  ): { leased: boolean } {
    const pair = this.#pairs.get(node);
    if (pair === undefined) return { leased: false };
    // However long it was under way, it was sent before now: what is ahead of now is ahead.
    pair.isAhead = this.#isFarAhead(ping.wallMs);
    if (pair.isAhead || !isCurrent || !this.isReady) return { leased: false };
    const nowMs = this.#clock.monoMs();
    const { boot } = pair.identity;
    const given = pair.given.get(boot) ?? new GivenLease(nowMs);
    pair.given.set(boot, given);
    given.renew(nowMs, ping);
    return { leased: true };
  }

  /** `lapsed`: there was a gap. What the peer granted before may have been granted to somebody else meanwhile. */
  ponged(node: number, pong: { id: number; leased: boolean; wallMs: number }): 'lapsed' | 'renewed' | 'none' {
    const pair = this.#pairs.get(node);
    if (pair === undefined) return 'none';
    pair.isAhead = this.#isFarAhead(pong.wallMs);
    if (!pong.leased) return 'none';
    const { held } = pair;
    const wasHeld = held.holds(this.#clock.monoMs());
    held.confirm(pong.id);
    return wasHeld ? 'renewed' : 'lapsed';
  }

  /** By the clock of now: ask right before each use. */
  holds(node: number): boolean {
    return this.#pairs.get(node)?.held.holds(this.#clock.monoMs()) ?? false;
  }

  #isFarAhead(wallMs: number): boolean {
    return wallMs > this.#clock.wallMs() + mostAheadMs;
  }

  /** By what it said last, its wall clock is too far ahead to be followed: it is, or this node's is too far behind. */
  isAhead(node: number): boolean {
    return this.#pairs.get(node)?.isAhead ?? false;
  }

  /** Nobody uses a lease that this node gave to that process any more. */
  isOver(holder: PeerIdentity): boolean {
    const pair = this.#pairs.get(holder.node);
    // Who has started again on the same disk is surely not running any more. On another disk it may be somebody else: a copy.
    if (
      pair !== undefined &&
      pair.identity.incarnation === holder.incarnation &&
      pair.identity.boot !== holder.boot
    ) {
      return true;
    }
    // What was given before this process started is not known: it lasts no longer than one given at the start.
    const givenMs = pair?.given.get(holder.boot)?.surelyOverAtMs ?? Number.NEGATIVE_INFINITY;
    return this.#clock.monoMs() >= Math.max(this.#startedMs + leaseMs + leaseSlackMs, givenMs);
  }
}
