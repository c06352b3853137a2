// What a core counts of itself as one of several: what it serves and took over, what it holds, how far behind it is, what was repaired.
import { Counter, type Registry } from 'prom-client';
import { versionMs } from '../runtime/version.ts';
import { addGauge } from './core-gauge.ts';
import type { Taken } from './core-takeovers.ts';
import type { Term } from './peer-messages.ts';
import type { Replica } from './replica.ts';

/** What is read when somebody asks. */
export interface WatchedCluster {
  /** Nobody else owns anything. */
  readonly isAlone: boolean;
  readonly replica: Pick<Replica, 'clockOffsetMs' | 'quarantined'> & {
    scans: Pick<Replica['scans'], 'missing'>;
    horizon: Pick<Replica['horizon'], 'watermark'>;
  };
}

export class ClusterMetrics {
  readonly #registry: Registry;
  readonly #repairs: Counter;
  readonly #repairedFacts: Counter;
  readonly #taken: Counter;
  readonly #lost: Counter;
  readonly #failovers: Counter;
  readonly #handovers: Counter;
  #served: ReadonlyMap<number, number> = new Map();
  #lagMs: () => number = () => 0;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#repairs = this.#counter(
      'repaired_partitions_total',
      'Partitions that differed from another owner’s and were given what they lacked',
    );
    this.#repairedFacts = this.#counter('repaired_facts_total', 'Facts that were given so');
    this.#taken = this.#counter(
      'terms_taken_total',
      'Partitions this core began to serve: at a start, a failover or a change of the ring',
    );
    this.#lost = this.#counter('terms_lost_total', 'Partitions it serves no more');
    this.#failovers = this.#counter(
      'failovers_total',
      'Partitions it took over from a core that had not given them back',
    );
    this.#handovers = this.#counter(
      'handovers_total',
      'Partitions it took over from a core that had given them back',
    );
    this.#gauge('partitions_served', 'Partitions this core answers for', () => this.#served.size);
  }

  /** To be called once. `now`: the wall clock. */
  watch(cluster: WatchedCluster, now: () => number): void {
    const { replica } = cluster;
    const startedMs = now();
    this.#gauge(
      'partitions_unheld',
      'Partitions it owns and has not got yet',
      () => replica.scans.missing().length,
    );
    this.#gauge(
      'cores_quarantined',
      'Linked cores that get no lease because their clocks are too far ahead',
      () => replica.quarantined.length,
    );
    this.#gauge(
      'clock_offset_seconds',
      'Its wall clock less the middle one of all linked cores, estimated',
      () => replica.clockOffsetMs / 1000,
    );
    this.#gauge(
      'watermark_lag_seconds',
      'How old the newest moment is up to which it has taken in everything',
      () => this.lagMs() / 1000,
    );
    // Alone it is now. Before the first statement of everybody it has waited as long as it runs.
    this.#lagMs = () =>
      cluster.isAlone ? 0 : Math.max(0, now() - Math.max(startedMs, versionMs(replica.horizon.watermark())));
  }

  /** How old the newest moment is up to which this core has taken in everything. */
  lagMs(): number {
    return this.#lagMs();
  }

  /** Everything that is served from now on. */
  serving(terms: readonly Term[]): void {
    const served = new Map(terms.map(({ partition, term }) => [partition, term]));
    for (const [partition, term] of served) if (this.#served.get(partition) !== term) this.#taken.inc();
    for (const partition of this.#served.keys()) if (!served.has(partition)) this.#lost.inc();
    this.#served = served;
  }

  /** Of what it serves since now others served before. */
  took({ failovers, handovers }: Taken): void {
    this.#failovers.inc(failovers);
    this.#handovers.inc(handovers);
  }

  /** A comparison of digests has brought facts that were lacking here. */
  repaired(facts: number): void {
    this.#repairs.inc();
    this.#repairedFacts.inc(facts);
  }

  #counter(name: string, help: string): Counter {
    return new Counter({ name: `murmuration_${name}`, help, registers: [this.#registry] });
  }

  #gauge(name: string, help: string, read: () => number): void {
    addGauge(this.#registry, name, help, read);
  }
}
