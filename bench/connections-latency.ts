// Latencies of deliveries in one histogram of three digits, in microseconds, up to an hour.
import { build, type Histogram } from 'hdr-histogram-js';
import { milliseconds } from './figures.ts';

export function newLatencies(): Histogram {
  return build({
    highestTrackableValue: 3_600_000_000,
    numberOfSignificantValueDigits: 3,
    useWebAssembly: false,
  });
}

export function latencyLine(latencies: Histogram): string {
  if (latencies.totalCount === 0) return 'nothing was delivered';
  const at = (share: number): string => milliseconds(latencies.getValueAtPercentile(share));
  return `${at(50)} / ${at(99)} / ${at(99.9)} / ${milliseconds(latencies.maxValue)}`;
}
