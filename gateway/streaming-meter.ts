// What a gateway counts of its streams, for /metrics.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { StreamForm } from './streaming-protocol.ts';

export interface StreamingMeter {
  opened(form: StreamForm): void;
  closed(form: StreamForm): void;
  /** Frames handed to sockets, or kept for them. */
  delivered(frames: number, bytes: number): void;
  /** The time from a post to the moment at which its frames had been sent to this many sessions. */
  lag(seconds: number, sessions: number): void;
  cutOff(): void;
  resynced(): void;
  refused(): void;
  /** Says, whenever it is asked, how many streams are open and not live yet. */
  attaching(streams: () => number): void;
}

const lagBucketsS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export function createStreamingMeter(registry: Registry): StreamingMeter {
  const registers = [registry];
  const connections = new Gauge({
    name: 'murmuration_connections',
    help: 'Open streams, by the form their events take.',
    labelNames: ['kind'] as const,
    registers,
  });
  const kindOf = { json: 'websocket', compact: 'websocket-compact', events: 'server-sent-events' } as const;
  for (const kind of Object.values(kindOf)) connections.set({ kind }, 0);
  const deliveries = new Counter({
    name: 'murmuration_deliveries_total',
    help: 'Frames sent to streaming clients.',
    registers,
  });
  const sentBytes = new Counter({
    name: 'murmuration_streamed_bytes_total',
    help: 'Bytes of the frames sent to streaming clients.',
    registers,
  });
  const slow = new Counter({
    name: 'murmuration_slow_consumers_total',
    help: 'Streams closed because their client did not keep up.',
    registers,
  });
  const resyncs = new Counter({
    name: 'murmuration_stream_resyncs_total',
    help: 'Streams whose client fell behind, and was told to read anew.',
    registers,
  });
  const refusals = new Counter({
    name: 'murmuration_streaming_refusals_total',
    help: 'Streams and subscriptions refused.',
    registers,
  });
  const lags = new WeightedHistogram({
    name: 'murmuration_delivery_lag_seconds',
    help: 'From the time of a post to its frames being handed to the network, for each live delivery.',
    buckets: lagBucketsS,
    registers,
  });
  return {
    opened: (form) => connections.inc({ kind: kindOf[form] }),
    closed: (form) => connections.dec({ kind: kindOf[form] }),
    delivered(frames, bytes) {
      deliveries.inc(frames);
      sentBytes.inc(bytes);
    },
    lag: (seconds, sessions) => lags.add(Math.max(0, seconds), sessions),
    cutOff: () => slow.inc(),
    resynced: () => resyncs.inc(),
    refused: () => refusals.inc(),
    attaching(streams) {
      new Gauge({
        name: 'murmuration_streams_attaching',
        help: 'Open streams that a core has not taken yet: what is posted now may not reach them live.',
        registers,
        collect() {
          this.set(streams());
        },
      });
    },
  };
}

/** A histogram that takes one value for many observations: a post reaches 120 sessions at a time. */
class WeightedHistogram extends Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor(options: { name: string; help: string; buckets: number[]; registers: Registry[] }) {
    super(options);
    this.#name = options.name;
    this.#help = options.help;
    this.#bounds = options.buckets;
    this.#counts = options.buckets.map(() => 0);
  }

  add(value: number, times: number): void {
    this.#sum += value * times;
    this.#count += times;
    const at = this.#bounds.findIndex((bound) => value <= bound);
    if (at !== -1) this.#counts[at] = (this.#counts[at] ?? 0) + times;
  }

  /** What both of a registry's forms are made of; the base class would tell its own observations, of which there are none. */
  async getForPromString() {
    let upTo = 0;
    const buckets = this.#bounds.map((le, at) => {
      upTo += this.#counts[at] ?? 0;
      return this.#value('bucket', upTo, { le });
    });
    const all = [
      ...buckets,
      this.#value('bucket', this.#count, { le: '+Inf' }),
      this.#value('sum', this.#sum),
      this.#value('count', this.#count),
    ];
    return { name: this.#name, help: this.#help, type: 'histogram', aggregator: 'sum', values: all };
  }

  #value(part: 'bucket' | 'sum' | 'count', value: number, labels: { le?: number | string } = {}) {
    return { metricName: `${this.#name}_${part}`, labels, sharedLabels: {}, value, exemplar: null };
  }
}
