// Connections by the hundred thousand, over as many client processes as their open files demand. What is posted is others' matter.
import { readFileSync } from 'node:fs';
import type { Histogram } from 'hdr-histogram-js';
import { newLatencies } from './connections-latency.ts';
import { advice } from './connections-limits.ts';
import { type Holder, type HoldOptions, hold } from './load/hold.ts';
import type { HoldStatus } from './load/reports.ts';
import { withProgress } from './progress.ts';

export interface CrowdOptions
  extends Pick<HoldOptions, 'client' | 'targets' | 'path' | 'tokenIn' | 'isCompact' | 'sources' | 'folder'> {
  /** Handshakes under way at once, and begun a second (0: no limit), over all processes. */
  openingAtOnce: number;
  openRate: number;
  /** Connections a process, at most; its open files are a limit, too. */
  mostAProcess?: number;
}

export type CrowdStatus = Omit<HoldStatus, 'seconds'>;

export interface Opened {
  connections: number;
  failed: number;
  refusals: number;
  /** From the first handshake to the last. */
  seconds: number;
}

export interface Received {
  status: CrowdStatus;
  /** In the order in which tokens were given: deliveries, sum of hashes. */
  pairs: BigUint64Array;
  latencies: Histogram;
}

const tries = 3;
/** When so many handshakes have failed and none has succeeded, the others would fail as well. */
const enoughFailures = 100;
const pollMs = 250;

export class Crowd {
  readonly #options: CrowdOptions;
  readonly #holders: Holder[] = [];
  #names = 0;

  constructor(options: CrowdOptions) {
    this.#options = options;
  }

  get pids(): number[] {
    return this.#holders.map(({ pid }) => pid);
  }

  /** Connections asked for so far. */
  get size(): number {
    return this.#holders.reduce((sum, { connections }) => sum + connections, 0);
  }

  /**
   * Opens one connection for each token; resolves when each is open or has failed. Rejects, with what can be done about it, when the
   * first hundred fail and none opens.
   */
  async open(tokens: readonly string[], during: (opened: number) => void = () => {}): Promise<Opened> {
    const slices = evenSlices(tokens, this.#options.mostAProcess ?? connectionsAProcess());
    const fresh: Holder[] = [];
    for (const slice of slices) {
      fresh.push(
        await hold({
          ...this.#options,
          name: `clients-${this.#names++}`,
          tokens: slice,
          first: this.size,
          openingAtOnce: Math.max(1, Math.round(this.#options.openingAtOnce / slices.length)),
          openRate: this.#options.openRate / slices.length,
          tries,
        }),
      );
      const last = fresh.at(-1);
      if (last) this.#holders.push(last);
    }
    const name = `opening ${tokens.length.toLocaleString('en-US')} connections`;
    const statuses = await withProgress(name, tokens.length, (report) =>
      settled(fresh, tokens.length, (opened) => {
        report(opened);
        during(opened);
      }),
    );
    const { opened, failed, refusals } = sumOf(statuses);
    const seconds = Math.max(...statuses.map((one) => one.seconds));
    return { connections: opened, failed, refusals, seconds };
  }

  async status(): Promise<CrowdStatus> {
    return sumOf(await Promise.all(this.#holders.map((one) => one.status())));
  }

  /** Waits until `expected` deliveries are in and some time passes without another, or none comes for `quietMs`. */
  async untilQuiet(wait: { expected: number; quietMs: number }): Promise<void> {
    const fromMs = performance.now();
    for (;;) {
      const { deliveries, quietMs } = await this.status();
      const stillMs = Math.min(quietMs, performance.now() - fromMs);
      if (stillMs >= (deliveries >= wait.expected ? 1_000 : wait.quietMs)) return;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  async report(): Promise<Received> {
    const reports = await Promise.all(this.#holders.map((one) => one.report()));
    const pairs = new BigUint64Array(this.size * 2);
    const latencies = newLatencies();
    let at = 0;
    for (const { report, pairs: own } of reports) {
      pairs.set(own, at);
      at += own.length;
      for (const [us, howMany] of report.latencies)
        latencies.recordValueWithCount(Math.min(us, report.maxUs), howMany);
    }
    return { status: sumOf(reports.map(({ report }) => report)), pairs, latencies };
  }

  async close(): Promise<void> {
    await Promise.all(this.#holders.map((one) => one.close()));
  }
}

async function settled(
  holders: readonly Holder[],
  total: number,
  report: (opened: number) => void,
): Promise<HoldStatus[]> {
  for (;;) {
    const statuses = await Promise.all(holders.map((one) => one.status()));
    const { opened, failed, refusals, reasons } = sumOf(statuses);
    report(opened);
    if (opened === 0 && refusals >= Math.min(total, enoughFailures)) throw new Error(advice(reasons));
    if (opened + failed >= total) return statuses;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function sumOf(statuses: readonly HoldStatus[]): CrowdStatus {
  const sum = (of: (status: HoldStatus) => number): number =>
    statuses.reduce((all, status) => all + of(status), 0);
  const reasons: Record<string, number> = {};
  for (const status of statuses)
    for (const [why, times] of Object.entries(status.reasons)) reasons[why] = (reasons[why] ?? 0) + times;
  return {
    opened: sum((one) => one.opened),
    failed: sum((one) => one.failed),
    dropped: sum((one) => one.dropped),
    refusals: sum((one) => one.refusals),
    quietMs: Math.min(...statuses.map((one) => one.quietMs)),
    frames: sum((one) => one.frames),
    deliveries: sum((one) => one.deliveries),
    bytes: sum((one) => one.bytes),
    pings: sum((one) => one.pings),
    others: sum((one) => one.others),
    broken: sum((one) => one.broken),
    reasons,
  };
}

/** A process needs some files of its own; one thread does not serve more than this well, however many it may have open. */
function connectionsAProcess(): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  const limit = hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
  return Math.max(1, Math.min(20_000, limit - 100));
}

function evenSlices<T>(all: readonly T[], most: number): T[][] {
  const howMany = Math.ceil(all.length / most);
  return Array.from({ length: howMany }, (_, nth) =>
    all.slice(Math.floor((nth * all.length) / howMany), Math.floor(((nth + 1) * all.length) / howMany)),
  );
}
