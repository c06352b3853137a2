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
import { type ClusterShown, clusterShown, drawCluster } from './command-status-cluster.ts';
import {
  drawProcesses,
  type GatewayRoom,
  megabytes,
  type ProcessStatus,
  sumOfRooms,
} from './command-status-processes.ts';
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
    const [{ core, metrics, rooms }, cluster] = await Promise.all([
      hasCore
        ? withCore({ data, command: 'status', release: undefined }, read)
        : { core: null, metrics: null, rooms: null },
      withCluster(data, 'status', ({ ask }) => ask({ do: 'status' }, clusterShown)),
    ]);
    const processes = processesOf({ ...record, children }, rooms ?? new Map());
    const status = { ...processes, core, metrics, cluster };
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
  /** By process. */
  rooms: ReadonlyMap<string, GatewayRoom>;
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
  const text = metrics.ok ? hereOnly(metrics.value.text) : null;
  if (!report.ok) throw new CommandFault(`The core does not say how it is: ${report.rejection.message}.`);
  return {
    core: coreReport.parse(JSON.parse(report.value.json)),
    metrics: {
      connections: text === null ? null : sumOf(text, 'murmuration_connections'),
      postsASecond: Math.max(0, after - before) / seconds,
    },
    rooms: text === null ? new Map() : roomsIn(text),
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

/** By process: `gateway-0`. Gateways of a release that does not say are left out. */
export function roomsIn(text: string): Map<string, GatewayRoom> {
  const rooms = new Map<string, GatewayRoom>();
  for (const [, process = ''] of text.matchAll(/^murmuration_connections_most\{process="([\w-]+)"\}/gm)) {
    const of = (name: string): number => sumOf(text, `murmuration_${name}`, `process="${process}"`) ?? 0;
    rooms.set(process, {
      open: of('sockets'),
      most: of('connections_most'),
      isListening: of('listening') === 1,
      refused: of('full_refusals_total'),
    });
  }
  return rooms;
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

function processesOf(
  record: AgentRecord,
  rooms: ReadonlyMap<string, GatewayRoom>,
): Pick<Status, 'url' | 'release' | 'agent' | 'children'> {
  const nowMs = Date.now();
  const describe = (role: string, pid: number, startedMs: number): ProcessStatus => ({
    role,
    pid,
    uptimeS: Math.round((nowMs - startedMs) / 1000),
    memoryBytes: residentBytes(pid),
    room: rooms.get(role.replace(' ', '-')) ?? null,
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
  return [
    url,
    `  release ${release}`,
    '',
    ...drawProcesses(processes),
    ...(agent === null ? ['  The agent died; start the server again and it takes these over.'] : []),
    '',
    ...(core === null || metrics === null ? [] : [...factsOf({ core, metrics }, processes), '']),
    drawCluster(cluster, Date.now()),
  ].join('\n');
}

function factsOf(
  { core, metrics }: { core: CoreRead['core']; metrics: Measured },
  processes: readonly ProcessStatus[],
): string[] {
  const { refused } = sumOfRooms(processes.flatMap(({ room }) => room ?? []));
  const facts: [string, string][] = [
    ['connections', metrics.connections === null ? 'unknown' : count(metrics.connections)],
    ...(refused === 0
      ? []
      : [['refused', `${count(refused)}, for all connections were taken`] as [string, string]]),
    ['sessions', count(core.sessions)],
    ['actors awake', count(core.actorsAwake)],
    ['log position', count(core.position)],
    ['posts', `${metrics.postsASecond.toFixed(1)} a second`],
    ['store', megabytes(core.fileBytes)],
    ['disk free', `${core.freePercent.toFixed(1)} %${core.readOnly ? ' (only deletes are accepted)' : ''}`],
  ];
  return facts.map(([name, value]) => `  ${name.padEnd(16)}${value}`);
}
