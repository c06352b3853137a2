// The drawing of `bench connections`: connections and memory over time, and how late deliveries were. SVG, by ECharts, without a browser.
import * as echarts from 'echarts';
import type { Histogram } from 'hdr-histogram-js';
import type { Moment } from './connections-watch.ts';

export interface Drawn {
  title: string;
  moments: readonly Moment[];
  latencies: readonly { name: string; latencies: Histogram }[];
}

const size = { width: 900, height: 900 };
/** Percentiles are drawn by how many are later: 1 in 1, 10, 100 ... */
const laterThan = [1, 1.25, 2, 4, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

/** An SVG document. */
export function drawConnections({ title, moments, latencies }: Drawn): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...size });
  const hasServer = moments.some(({ serverBytes }) => serverBytes !== null);
  const overTime = (name: string, of: (moment: Moment) => number | null, axis: number) => ({
    name,
    type: 'line' as const,
    xAxisIndex: 0,
    yAxisIndex: axis,
    showSymbol: false,
    data: moments.map((moment) => [moment.seconds, of(moment)]),
  });
  const gibibytes = (bytes: number | null): number | null => (bytes === null ? null : bytes / 2 ** 30);
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: [
      { text: title, left: 20, top: 10, textStyle: { fontSize: 16 } },
      {
        text: 'Delivery, from the moment a post was due to a follower',
        left: 20,
        top: 470,
        textStyle: { fontSize: 16 },
      },
    ],
    legend: [
      {
        top: 36,
        data: ['connections', ...(hasServer ? ['server, own memory'] : []), 'load clients, own memory'],
      },
      { top: 498, data: latencies.map(({ name }) => name) },
    ],
    grid: [
      { left: 90, right: 80, top: 80, height: 320 },
      { left: 90, right: 80, top: 540, height: 290 },
    ],
    xAxis: [
      { gridIndex: 0, type: 'value', name: 'seconds', nameLocation: 'middle', nameGap: 28 },
      {
        gridIndex: 1,
        type: 'log',
        name: 'percentile',
        nameLocation: 'middle',
        nameGap: 28,
        axisLabel: { formatter: percentileLabel },
      },
    ],
    yAxis: [
      { gridIndex: 0, type: 'value', name: 'connections' },
      { gridIndex: 0, type: 'value', name: 'GiB', splitLine: { show: false } },
      { gridIndex: 1, type: 'log', name: 'ms' },
    ],
    series: [
      overTime('connections', ({ connections }) => connections, 0),
      ...(hasServer ? [overTime('server, own memory', ({ serverBytes }) => gibibytes(serverBytes), 1)] : []),
      overTime('load clients, own memory', ({ clientBytes }) => gibibytes(clientBytes), 1),
      ...latencies
        .filter((one) => one.latencies.totalCount > 0)
        .map((one) => ({
          name: one.name,
          type: 'line' as const,
          xAxisIndex: 1,
          yAxisIndex: 2,
          showSymbol: false,
          data: laterThan.map((times) => [times, msAt(one.latencies, times)]),
        })),
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}

function msAt(latencies: Histogram, times: number): number {
  return Math.max(0.01, latencies.getValueAtPercentile(100 * (1 - 1 / times)) / 1000);
}

function percentileLabel(times: number): string {
  return times === 1 ? 'p0' : `p${100 * (1 - 1 / times)}`.slice(0, 7);
}
