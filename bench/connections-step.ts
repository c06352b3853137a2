// One step of `bench connections`: connections opened, what they cost, posts heard by all of them; and how it is told.
import type { Crowd, Opened } from './connections-crowd.ts';
import { latencyLine } from './connections-latency.ts';
import { type KernelMemory, kernelMemory, type UserMemory, userMemory } from './connections-memory.ts';
import { type Speaking, type Spoken, speak } from './connections-speaking.ts';
import { cpuBetween, processFigures } from './cpu.ts';
import { bytes, count, decimal } from './figures.ts';

/** What is there without a connection: every later figure is what came on top. */
export interface Bare {
  /** Null: the server's processes are not known, or not on this machine. */
  serverPids: readonly number[] | null;
  user: UserMemory;
  kernel: KernelMemory;
}

export interface Step {
  /** Connections asked for in all, and there at the end of the step. */
  asked: number;
  held: number;
  opened: Opened;
  openCpu: Cpu;
  serverMemory: UserMemory;
  kernel: KernelMemory;
  clientMemory: UserMemory;
  spoken: Spoken;
  spokenCpu: Cpu;
}

interface Cpu {
  serverSeconds: number;
  clientSeconds: number;
}

export function measureBare(serverPids: readonly number[] | null): Bare {
  return { serverPids, user: userMemory(serverPids ?? []), kernel: kernelMemory() };
}

export async function runStep({
  crowd,
  tokens,
  bare,
  speaking,
  during,
  live,
}: {
  crowd: Crowd;
  /** Of the connections that this step adds. */
  tokens: readonly string[];
  bare: Bare;
  speaking: Omit<Speaking, 'crowd'>;
  during(opened: number): void;
  /** Resolves when the server has made all that is open live. */
  live(): Promise<void>;
}): Promise<Step> {
  const openMeter = meter(crowd, bare);
  const opened = await crowd.open(tokens, during);
  await live();
  const openCpu = openMeter();
  const serverMemory = userSince(bare.user, userMemory(bare.serverPids ?? []));
  const kernel = kernelSince(bare.kernel, kernelMemory());
  const clientMemory = userMemory(crowd.pids);
  const spokenMeter = meter(crowd, bare);
  const spoken = await speak({ ...speaking, crowd });
  const spokenCpu = spokenMeter();
  const { opened: everOpened, dropped } = spoken.status;
  return {
    asked: crowd.size,
    held: everOpened - dropped,
    opened,
    openCpu,
    serverMemory,
    kernel,
    clientMemory,
    spoken,
    spokenCpu,
  };
}

function meter(crowd: Crowd, { serverPids }: Bare): () => Cpu {
  const figures = (pids: readonly number[]) => pids.flatMap((pid) => processFigures(pid) ?? []);
  const before = { server: figures(serverPids ?? []), client: figures(crowd.pids) };
  return () => ({
    serverSeconds: cpuBetween(before.server, figures(serverPids ?? [])),
    clientSeconds: cpuBetween(before.client, figures(crowd.pids)),
  });
}

function userSince(before: UserMemory, after: UserMemory): UserMemory {
  return { ownBytes: after.ownBytes - before.ownBytes, fileBytes: after.fileBytes - before.fileBytes };
}

function kernelSince(before: KernelMemory, after: KernelMemory): KernelMemory {
  return {
    slabBytes: after.slabBytes - before.slabBytes,
    socketBytes: after.socketBytes - before.socketBytes,
    tableBytes: after.tableBytes - before.tableBytes,
  };
}

export function kernelBytes({ slabBytes, socketBytes, tableBytes }: KernelMemory): number {
  return slabBytes + socketBytes + tableBytes;
}

/** Rows of a step, under a line of its own. */
export function stepRows(step: Step, { serverPids, user }: Bare): [string, string][] {
  const { opened, openCpu, spoken, spokenCpu, held } = step;
  const each = (value: number): string => bytes(value / Math.max(1, held));
  const rows: [string, string][] = [
    [
      `${count(step.asked)} connections`,
      `${count(held)} held, ${count(spoken.status.failed)} failed, ${count(spoken.status.dropped)} dropped`,
    ],
    [
      '  opened',
      `${count(opened.connections / opened.seconds)}/s (${count(opened.connections)} in ${decimal(opened.seconds, 1)} s; ${count(opened.refusals)} handshakes refused, those tried again among them)`,
    ],
  ];
  if (serverPids !== null)
    rows.push(
      [
        '  user memory a connection',
        `${each(step.serverMemory.ownBytes)} (${bytes(step.serverMemory.ownBytes)} over the same ${serverPids.length} processes before the first one, ${bytes(user.ownBytes)}; mapped files, which are page cache, grew by ${bytes(step.serverMemory.fileBytes)})`,
      ],
      [
        '  kernel memory a connection',
        `${each(kernelBytes(step.kernel))} (slab ${each(step.kernel.slabBytes)}, socket buffers ${each(step.kernel.socketBytes)}, page tables ${each(step.kernel.tableBytes)}), both ends: the load client's, too`,
      ],
    );
  rows.push(
    ['  load clients', `${each(step.clientMemory.ownBytes)} a connection in their own processes`],
    [
      '  CPU to open one',
      `${serverPids === null ? '' : `server ${count((openCpu.serverSeconds / opened.connections) * 1e6)} us, `}load client ${count((openCpu.clientSeconds / opened.connections) * 1e6)} us`,
    ],
    [
      '  posts meanwhile',
      `${count(spoken.posts)} in ${decimal(spoken.seconds, 1)} s: ${count(spoken.status.deliveries)} deliveries${spoken.expected === null ? '' : ` of ${count(spoken.expected)}`}, ${count(spoken.heard)} of ${count(held)} connections heard at least one`,
    ],
    ['  delivery p50 / p99 / p99.9 / max', latencyLine(spoken.latencies)],
    [
      '  CPU while held',
      `${serverPids === null ? '' : `server ${decimal(spokenCpu.serverSeconds / spoken.seconds)} of a processor, `}load clients ${decimal(spokenCpu.clientSeconds / spoken.seconds)}; ${count(spoken.status.pings)} pings answered`,
    ],
  );
  return rows;
}

/** The same as numbers, a place for each step. */
export function stepFigures(steps: readonly Step[], bare: Bare): Record<string, number | number[]> {
  const all = (of: (step: Step) => number): number[] => steps.map(of);
  const latency = (share: number): number[] =>
    all(({ spoken }) => spoken.latencies.getValueAtPercentile(share));
  const hasServer = bare.serverPids !== null;
  return {
    connections: all(({ asked }) => asked),
    held: all(({ held }) => held),
    failed: all(({ spoken }) => spoken.status.failed),
    dropped: all(({ spoken }) => spoken.status.dropped),
    refusals: all(({ opened }) => opened.refusals),
    openedPerSecond: all(({ opened }) => opened.connections / opened.seconds),
    ...(hasServer
      ? {
          processes: bare.serverPids?.length ?? 0,
          bareUserBytes: bare.user.ownBytes,
          userBytesAConnection: all(({ serverMemory, held }) => serverMemory.ownBytes / held),
          kernelBytesAConnection: all(({ kernel, held }) => kernelBytes(kernel) / held),
          serverOpenCpuUs: all(({ openCpu, opened }) => (openCpu.serverSeconds / opened.connections) * 1e6),
          serverHoldProcessors: all(({ spokenCpu, spoken }) => spokenCpu.serverSeconds / spoken.seconds),
        }
      : {}),
    clientBytesAConnection: all(({ clientMemory, held }) => clientMemory.ownBytes / held),
    holdSeconds: all(({ spoken }) => spoken.seconds),
    posts: all(({ spoken }) => spoken.posts),
    deliveries: all(({ spoken }) => spoken.status.deliveries),
    heard: all(({ spoken }) => spoken.heard),
    p50Us: latency(50),
    p99Us: latency(99),
    p999Us: latency(99.9),
  };
}
