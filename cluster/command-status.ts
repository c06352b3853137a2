// `murmuration status`: which processes there are and how they are, for people or as JSON.
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { z } from 'zod';
import { existingDataFolder } from './agent-data-folder.ts';
import { isAlive } from './agent-process.ts';
import { type AgentRecord, readAgentRecord } from './agent-record.ts';
import { withCluster } from './command-cluster.ts';
import { withCore } from './command-core.ts';
import { CommandFault } from './command-fault.ts';
import { dataOption, folderText, option, readOptions } from './command-options.ts';
import { count } from './command-progress.ts';
import { type ClusterShown, clusterShown, drawCluster, span } from './command-status-cluster.ts';
import type { CoreClient } from './core-client.ts';

const statusOptions = z.object({ data: folderText, json: z.boolean().optional() });

export function statusCommand(): Command {
  const command = new Command('status')
    .description(
      'say how the server on a data folder is; exit code 1 when there is none or its core does not answer',
    )
    .addOption(dataOption())
    .addOption(option('--json', 'as JSON'));
  return command.action(async () => {
    const options = readOptions(command, statusOptions);
    const data = existingDataFolder(options.data);
    const record = readAgentRecord(data);
    const children = (record?.children ?? []).filter(isAlive);
    if (record === null || (children.length === 0 && !isAlive(record))) {
      throw new CommandFault(`No server runs on ${data}: start one with "murmuration start --data ${data}".`);
    }
    const hasCore = record.clusterPort !== null || children.some(({ role }) => role === 'core');
    const [{ core, metrics }, cluster] = await Promise.all([
      hasCore
        ? withCore({ data, command: 'status', release: undefined }, read)
        : { core: null, metrics: null },
      withCluster(data, 'status', ({ ask }) => ask({ do: 'status' }, clusterShown)),
    ]);
    const status = { ...processesOf({ ...record, children }), core, metrics, cluster };
    console.log(options.json === true ? JSON.stringify(status, null, 2) : print(status));
  });
}

/** What the core reports of itself. It may say more; the rest is passed on in the JSON form. */
const coreReport = z.looseObject({
  uptimeS: z.number(),
  actorsAwake: z.number(),
  sessions: z.number(),
  position: z.number(),
  freePercent: z.number(),
  readOnly: z.boolean(),
  fileBytes: z.number(),
});

interface ProcessStatus {
  role: string;
  pid: number;
  uptimeS: number;
  memoryBytes: number | null;
}

interface Status {
  url: string;
  release: string;
  /** Null: it died, its children go on. */
  agent: ProcessStatus | null;
  children: ProcessStatus[];
  /** Null: this machine has none. */
  core: z.infer<typeof coreReport> | null;
  metrics: Measured | null;
  cluster: ClusterShown;
}

interface CoreRead {
  core: z.infer<typeof coreReport>;
  metrics: Measured;
}

/** Over all processes of this machine together. */
interface Measured {
  /** Open streaming connections. */
  connections: number | null;
  /** Between the two looks, a second apart. */
  postsASecond: number;
}

/** Between the two looks at the log from which a rate is made. */
const lookMs = 1_000;

async function read(core: CoreClient): Promise<CoreRead> {
  const before = await posts(core);
  const beginMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, lookMs));
  const after = await posts(core);
  const seconds = (performance.now() - beginMs) / 1000;
  const [report, metrics] = await Promise.all([core.call('status', {}), core.call('metrics', {})]);
  if (!report.ok) throw new CommandFault(`The core does not say how it is: ${report.rejection.message}.`);
  return {
    core: coreReport.parse(JSON.parse(report.value.json)),
    metrics: {
      connections: metrics.ok ? sumOf(hereOnly(metrics.value.text), 'murmuration_connections') : null,
      postsASecond: Math.max(0, after - before) / seconds,
    },
  };
}

async function posts(core: CoreClient): Promise<number> {
  const metrics = await core.call('metrics', {});
  return metrics.ok
    ? (sumOf(metrics.value.text, 'murmuration_core_requests_total', 'kind="publish"') ?? 0)
    : 0;
}

/** Without what gateways of other machines say, which are linked to this core as well. */
export function hereOnly(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/[{,]machine="/.test(line))
    .join('\n');
}

/** Of a metric in Prometheus' text form, over all its labels that hold `label`; null when it is not there. */
export function sumOf(text: string, name: string, label = ''): number | null {
  let sum: number | null = null;
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)/.exec(line);
    if (match?.[1] !== name || !(match[2] ?? '').includes(label)) continue;
    const value = Number(match[3]);
    if (Number.isFinite(value)) sum = (sum ?? 0) + value;
  }
  return sum;
}

function processesOf(record: AgentRecord): Pick<Status, 'url' | 'release' | 'agent' | 'children'> {
  const nowMs = Date.now();
  const describe = (role: string, pid: number, startedMs: number): ProcessStatus => ({
    role,
    pid,
    uptimeS: Math.round((nowMs - startedMs) / 1000),
    memoryBytes: residentBytes(pid),
  });
  return {
    url: record.url,
    release: record.release,
    agent: isAlive(record) ? describe('agent', record.pid, record.startedMs) : null,
    children: record.children.map(({ role, index, pid, startedMs }) =>
      describe(role === 'core' ? role : `${role} ${index}`, pid, startedMs),
    ),
  };
}

/** Null where there is no /proc. */
function residentBytes(pid: number): number | null {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) * 1024;
  } catch {
    return null;
  }
}

function print({ url, release, agent, children, core, metrics, cluster }: Status): string {
  const processes = [...(agent === null ? [] : [agent]), ...children];
  const rows = processes.map(
    ({ role, pid, uptimeS, memoryBytes }) =>
      `  ${role.padEnd(12)}${String(pid).padStart(9)}${span(uptimeS).padStart(13)}${(memoryBytes === null ? '?' : megabytes(memoryBytes)).padStart(12)}`,
  );
  return [
    url,
    `  release ${release}`,
    '',
    `  ${'process'.padEnd(12)}${'pid'.padStart(9)}${'up'.padStart(13)}${'memory'.padStart(12)}`,
    ...rows,
    ...(agent === null ? ['  The agent died; start the server again and it takes these over.'] : []),
    '',
    ...(core === null || metrics === null ? [] : [...factsOf({ core, metrics }), '']),
    drawCluster(cluster, Date.now()),
  ].join('\n');
}

function factsOf({ core, metrics }: CoreRead): string[] {
  const facts: [string, string][] = [
    ['connections', metrics.connections === null ? 'unknown' : count(metrics.connections)],
    ['sessions', count(core.sessions)],
    ['actors awake', count(core.actorsAwake)],
    ['log position', count(core.position)],
    ['posts', `${metrics.postsASecond.toFixed(1)} a second`],
    ['store', megabytes(core.fileBytes)],
    ['disk free', `${core.freePercent.toFixed(1)} %${core.readOnly ? ' (only deletes are accepted)' : ''}`],
  ];
  return facts.map(([name, value]) => `  ${name.padEnd(16)}${value}`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
