// The core's metrics, and those of its gateways beside them, in Prometheus' text form.
import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Store } from '../runtime/store.ts';
import { ClusterMetrics } from './core-cluster-metrics.ts';
import { gatewayMetrics } from './core-gateway-metrics.ts';
import { addGauge } from './core-gauge.ts';
import type { CoreSessions } from './core-sessions.ts';
import { SwapMetrics } from './core-swap-metrics.ts';
import type { LinkEvent, LinkMeter } from './link-meter.ts';
import type { LinkPeer } from './link-peer.ts';
import type { WireMeter } from './wire-meter.ts';

/** What is read when somebody asks. */
export interface Watched {
  store: Pick<Store, 'statistics' | 'position'>;
  sessions: Pick<CoreSessions, 'size'>;
  actors: { awake: number; deliveries: number; subscriptions: number };
}

const commitBucketsS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

export class CoreMetrics implements LinkMeter {
  readonly #registry = new Registry();
  /** What happens on wires to other machines. */
  readonly wires: WireMeter;
  /** What it does as one of several. */
  readonly cluster: ClusterMetrics;
  /** What becomes of its behaviours. */
  readonly swaps: SwapMetrics;
  readonly #links: Counter<'event'>;
  #crashed = 0;
  /** Counted at every request: a map costs a tenth of a labelled counter. */
  readonly #rejections = new Map<string, number>();
  readonly #requests = new Map<string, number>();
  readonly #commits: Histogram;
  readonly #batches: Histogram;

  constructor() {
    const registers = [this.#registry];
    this.#registry.setDefaultLabels({ process: 'core' });
    collectDefaultMetrics({ register: this.#registry, prefix: 'murmuration_' });
    this.#links = new Counter({
      name: 'murmuration_link_events_total',
      help: 'What happened on links',
      labelNames: ['event'],
      registers,
    });
    const wires = new Counter({
      name: 'murmuration_wire_events_total',
      help: 'What happened on wires between machines',
      labelNames: ['event'],
      registers,
    });
    this.wires = { count: (event, by) => wires.inc({ event }, by) };
    this.cluster = new ClusterMetrics(this.#registry);
    this.swaps = new SwapMetrics(this.#registry);
    this.#watchTally(
      'murmuration_core_requests_total',
      'Requests to the core, by kind',
      'kind',
      this.#requests,
    );
    this.#watchTally(
      'murmuration_core_rejections_total',
      'Requests the core refused, by reason',
      'reason',
      this.#rejections,
    );
    this.#commits = new Histogram({
      name: 'murmuration_fsync_seconds',
      help: 'Time of a transaction, from its start to the end of its fsync',
      buckets: commitBucketsS,
      registers,
    });
    this.#batches = new Histogram({
      name: 'murmuration_commit_entries',
      help: 'Log entries a transaction',
      buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000],
      registers,
    });
  }

  /** Gauges and counters that the parts keep themselves. */
  watch({ store, sessions, actors }: Watched): void {
    const gauge = (name: string, help: string, read: () => number): void =>
      addGauge(this.#registry, name, help, read);
    gauge('log_position', 'Position of the last committed log entry', () => store.position);
    gauge('actors_awake', 'User actors in memory', () => actors.awake);
    gauge('sessions', 'Sessions attached to actors', () => sessions.size);
    gauge('subscriptions', 'Pairs of an author and an awake follower', () => actors.subscriptions);
    gauge('timeline_deliveries', 'Items handed to awake actors since the start', () => actors.deliveries);
    gauge(
      'disk_free_percent',
      'Free part of the disk that holds the data',
      () => store.statistics().freePercent,
    );
    gauge('read_only', '1 while only deletes are accepted', () => (store.statistics().readOnly ? 1 : 0));
    gauge(
      'search_behind',
      'Log entries the search index has not taken in yet',
      () => store.statistics().searchBehind,
    );
    gauge('store_bytes', 'Size of the database file', () => store.statistics().fileBytes);
    gauge('bytes_in_flight', 'Bytes on their way to the disk', () => store.statistics().bytesInFlight);
    this.#watchCaches(store);
  }

  watchPressure(pressure: { readonly level: number }): void {
    new Gauge({
      name: 'murmuration_behind',
      help: '1 while searches are refused because deliveries are behind, 2 while timelines of idle clients are, too',
      registers: [this.#registry],
      collect() {
        this.set(pressure.level);
      },
    });
  }

  watchPushing(pushing: { readonly size: number }): void {
    addGauge(
      this.#registry,
      'pushes_waiting',
      'Live pushes, each of an item to a session, that wait for a gateway that is behind or for rows of other cores',
      () => pushing.size,
    );
  }

  #watchCaches(store: Watched['store']): void {
    const caches = (name: string, help: string, read: (of: 'id' | 'row') => number): void => {
      new Gauge({
        name: `murmuration_cache_${name}_total`,
        help,
        labelNames: ['cache'],
        registers: [this.#registry],
        collect() {
          this.set({ cache: 'id' }, read('id'));
          this.set({ cache: 'row' }, read('row'));
        },
      });
    };
    caches('hits', 'Reads answered from a cache', (of) => {
      const { idHits, rowHits } = store.statistics();
      return of === 'id' ? idHits : rowHits;
    });
    caches('misses', 'Reads that went past a cache', (of) => {
      const { idMisses, rowMisses } = store.statistics();
      return of === 'id' ? idMisses : rowMisses;
    });
  }

  count(event: LinkEvent, by: number): void {
    this.#links.inc({ event }, by);
  }

  asked(kind: string): void {
    this.#requests.set(kind, (this.#requests.get(kind) ?? 0) + 1);
  }

  rejected(reason: string): void {
    this.#rejections.set(reason, (this.#rejections.get(reason) ?? 0) + 1);
  }

  /** An actor failed and begins anew. */
  crashed(): void {
    this.#crashed++;
    this.swaps.failed();
  }

  /** How the core does, by which a release is judged. */
  health(): { asked: number; failed: number; crashed: number; lagMs: number } {
    let asked = 0;
    for (const count of this.#requests.values()) asked += count;
    const failed = this.#rejections.get('unavailable') ?? 0;
    return { asked, failed, crashed: this.#crashed, lagMs: Math.round(this.cluster.lagMs()) };
  }

  #watchTally(name: string, help: string, label: string, tally: ReadonlyMap<string, number>): void {
    new Counter({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [value, count] of tally) this.inc({ [label]: value }, count);
      },
    });
  }

  committed(ms: number, entries: number): void {
    this.#commits.observe(ms / 1000);
    this.#batches.observe(entries);
  }

  /** The core's own, and what each gateway answers in time: those of other machines labelled `machine`. */
  async text(gateways: Iterable<Pick<LinkPeer, 'machine' | 'askMetrics'>>): Promise<string> {
    const asked = await Promise.all(
      [...gateways].map(async (peer) => gatewayMetrics(await peer.askMetrics(), peer.machine)),
    );
    const all = [await this.#registry.getMetricsAsJSON(), ...asked];
    return AggregatorRegistry.aggregate(all).metrics();
  }
}
