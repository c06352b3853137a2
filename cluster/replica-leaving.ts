// A core that ends so that another process on its disk takes its place: one after the other where they share partitions, and what each
// served stays its own for a moment. It costs or gives nobody anything but time: a word that is lost does no harm.
import type { PeerMessage } from './peer-messages.ts';
import type { ReplicaClock, Send } from './replica-ports.ts';
import { holdersOf, quorum, type Ring } from './ring.ts';

export interface LeavingOptions {
  self: number;
  clock: ReplicaClock;
  ring: () => Ring;
  send: Send;
  /** It is this core's turn: it gives back what it serves. */
  go(): void;
}

/** Who says that it will be back is waited for no longer than this, and once it is linked again no longer than that. */
export const mostAwayMs = 5000;
const claimingMs = 1000;
/** By then others have said whether they wish to leave as well. */
const hearingMs = 150;
/** A core that waits for its turn waits no longer. */
const mostWaitMs = 10_000;

interface Awaited {
  untilMs: number;
  /** A process of it is linked that was not there when it left. */
  isBack: boolean;
}

interface Own {
  sinceMs: number;
  backWithinMs: number;
  hasGone: boolean;
}

export class Leaving {
  readonly #options: LeavingOptions;
  readonly #linked = new Set<number>();
  /** Linked nodes that are to leave, too, and have not. */
  readonly #wishes = new Set<number>();
  /** Nodes that have left. */
  readonly #awaited = new Map<number, Awaited>();
  #own: Own | null = null;

  constructor(options: LeavingOptions) {
    this.#options = options;
  }

  linked(node: number): void {
    this.#linked.add(node);
    this.#wishes.delete(node);
    const awaited = this.#awaited.get(node);
    if (awaited !== undefined) {
      awaited.isBack = true;
      // It needs a moment to claim.
      awaited.untilMs = Math.min(awaited.untilMs, this.#options.clock.monoMs() + claimingMs);
    }
    if (this.#own !== null) this.#say(node, this.#own.hasGone ? this.#own.backWithinMs : null);
  }

  unlinked(node: number): void {
    this.#linked.delete(node);
    this.#wishes.delete(node);
  }

  /** This core is to leave, as soon as it is its turn; another process takes its place within so long. */
  begin(backWithinMs: number): void {
    if (this.#own !== null) return;
    this.#own = { sinceMs: this.#options.clock.monoMs(), backWithinMs, hasGone: false };
    for (const node of this.#linked) this.#say(node, null);
  }

  #say(node: number, backWithinMs: number | null): void {
    this.#options.send(node, { kind: 'leave', backWithinMs });
  }

  heard(node: number, { backWithinMs }: Extract<PeerMessage, { kind: 'leave' }>): void {
    if (backWithinMs === null) {
      this.#wishes.add(node);
      return;
    }
    this.#wishes.delete(node);
    const untilMs = this.#options.clock.monoMs() + Math.min(backWithinMs, mostAwayMs);
    this.#awaited.set(node, { untilMs, isBack: false });
  }

  /** It says that it serves something: perhaps what it finishes before it ends. */
  serves(node: number): void {
    if (this.#awaited.get(node)?.isBack === true) this.#awaited.delete(node);
  }

  /** It has left, and its next process is to claim what it served. */
  isAwaited(node: number): boolean {
    const awaited = this.#awaited.get(node);
    if (awaited === undefined) return false;
    if (this.#options.clock.monoMs() < awaited.untilMs) return true;
    this.#awaited.delete(node);
    return false;
  }

  tick(): void {
    const own = this.#own;
    if (own === null || own.hasGone) return;
    const waitedMs = this.#options.clock.monoMs() - own.sinceMs;
    if (waitedMs < hearingMs || (waitedMs < mostWaitMs && this.#isSomebodyBefore())) return;
    own.hasGone = true;
    // Before anything is free.
    for (const node of this.#linked) this.#say(node, own.backWithinMs);
    this.#options.go();
  }

  /** Of those with whom this core shares partitions that go on without it. */
  #isSomebodyBefore(): boolean {
    const { self, ring } = this.#options;
    const isBefore = (node: number): boolean =>
      this.isAwaited(node) || (this.#wishes.has(node) && node < self);
    if (![...this.#wishes, ...this.#awaited.keys()].some(isBefore)) return false;
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
}
