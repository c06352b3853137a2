// What the load clients print, checked once here.
import { z } from 'zod';

export const histogram = z.object({
  count: z.number(),
  meanUs: z.number(),
  p50Us: z.number(),
  p90Us: z.number(),
  p99Us: z.number(),
  p999Us: z.number(),
  maxUs: z.number(),
});
export type Histogram = z.infer<typeof histogram>;

export const socketsOpen = z.object({ connected: z.number(), failed: z.number(), seconds: z.number() });

export const socketReport = z.object({
  connected: z.number(),
  failed: z.number(),
  closed: z.number(),
  frames: z.number(),
  deliveries: z.number(),
  bytes: z.number(),
  payloadBytes: z.number(),
  otherEvents: z.number(),
  duplicates: z.number(),
  outOfOrder: z.number(),
  wrongContent: z.number(),
  unmarked: z.number(),
  broken: z.number(),
  pings: z.number(),
  latency: histogram,
});
export type SocketReport = z.infer<typeof socketReport>;

export const httpReport = z.object({
  connections: z.number(),
  sent: z.number(),
  completed: z.number(),
  /** Answered before the time was up. */
  inTime: z.number(),
  /** Answered with the status and, when bodies are compared, the body that was expected. */
  right: z.number(),
  wrongBody: z.number(),
  bodyBytes: z.number(),
  seconds: z.number(),
  closed: z.number(),
  timeouts: z.number(),
  refused: z.number(),
  broken: z.number(),
  statuses: z.record(z.string(), z.number()),
  latency: histogram,
  /** How late requests left, of those that were due at a time. */
  lateness: histogram,
});
export type HttpReport = z.infer<typeof httpReport>;

/** What is wrong with a run, in words; empty when nothing is. */
export function socketFaults(report: SocketReport): string[] {
  const faults: [number, string][] = [
    [report.failed, 'connections not opened'],
    [report.closed, 'connections lost'],
    [report.duplicates, 'posts delivered twice'],
    [report.outOfOrder, 'posts out of order'],
    [report.wrongContent, 'posts with another content'],
    [report.unmarked, 'updates that are no post of this run'],
    [report.broken, 'broken frames'],
  ];
  return faults.flatMap(([howMany, what]) => (howMany === 0 ? [] : [`${howMany} ${what}`]));
}

export function httpFaults(report: HttpReport): string[] {
  const faults: [number, string][] = [
    [
      report.completed - report.right - report.wrongBody,
      `answers with another status (${JSON.stringify(report.statuses)})`,
    ],
    [report.wrongBody, 'answers with another body'],
    [report.sent - report.completed, 'requests without an answer'],
    [report.broken, 'broken answers'],
  ];
  return faults.flatMap(([howMany, what]) => (howMany === 0 ? [] : [`${howMany} ${what}`]));
}

/** What ws-hold and hold-net answer to `status`. */
export const holdStatus = z.object({
  opened: z.number(),
  /** Never opened, however often it was tried. */
  failed: z.number(),
  /** Opened, and ended since by the server or the network. */
  dropped: z.number(),
  /** Handshakes that failed, those that were tried again among them. */
  refusals: z.number(),
  /** From the first handshake until the last connection was open or given up; until now while there are others. */
  seconds: z.number(),
  /** Since the last delivery. */
  quietMs: z.number(),
  frames: z.number(),
  deliveries: z.number(),
  bytes: z.number(),
  pings: z.number(),
  /** Messages without a post of a benchmark in them. */
  others: z.number(),
  broken: z.number(),
  /** Why handshakes failed and connections ended, and how often. */
  reasons: z.record(z.string(), z.number()),
});
export type HoldStatus = z.infer<typeof holdStatus>;

/** And to `report`: microseconds, and how many deliveries took so long. */
export const holdReport = holdStatus.extend({
  latencies: z.array(z.tuple([z.number(), z.number()])),
  maxUs: z.number(),
});
export type HoldReport = z.infer<typeof holdReport>;
