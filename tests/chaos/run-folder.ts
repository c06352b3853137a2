// The folder of one run, which says what there is to remove: so that a run that dies is cleared up after by the next one.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { beginningOf, isRunning, processesOn, signal } from './machine-processes.ts';
import { namespaceOf, pidsIn, removeNetwork } from './network.ts';
import { removeDisk } from './small-disk.ts';

const prefix = 'murmuration-chaos-';
const recordName = 'run.json';
const endWithinMs = 10_000;

const runRecord = z.object({
  runner: z.object({ pid: z.number(), startTime: z.number() }),
  /** Null: there is no network of its own. */
  plan: z.object({ tag: z.string(), net: z.string(), places: z.number() }).nullable(),
  datas: z.array(z.string()),
  /** What is mounted; null: nothing. */
  disk: z.string().nullable(),
});
export type RunRecord = z.infer<typeof runRecord>;

export function makeRunFolder(): string {
  return mkdtempSync(join(tmpdir(), prefix));
}

/** To be called before anything of it is made. */
export function noteRun(folder: string, made: Omit<RunRecord, 'runner'>): RunRecord {
  const runner = beginningOf(process.pid);
  if (runner === null) throw new Error('this process is not in /proc');
  const record = { ...made, runner };
  writeFileSync(join(folder, recordName), JSON.stringify(record));
  return record;
}

/** Its processes first, for they hold everything else; its folder last, for it says what there is to remove. */
export function removeRun(folder: string, { plan, datas, disk }: RunRecord): void {
  const endMs = performance.now() + endWithinMs;
  for (;;) {
    const pids = pidsOf({ plan, datas });
    if (pids.length === 0 || performance.now() > endMs) break;
    for (const pid of pids) signal(pid, 'SIGKILL');
  }
  if (plan !== null) removeNetwork(plan);
  if (disk !== null) removeDisk(disk);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

/** What runs that have died left behind. Of those that go on nothing is touched. */
export function removeDeadRuns(): string[] {
  const removed: string[] = [];
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(prefix)) continue;
    const folder = join(tmpdir(), name);
    const record = recordIn(folder);
    if (record === null || isRunning(record.runner)) continue;
    removeRun(folder, record);
    removed.push(folder);
  }
  return removed;
}

function recordIn(folder: string): RunRecord | null {
  try {
    return runRecord.parse(JSON.parse(readFileSync(join(folder, recordName), 'utf8')));
  } catch {
    return null;
  }
}

function pidsOf({ plan, datas }: Pick<RunRecord, 'plan' | 'datas'>): number[] {
  const inside: number[] = [];
  if (plan !== null)
    for (let place = 1; place <= plan.places; place++) inside.push(...pidsIn(namespaceOf(plan, place)));
  return [...inside, ...datas.flatMap((data) => processesOn(data).map(({ pid }) => pid))];
}
