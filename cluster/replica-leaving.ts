// A core that ends so that another process on its disk takes its place: one after the other where they share partitions. What it serves it
// gives to others first, and what they cannot serve stays its own for a moment. It costs or gives nobody anything but time: a word that is
// lost does no harm.
import type { PeerMessage } from './peer-messages.ts';
import type { ReplicaClock, Send } from './replica-ports.ts';
import { holdersOf, quorum, type Ring } from './ring.ts';

export interface LeavingOptions {
  self: number;
  clock: ReplicaClock;
  ring: () => Ring;
  send: Send;
  /** It is this core's turn: others are to take over what they can serve. */
  move(): void;
  /** They have, as far as they can. */
  hasMoved(): boolean;
  /** It gives back what it serves still. */
  go(): void;
  /** A linked node serves all of which it is the preferred server. */
  hasItsOwn(node: number): boolean;
}

/** Who says that it will be back is waited for no longer than this, and once it is linked again no longer than that. */
export const mostAwayMs = 5000;
const claimingMs = 1000;
/** Nobody else leaves before it serves again what it did, unless that takes longer. */
const settlingMs = 8000;
/** By then others have said whether they wish to leave as well. */
const hearingMs = 150;
/** Of so many cores one may be on its way out or back at a time: two that share a partition leave it without a quorum for a moment. */
const coresForOne = 10;
/** A core that waits for its turn waits no longer. */
const mostWaitMs = 180_000;
/** Who is slow to take over is not waited for. */
const mostMoveMs = 8000;

interface Awaited {
  untilMs: number;
  /** A process of it is linked that was not there when it left: since then. */
  backMs: number | null;
}

interface Own {
  sinceMs: number;
  movingMs: number | null;
  backWithinMs: number;
  hasGone: boolean;
}

export class Leaving {
  readonly #options: LeavingOptions;
  readonly #linked = new Set<number>();
  /** Linked nodes that are to leave, too, and have not. */
  readonly #wishes = new Set<number>();
  /** Linked nodes that give away what they serve. */
  readonly #moving = new Set<number>();
  /** Nodes that have left. */
  readonly #awaited = new Map<number, Awaited>();
  #own: Own | null = null;

  constructor(options: LeavingOptions) {
    this.#options = options;
  }

  linked(node: number): void {
    this.#linked.add(node);
    this.#wishes.delete(node);
    this.#moving.delete(node);
    const awaited = this.#awaited.get(node);
    if (awaited !== undefined) {
      const nowMs = this.#options.clock.monoMs();
      awaited.backMs ??= nowMs;
      // It needs a moment to claim.
      awaited.untilMs = Math.min(awaited.untilMs, nowMs + claimingMs);
    }
    if (this.#own !== null) this.#say(node, this.#own);
  }

  unlinked(node: number): void {
    this.#linked.delete(node);
    this.#wishes.delete(node);
    this.#moving.delete(node);
  }

  /** This core is to leave, as soon as it is its turn; another process takes its place within so long. */
  begin(backWithinMs: number): void {
    if (this.#own !== null) return;
    this.#own = { sinceMs: this.#options.clock.monoMs(), movingMs: null, backWithinMs, hasGone: false };
    this.#tell(this.#own);
  }

  /** It ends without waiting for anything, and nobody is told any more that another process takes its place. */
  stop(): void {
    this.#own = null;
  }

  #tell(own: Own): void {
    for (const node of this.#linked) this.#say(node, own);
  }

  #say(node: number, { hasGone, movingMs, backWithinMs: withinMs }: Own): void {
    const backWithinMs = hasGone ? withinMs : movingMs === null ? null : 0;
    this.#options.send(node, { kind: 'leave', backWithinMs });
  }

  heard(node: number, { backWithinMs }: Extract<PeerMessage, { kind: 'leave' }>): void {
    this.#wishes.delete(node);
    this.#moving.delete(node);
    if (backWithinMs === null) this.#wishes.add(node);
    else if (backWithinMs === 0) this.#moving.add(node);
    else {
      const untilMs = this.#options.clock.monoMs() + Math.min(backWithinMs, mostAwayMs);
      this.#awaited.set(node, { untilMs, backMs: null });
    }
  }

  /** It says that it serves something: perhaps what it finishes before it ends. */
  serves(node: number): void {
    const awaited = this.#awaited.get(node);
    if (awaited !== undefined && awaited.backMs !== null) awaited.untilMs = this.#options.clock.monoMs();
  }

  /** It gives away what it serves: who comes after it is to claim that. */
  isMoving(node: number): boolean {
    return this.#moving.has(node);
  }

  /** It has left, and its next process is to claim what nobody else serves of it. */
  isAwaited(node: number): boolean {
    const awaited = this.#awaited.get(node);
    return awaited !== undefined && this.#options.clock.monoMs() < awaited.untilMs;
  }

  tick(): void {
    const own = this.#own;
    if (own === null || own.hasGone) return;
    const { clock, move, hasMoved, go } = this.#options;
    const nowMs = clock.monoMs();
    if (own.movingMs === null) {
      const waitedMs = nowMs - own.sinceMs;
      if (waitedMs < hearingMs || (waitedMs < mostWaitMs && this.#isSomebodyBefore())) return;
      own.movingMs = nowMs;
      // Before anything is free.
      this.#tell(own);
      move();
    }
    if (!hasMoved() && nowMs - own.movingMs < mostMoveMs) return;
    own.hasGone = true;
    this.#tell(own);
    go();
  }

  /** As many as may go at a time do, of those with whom this core shares partitions that go on without it. */
  #isSomebodyBefore(): boolean {
    const { self, ring } = this.#options;
    const isBefore = (node: number): boolean =>
      this.#moving.has(node) || this.#isOut(node) || (this.#wishes.has(node) && node < self);
    const before = [...new Set([...this.#wishes, ...this.#moving, ...this.#awaited.keys()])].filter(isBefore);
    if (before.length === 0 || before.length < Math.floor(ring().nodes().size / coresForOne)) return false;
    return ring()
      .held(self)
      .some((partition) => {
        const placement = ring().placement(partition);
        const { length } = placement.owners;
        return (
          quorum(length) < length && holdersOf(placement).some((node) => node !== self && isBefore(node))
        );
      });
  }

  /** It has left and does not serve again what it served. */
  #isOut(node: number): boolean {
    const awaited = this.#awaited.get(node);
    if (awaited === undefined) return false;
    const { clock, hasItsOwn } = this.#options;
    const { untilMs, backMs } = awaited;
    const nowMs = clock.monoMs();
    const isOut = backMs === null ? nowMs < untilMs : nowMs - backMs < settlingMs && !hasItsOwn(node);
    if (!isOut) this.#awaited.delete(node);
    return isOut;
  }
}
