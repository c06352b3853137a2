// The metrics of a core in a cluster: what it counts of itself, and those of gateways beside them.
import { Counter, Gauge, Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { CoreMetrics } from '../../cluster/core-metrics.ts';
import { makeVersion, noVersion } from '../../runtime/version.ts';

/** Of this metric, by what stands in its braces but the process. */
async function read(metrics: CoreMetrics, name: string, gateways: Parameters<CoreMetrics['text']>[0] = []) {
  const found: Record<string, number> = {};
  for (const line of (await metrics.text(gateways)).split('\n')) {
    const match = /^([\w:]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match?.[1] !== `murmuration_${name}`) continue;
    found[(match[2] ?? '').replaceAll('"', '')] = Number(match[3]);
  }
  return found;
}
const ofCore = (value: number) => ({ 'process=core': value });

function watched() {
  const state = {
    isAlone: false,
    missing: [] as number[],
    watermark: noVersion,
    quarantined: [] as number[],
    clockOffsetMs: 0,
    nowMs: 1_800_000_000_000,
  };
  const metrics = new CoreMetrics();
  metrics.cluster.watch(
    {
      // As a class has it: not a property of the object itself.
      get isAlone() {
        return state.isAlone;
      },
      replica: {
        get clockOffsetMs() {
          return state.clockOffsetMs;
        },
        get quarantined() {
          return state.quarantined;
        },
        scans: { missing: () => state.missing },
        horizon: { watermark: () => state.watermark },
      },
    },
    () => state.nowMs,
  );
  return { metrics, state };
}

describe('a core counts', () => {
  test('the partitions it serves, took over and lost', async () => {
    const { metrics } = watched();
    const terms = (...partitions: number[]) => partitions.map((partition) => ({ partition, term: 7 }));
    metrics.cluster.serving(terms(1, 2, 3));
    metrics.cluster.serving(terms(1, 2, 3, 4));
    metrics.cluster.serving([...terms(2, 3), { partition: 4, term: 8 }]);
    expect(await read(metrics, 'partitions_served')).toEqual(ofCore(3));
    expect(await read(metrics, 'terms_taken_total')).toEqual(ofCore(5));
    expect(await read(metrics, 'terms_lost_total')).toEqual(ofCore(1));
  });

  test('what it took over from others, in order or not', async () => {
    const { metrics } = watched();
    metrics.cluster.took({ failovers: 3, handovers: 0 });
    metrics.cluster.took({ failovers: 1, handovers: 5 });
    expect(await read(metrics, 'failovers_total')).toEqual(ofCore(4));
    expect(await read(metrics, 'handovers_total')).toEqual(ofCore(5));
  });

  test('what was repaired', async () => {
    const { metrics } = watched();
    metrics.cluster.repaired(12);
    metrics.cluster.repaired(1);
    expect(await read(metrics, 'repaired_partitions_total')).toEqual(ofCore(2));
    expect(await read(metrics, 'repaired_facts_total')).toEqual(ofCore(13));
  });

  test('what it has not got, whom it does not trust, and its clock', async () => {
    const { metrics, state } = watched();
    Object.assign(state, { missing: [4, 9], quarantined: [3], clockOffsetMs: -250 });
    expect(await read(metrics, 'partitions_unheld')).toEqual(ofCore(2));
    expect(await read(metrics, 'cores_quarantined')).toEqual(ofCore(1));
    expect(await read(metrics, 'clock_offset_seconds')).toEqual(ofCore(-0.25));
  });

  test('how far its watermark is behind: since its start when there is none, and not at all when it is alone', async () => {
    const { metrics, state } = watched();
    state.nowMs += 4_000;
    expect(await read(metrics, 'watermark_lag_seconds')).toEqual(ofCore(4));
    state.watermark = makeVersion(state.nowMs - 1_500, 0, 1);
    expect(await read(metrics, 'watermark_lag_seconds')).toEqual(ofCore(1.5));
    state.watermark = makeVersion(state.nowMs + 300, 0, 1);
    expect(await read(metrics, 'watermark_lag_seconds')).toEqual(ofCore(0));
    state.isAlone = true;
    state.nowMs += 60_000;
    expect(await read(metrics, 'watermark_lag_seconds')).toEqual(ofCore(0));
  });
});

describe('gateways', () => {
  /** As it arrives over a link: JSON. */
  async function gateway(machine: string | null, connections: number, name = 'gateway-0') {
    const registry = new Registry();
    registry.setDefaultLabels({ process: name });
    new Gauge({ name: 'murmuration_connections', help: 'Streams', registers: [registry] }).set(connections);
    new Counter({
      name: 'murmuration_link_events_total',
      help: 'What happened on links',
      labelNames: ['event'],
      registers: [registry],
    }).inc({ event: 'bytes-in' }, 10);
    const said: unknown = JSON.parse(JSON.stringify(await registry.getMetricsAsJSON()));
    return { machine, askMetrics: async () => said };
  }

  test('of other machines are told apart from those of this one that have the same name', async () => {
    const gateways = [await gateway(null, 5), await gateway('anna', 7), await gateway('ben', 11)];
    const metrics = new CoreMetrics();
    metrics.count('bytes-in', 1);
    expect(await read(metrics, 'connections', gateways)).toEqual({
      'process=gateway-0': 5,
      'process=gateway-0,machine=anna': 7,
      'process=gateway-0,machine=ben': 11,
    });
    expect(await read(metrics, 'link_events_total', gateways)).toEqual({
      'event=bytes-in,process=core': 1,
      'event=bytes-in,process=gateway-0': 10,
      'event=bytes-in,process=gateway-0,machine=anna': 10,
      'event=bytes-in,process=gateway-0,machine=ben': 10,
    });
  });

  test('that do not answer, or not with metrics, are left out, and nobody else is', async () => {
    const sound = await gateway('anna', 7);
    const [first = {}] = (await sound.askMetrics()) as object[];
    const says = (said: unknown) => ({ machine: 'ben', askMetrics: async () => said });
    const gateways = [
      says(null),
      says('much'),
      says([{ name: 'x' }, 3, { ...first, aggregator: 'guess' }, { ...first, name: 'a b' }]),
      says([
        {
          ...first,
          values: [
            { value: 'many', labels: {} },
            { value: 2, labels: { process: 'p' } },
          ],
        },
      ]),
      sound,
    ];
    expect(await read(new CoreMetrics(), 'connections', gateways)).toEqual({
      'process=gateway-0,machine=anna': 7,
      'process=p,machine=ben': 2,
    });
  });
});
