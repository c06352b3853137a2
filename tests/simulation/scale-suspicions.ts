// How often somebody who is there is taken for gone when some nodes are slow: the product's leases, heartbeats and membership tables
// on the links of a few observers to everybody, for ten minutes of virtual time.
import { entryLastsMs, Membership, tellEveryMs } from '../../cluster/membership.ts';
import type { PeerMessage } from '../../cluster/peer-messages.ts';
import { Heartbeats } from '../../cluster/replica-heartbeats.ts';
import { Leases } from '../../cluster/replica-leases.ts';
import { wireBounds } from '../../cluster/wire-end.ts';
import { Disk, emptyImage } from './disk.ts';
import { Events } from './events.ts';
import { Random } from './random.ts';
import { identityOf } from './scale-core.ts';
import { entryOf } from './scale-members.ts';
import { numbered } from './scale-nodes.ts';

export interface SuspicionsReport {
  /** Directed pairs that were watched, by who is slow: the one who suspects, the one suspected. */
  pairs: Record<Pair, number>;
  /** Gaps in the lease that the second gave the first. */
  lapses: Record<Pair, number>;
  /** Times the second was missing from the table of the first, by its own word alone. */
  missing: Record<Pair, number>;
  /** Links that were given up for silence. */
  silent: Record<Pair, number>;
}

/** `fast-slow`: one that is well watches one that is slow. */
export type Pair = 'fast-fast' | 'fast-slow' | 'slow-fast' | 'slow-slow';

const minutes = 10;
const tickEveryMs = 100;
const lookEveryMs = 500;
const usualDelayMs = 3;
/** Of a slow node: about so often its loop stands still, for so long; one time of twenty for much longer. Its messages take longer, too. */
const stallEveryMs = 2000;
const stallMs = { least: 50, most: 1500, worst: 5000 };
const slowDelayMs = 400;

export function runSuspicions(
  { nodes, slowShare, observers }: { nodes: number; slowShare: number; observers: number },
  seed: number,
): SuspicionsReport {
  const slow = Math.round(nodes * slowShare);
  return new Suspicions({ nodes, slow, observers: Math.min(nodes - slow, observers) }, seed).run();
}

interface Watched {
  heardMs: number;
  hasHeld: boolean;
  isMissing: boolean;
}

class Suspicions {
  readonly #events = new Events();
  readonly #random: Random;
  readonly #nodes: number;
  readonly #slow: number;
  readonly #observers: number;
  readonly #leases = new Map<number, Leases>();
  readonly #heartbeats = new Map<number, Heartbeats>();
  readonly #tables = new Map<number, Membership>();
  readonly #watched = new Map<string, Watched>();
  readonly #stalledUntilMs = new Map<number, number>();
  readonly #peersKnown = new Map<number, readonly number[]>();
  readonly #report: SuspicionsReport = {
    pairs: noPairs(),
    lapses: noPairs(),
    missing: noPairs(),
    silent: noPairs(),
  };

  constructor(options: { nodes: number; slow: number; observers: number }, seed: number) {
    this.#random = new Random(seed);
    this.#nodes = options.nodes;
    this.#slow = options.slow;
    this.#observers = options.observers;
    for (let node = 1; node <= this.#nodes; node++) this.#add(node);
  }

  #isSlow(node: number): boolean {
    return node <= this.#slow;
  }

  /** One slow node and the first of the others. */
  #isObserver(node: number): boolean {
    return (this.#slow > 0 && node === 1) || (node > this.#slow && node <= this.#slow + this.#observers);
  }

  #peersOf(node: number): number[] {
    const all = numbered(this.#nodes).filter((other) => other !== node);
    return this.#isObserver(node) ? all : all.filter((other) => this.#isObserver(other));
  }

  #pairOf(node: number, other: number): Pair {
    return `${this.#isSlow(node) ? 'slow' : 'fast'}-${this.#isSlow(other) ? 'slow' : 'fast'}`;
  }

  #add(node: number): void {
    const events = this.#events;
    const monoMs = (): number => events.nowMs;
    const clock = { monoMs, wallMs: () => Math.floor(events.nowMs) };
    const leases = new Leases(clock, () => false);
    this.#leases.set(node, leases);
    this.#tables.set(node, new Membership(monoMs));
    // Heartbeats carry the clock of a store: here of one on which nobody writes.
    const store = new Disk({
      node,
      image: emptyImage(node),
      fsync: () => {},
      partitionOf: () => 0,
      addressed: () => [],
    });
    const heartbeats = new Heartbeats({
      store,
      clock,
      leases,
      send: (to, message) => this.#send(node, to, message),
      epoch: () => 1,
      unheld: () => 0,
      epochOf: () => {},
      ahead: () => {},
      pinged: () => {},
      lapsed: (giver) => this.#lapsed(node, giver),
    });
    this.#heartbeats.set(node, heartbeats);
  }

  /** Each process does one thing after the other, and nothing while it stands still. */
  #do(node: number, act: () => void): void {
    const untilMs = this.#stalledUntilMs.get(node) ?? 0;
    if (untilMs > this.#events.nowMs)
      this.#events.after(untilMs - this.#events.nowMs, () => this.#do(node, act));
    else act();
  }

  #delayMs(from: number, to: number): number {
    const isSlow = this.#isSlow(from) || this.#isSlow(to);
    return this.#random.between(0.2, usualDelayMs) + (isSlow ? this.#random.between(0, slowDelayMs) : 0);
  }

  #send(from: number, to: number, message: PeerMessage): void {
    this.#events.after(this.#delayMs(from, to), () =>
      this.#do(to, () => {
        const watched = this.#watched.get(`${to} ${from}`);
        if (watched !== undefined) watched.heardMs = this.#events.nowMs;
        const heartbeats = this.#heartbeats.get(to);
        if (message.kind === 'ping') heartbeats?.pinged(from, message);
        else if (message.kind === 'pong') heartbeats?.ponged(from, message);
      }),
    );
  }

  #lapsed(node: number, giver: number): void {
    const watched = this.#watched.get(`${node} ${giver}`);
    if (watched === undefined) return;
    // The first one is no gap.
    if (watched.hasHeld) this.#report.lapses[this.#pairOf(node, giver)]++;
    watched.hasHeld = true;
  }

  run(): SuspicionsReport {
    const events = this.#events;
    for (let node = 1; node <= this.#nodes; node++) this.#begin(node);
    const endMs = minutes * 60_000;
    while (events.step(endMs)) {
      // As long as there is something.
    }
    return this.#report;
  }

  #begin(node: number): void {
    const events = this.#events;
    const random = this.#random;
    for (const peer of this.#peersOf(node)) {
      this.#leases.get(node)?.linked(identityOf(peer));
      this.#heartbeats.get(node)?.linked(peer);
      if (!this.#isObserver(node)) continue;
      this.#watched.set(`${node} ${peer}`, { heardMs: 0, hasHeld: false, isMissing: false });
      this.#report.pairs[this.#pairOf(node, peer)]++;
    }
    const every = (periodMs: number, act: () => void): void => {
      events.after(periodMs, () =>
        this.#do(node, () => {
          act();
          every(periodMs, act);
        }),
      );
    };
    const soonMs = random.between(0, tickEveryMs);
    events.after(soonMs, () => every(tickEveryMs, () => this.#tick(node)));
    events.after(soonMs, () => every(tellEveryMs, () => this.#tell(node)));
    if (this.#isObserver(node)) every(lookEveryMs, () => this.#look(node));
    if (this.#isSlow(node)) this.#stall(node);
  }

  #stall(node: number): void {
    const random = this.#random;
    this.#events.after(-Math.log(1 - random.fraction()) * stallEveryMs, () => {
      const worstMs = random.chance(0.05) ? stallMs.worst : stallMs.most;
      const lastsMs = random.between(stallMs.least, worstMs);
      this.#stalledUntilMs.set(node, this.#events.nowMs + lastsMs);
      this.#events.after(lastsMs, () => this.#stall(node));
    });
  }

  #tick(node: number): void {
    const heartbeats = this.#heartbeats.get(node);
    for (const peer of this.#peers(node)) heartbeats?.tick(peer);
  }

  #peers(node: number): readonly number[] {
    const known = this.#peersKnown.get(node) ?? this.#peersOf(node);
    this.#peersKnown.set(node, known);
    return known;
  }

  /** What it says of itself. */
  #tell(node: number): void {
    const entry = entryOf(node);
    const from = { node, boot: entry.boot, isCore: true };
    for (const peer of this.#peers(node)) {
      if (!this.#isObserver(peer)) continue;
      this.#events.after(this.#delayMs(node, peer), () =>
        this.#do(peer, () => this.#tables.get(peer)?.take(from, [entry])),
      );
    }
  }

  #look(node: number): void {
    const { nowMs } = this.#events;
    if (nowMs < 2 * entryLastsMs) return;
    const there = new Set(
      this.#tables
        .get(node)
        ?.all()
        .map((entry) => entry.node),
    );
    for (const peer of this.#peers(node)) {
      const watched = this.#watched.get(`${node} ${peer}`);
      if (watched === undefined) continue;
      const pair = this.#pairOf(node, peer);
      const isMissing = !there.has(peer);
      if (isMissing && !watched.isMissing) this.#report.missing[pair]++;
      watched.isMissing = isMissing;
      if (nowMs - watched.heardMs < wireBounds.silenceMs) continue;
      this.#report.silent[pair]++;
      watched.heardMs = nowMs;
    }
  }
}

function noPairs(): Record<Pair, number> {
  return { 'fast-fast': 0, 'fast-slow': 0, 'slow-fast': 0, 'slow-slow': 0 };
}
