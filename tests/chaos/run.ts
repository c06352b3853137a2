// One chaos run: machines, clients and faults for so many minutes, then all is well again, and the judge looks at the clients' record.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../simulation/random.ts';
import { packageRoot } from '../support/server.ts';
import { until } from '../support/until.ts';
import type { Gateway } from './asking.ts';
import { Crowd } from './crowd.ts';
import { FaultDealer, faultText } from './fault.ts';
import { readEnd } from './final-reading.ts';
import { harm } from './harm.ts';
import { History } from './history.ts';
import { judge } from './judge.ts';
import { judgeStreams } from './judge-streams.ts';
import { type Machines, startMachines } from './machines.ts';
import { ClientRecord } from './record.ts';
import { entryLine } from './record-text.ts';
import { type Summary, summaryOf } from './summary.ts';
import { type Violation, violationsText } from './violation.ts';

/** How many machines own accounts, if there are so many and nothing else is said. */
export const ringSize = 5;

export interface RunOptions {
  minutes: number;
  seed: number;
  machines: number;
  /** How many of them own accounts; the others hold connections only. */
  ring?: number;
  /** Of the faults, those whose name has this in it; empty: all. */
  only?: string;
  /** Without networks of their own, even where those are possible. */
  loopback: boolean;
  report(line: string): void;
}

export interface RunReport {
  summary: Summary;
  violations: Violation[];
  /** Of the first violation, or of what ended the run before its time; null: all went well. */
  account: string | null;
  /** The folder with the logs and the record; null: all went well, nothing was kept. */
  kept: string | null;
  /** Null: the machines have networks of their own. */
  withoutNetwork: string | null;
}

const wellWithinMs = 90_000;
const arriveWithinMs = 60_000;

/** Rejects only when the machines cannot even be started. */
export async function runChaos(options: RunOptions): Promise<RunReport> {
  const { seed, machines: count, ring = ringSize, loopback, report } = options;
  const logs = join(
    packageRoot,
    'build',
    'chaos',
    `${new Date().toISOString().replaceAll(':', '-')}-seed-${seed}`,
  );
  mkdirSync(logs, { recursive: true });
  const machines = await startMachines({ count, inRing: Math.min(ring, count), loopback, logs, report });
  const record = new ClientRecord();
  let ended: string | null = null;
  let crowd: Crowd | null = null;
  try {
    const gateways = machines.all.map(({ name, url }) => ({ name, url }));
    crowd = new Crowd({ gateways, record, seed });
    await crowd.gather();
    report(`${crowd.handles.length} clients have signed up and follow each other`);
    crowd.work();
    await harmForAWhile(machines, { crowd, record, options });
    await well({ crowd, record, gateways });
    await crowd.rest();
    await arrive(crowd, record);
    await readEnd(crowd, record);
  } catch (error) {
    ended = error instanceof Error ? (error.stack ?? error.message) : String(error);
  } finally {
    crowd?.close();
    await machines.close();
  }
  const violations = judge(record.entries);
  const [first] = violations;
  const account = ended ?? (first === undefined ? null : violationsText(violations, record.entries));
  const withoutNetwork = machines.apart.kind === 'loopback' ? machines.apart.reason : null;
  const summary = summaryOf(record.entries, crowd?.listeners ?? []);
  if (account === null) rmSync(logs, { recursive: true, force: true });
  else keep(logs, { record, violations, account });
  return { summary, violations, account, kept: account === null ? null : logs, withoutNetwork };
}

interface Harming {
  crowd: Crowd;
  record: ClientRecord;
  options: RunOptions;
}

async function harmForAWhile(machines: Machines, { crowd, record, options }: Harming): Promise<void> {
  const random = new Random(options.seed);
  const field = {
    ring: [...machines.ring],
    fronts: machines.places.filter((place) => !machines.ring.has(place)),
    small: machines.small?.place ?? null,
    hasNetwork: machines.apart.kind === 'namespaces',
  };
  const dealer = new FaultDealer(field, random, options.only);
  const gateways = machines.all.map(({ name, url }) => ({ name, url }));
  const endMs = performance.now() + options.minutes * 60_000;
  while (performance.now() < endMs) {
    await sleep(random.between(500, 3_000));
    const faults = dealer.next();
    for (const fault of faults) options.report(faultText(fault, (place) => machines.at(place).name));
    const harmed = await Promise.allSettled(faults.map((fault) => harm(machines, fault, record)));
    for (const one of harmed) if (one.status === 'rejected') throw one.reason;
    if (crowd.fault !== null) throw crowd.fault;
    await well({ crowd, record, gateways });
  }
}

/** Everybody's home is read through every gateway, complete up to now: who is in the way of the next fault is well. */
async function well({
  crowd,
  gateways,
}: {
  crowd: Crowd;
  record: ClientRecord;
  gateways: Gateway[];
}): Promise<void> {
  const { asker } = crowd;
  const isWell = async (who: string, gateway: Gateway): Promise<boolean> => {
    const { answer } = await asker.ask(who, gateway, { do: 'readHome' });
    return answer.kind === 'done' && answer.got.kind === 'page' && answer.got.page.throughMs === null;
  };
  await Promise.all(
    gateways.map(async (gateway) => {
      for (const who of crowd.handles)
        await until(() => isWell(who, gateway), {
          withinMs: wellWithinMs,
          everyMs: 200,
          what: `the home of ${who} through ${gateway.name}, when all is healed`,
        });
    }),
  );
}

/** What is on its way to streams arrives; what does not is the judge's to find. */
async function arrive(crowd: Crowd, record: ClientRecord): Promise<void> {
  for (const listener of crowd.listeners) listener.settle();
  await until(() => judgeStreams(new History(record.entries)).length === 0, {
    withinMs: arriveWithinMs,
    everyMs: 1_000,
  }).catch(() => {});
}

function keep(
  logs: string,
  { record, violations, account }: { record: ClientRecord; violations: Violation[]; account: string },
): void {
  const { entries } = record;
  const { zeroMs } = new History(entries);
  writeFileSync(join(logs, 'record.txt'), entries.map((entry) => `${entryLine(entry, zeroMs)}\n`).join(''));
  writeFileSync(join(logs, 'record.jsonl'), entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  const all = violations.map(({ promise, text }) => `${promise}: ${text}`);
  writeFileSync(join(logs, 'violations.txt'), [account, '', `All ${all.length}:`, ...all, ''].join('\n'));
}
