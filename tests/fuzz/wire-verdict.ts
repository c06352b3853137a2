// What a run of hostile frames must have shown, beyond not having failed: that it tried what it says, and that memory stayed flat.
import { expect } from 'vitest';
import type { WireReport } from './wire-frame-run.ts';
import type { SocketReport } from './wire-socket-run.ts';

const mebibyte = 2 ** 20;

/** Code that is compiled meanwhile, and a hundredth of what a frame kept each time would be. */
const mostGrowth = (inputs: number): number => 4 * mebibyte + 2 * inputs;

export function expectLinksUnharmed(report: WireReport): void {
  const { frames, outcomes, exchanged, liveBytes } = report;
  expect([...outcomes.values()].reduce((sum, times) => sum + times, 0)).toBe(frames);
  expect(outcomes.get('frame taken')).toBeGreaterThan(frames / 20);
  expect(outcomes.get('frame taken')).toBeLessThan(frames * 0.6);
  expect(outcomes.get('hello taken')).toBeGreaterThan(frames / 100);
  expect(outcomes.size).toBeGreaterThan(40);
  expect(exchanged).toBeGreaterThanOrEqual(Math.floor(frames / 250));
  expect(liveBytes.after - liveBytes.before).toBeLessThan(mostGrowth(frames));
}

export function expectServerUnharmed(report: SocketReport): void {
  const { frames, strangers, exchanged, outcomes, liveBytes } = report;
  expect(exchanged).toBeGreaterThanOrEqual(frames / 2);
  expect(outcomes.size).toBeGreaterThan(5);
  expect(strangers).toBeGreaterThan(frames / 20);
  // A connection that is kept costs 30 KB and more.
  expect(liveBytes.after - liveBytes.before).toBeLessThan(4 * mebibyte + 500 * frames);
}

export function printWireReport(links: WireReport, sockets: SocketReport): string {
  const lines = [...links.outcomes, ...sockets.outcomes]
    .sort(([, one], [, other]) => other - one)
    .map(([outcome, times]) => `  ${String(times).padStart(7)}  ${outcome}`);
  const grown = ({ before, after }: { before: number; after: number }): string =>
    `${(before / mebibyte).toFixed(1)} -> ${(after / mebibyte).toFixed(1)} MiB`;
  return [
    ...lines.slice(0, 40),
    `${links.frames} frames into links at ${Math.round(links.framesPerS)}/s, live ${grown(links.liveBytes)}`,
    `${sockets.frames} frames and ${sockets.strangers} strangers by sockets, live ${grown(sockets.liveBytes)}`,
  ].join('\n');
}
