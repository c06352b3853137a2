// When a change of the ring may be ended: what the keeper of the ring must have seen. Signing is manifest.ts's.
import { leaseMs, leaseSlackMs } from './link-lease.ts';
import { quorum, type Ring } from './ring.ts';

export interface CoreProgress {
  epoch: number;
  /** Partitions that it owns and has not got. */
  unheld: number;
}

export interface RingKeeperOptions {
  monoMs(): number;
  /** Null: not heard of. */
  progressOf(node: number): CoreProgress | null;
}

/** What is still missing, for whoever watches. */
export type RingChange =
  | { kind: 'waits'; for: number[]; unheld: number }
  /** Whoever does not know of the change loses its leases meanwhile. */
  | { kind: 'settles' }
  | { kind: 'ready' };

/** Leases that owners gave before they knew of the change are over then, whatever the clocks' rounding. */
const settleMs = leaseMs + 2 * leaseSlackMs;

export class RingKeeper {
  readonly #options: RingKeeperOptions;
  #epoch = 0;
  #sinceMs: number | null = null;

  constructor(options: RingKeeperOptions) {
    this.#options = options;
  }

  /** To be asked again and again while the ring of this epoch has a change under way. */
  judge(ring: Ring, epoch: number): RingChange {
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#sinceMs = null;
    }
    const { monoMs } = this.#options;
    // Once for each node: to know it of the own takes a look at every partition.
    const known = new Map<number, CoreProgress | null>();
    const progressOf = (node: number): CoreProgress | null => {
      const found = known.get(node);
      if (found !== undefined) return found;
      const progress = this.#options.progressOf(node);
      known.set(node, progress);
      return progress;
    };
    const waitsFor = new Set<number>();
    let unheld = 0;
    for (let partition = 0; partition < ring.partitions; partition++) {
      const placement = ring.placement(partition);
      const knows = (node: number): boolean => (progressOf(node)?.epoch ?? 0) >= epoch;
      const informed = placement.owners.filter(knows);
      if (informed.length < quorum(placement.owners.length)) {
        for (const node of placement.owners) if (!knows(node)) waitsFor.add(node);
      }
      for (const node of placement.next ?? placement.owners) {
        const progress = progressOf(node);
        if (progress === null || progress.epoch < epoch || progress.unheld > 0) waitsFor.add(node);
      }
    }
    for (const node of waitsFor) unheld += progressOf(node)?.unheld ?? 0;
    if (waitsFor.size > 0) {
      this.#sinceMs = null;
      return { kind: 'waits', for: [...waitsFor].sort((one, other) => one - other), unheld };
    }
    this.#sinceMs ??= monoMs();
    return monoMs() - this.#sinceMs >= settleMs ? { kind: 'ready' } : { kind: 'settles' };
  }
}
