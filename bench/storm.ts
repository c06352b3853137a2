// `bench storm`: every gateway of a machine is killed at once, and all who were connected come back at once, each with its cursor.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from './child.ts';
import { atEnd } from './cleanup.ts';
import { bytes, count, decimal } from './figures.ts';
import { regularGraph, writeEdges } from './graph.ts';
import { LivePosts } from './live-deploy-posts.ts';
import { requireFree } from './ports.ts';
import { makeTexts } from './posts.ts';
import { withClock } from './progress.ts';
import { seeded } from './random.ts';
import type { Result } from './result.ts';
import { importOnce, root, type Server, startServer, tokensOf } from './server.ts';
import { type StormStatus, stormStatus } from './storm-messages.ts';

export interface StormOptions {
  graph?: string | undefined;
  port: number;
  quick: boolean;
  clients: number;
  followers: number;
  gateways: number;
  rate: number;
  rounds: number;
  seed: number;
}

const quickly = { clients: 400, followers: 10, rate: 20, rounds: 1 };
/** A process has at most 20,000 open files on many machines. */
const mostAProcess = 12_000;
const program = path.join(path.dirname(fileURLToPath(import.meta.url)), 'storm-clients.ts');
const answerMs = 300_000;
const warmUpSeconds = 5;
const pollMs = 100;
/** Nobody waits longer for a client that does not come back. */
const mostAwayMs = 180_000;

interface Round {
  closed: number;
  /** From the kill, ms. */
  resumed: { p50: number; p99: number; max: number };
  latency: { p50: number; p99: number; max: number };
  deliveries: number;
  again: number;
  cpuSeconds: number;
}

/** The processes of clients, as one. */
class Crowd {
  readonly #children: Child[];

  constructor(children: Child[]) {
    this.#children = children;
  }

  tell(order: object): void {
    for (const child of this.#children) child.write(JSON.stringify(order));
  }

  async ask(order: object): Promise<StormStatus[]> {
    this.tell(order);
    return Promise.all(
      this.#children.map(async (child) => stormStatus.parse(JSON.parse(await child.line(answerMs)))),
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.stop()));
  }
}

export async function storm(asked: StormOptions): Promise<Result> {
  const options = asked.quick ? { ...asked, ...quickly } : asked;
  await requireFree(options.port);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'murmuration-bench-'));
  const takeBack = atEnd(() => rm(folder, { recursive: true, force: true }));
  const { clients, followers, gateways, rate, rounds, seed } = options;
  const dataFolder = path.join(folder, 'data');
  const follows = path.join(folder, 'follows.csv');
  await writeEdges(regularGraph(clients, followers, seeded(seed)), follows);
  await withClock('importing', clients / 200, importOnce(dataFolder, follows, options.graph));
  const tokens = await tokensOf(
    dataFolder,
    Array.from({ length: clients }, (_, user) => `u${user}`),
  );
  const tokensPath = path.join(folder, 'tokens');
  await writeFile(tokensPath, tokens.map((token) => `${token}\n`).join(''));
  const server = await startServer({ dataFolder, port: options.port, gateways });
  const crowd = startCrowd(options, { target: server.target, tokensPath });
  await withClock('opening sockets', clients / 1000, crowd.ask({ do: 'open' }));
  const posts = new LivePosts({
    targets: [server.target],
    tokens,
    texts: makeTexts(64, 100, seeded(seed + 1)),
    rate,
    random: seeded(seed + 2),
    clients: { expect: (author, seq) => crowd.tell({ do: 'expect', author, seq }) },
    silent: 0,
    receiversOf: () => [],
  });
  posts.start(1);
  const wrong: string[] = [];
  const done: Round[] = [];
  for (let round = 1; round <= rounds; round++) {
    await withClock('warming up', warmUpSeconds, wait(warmUpSeconds * 1000));
    done.push(
      await withClock(`storm ${round} of ${rounds}`, 15, stormOnce(server, { crowd, clients, wrong })),
    );
  }
  await posts.stop();
  const end = await withClock('until everybody has everything', 10, crowd.ask({ do: 'settle' }));
  wrong.push(...end.flatMap((one) => one.wrong));
  const memory = server.processes().reduce((sum, { residentBytes }) => sum + residentBytes, 0);
  await crowd.stop();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
  takeBack();
  return summary(options, { done, posted: posts.posted, repeated: posts.repeated, memory, wrong });
}

function startCrowd(
  { clients, followers, seed }: StormOptions,
  ends: { target: string; tokensPath: string },
): Crowd {
  const processes = Math.ceil(clients / mostAProcess);
  const each = Math.ceil(clients / processes);
  return new Crowd(
    Array.from({ length: processes }, (_, place) => {
      const [from, to] = [place * each, Math.min(clients, (place + 1) * each)];
      const settings = JSON.stringify({ ...ends, users: clients, followers, seed, from, to });
      return startChild({
        name: `clients ${from} to ${to}`,
        command: process.execPath,
        args: ['--import', 'tsx', program, settings],
        cwd: root,
      });
    }),
  );
}

/** Ends when everybody is connected again, and what came meanwhile has had time to arrive. */
async function stormOnce(
  server: Server,
  { crowd, clients, wrong }: { crowd: Crowd; clients: number; wrong: string[] },
): Promise<Round> {
  const cpuOf = (): number => server.processes().reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
  crowd.tell({ do: 'mark' });
  const gateways = server.processes().filter(({ command }) => command.includes('/gateway.mjs'));
  const before = cpuOf() - gateways.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
  for (const { pid } of gateways) process.kill(pid, 'SIGKILL');
  const beganMs = performance.now();
  const seen: StormStatus[][] = [];
  const sum = (of: (one: StormStatus) => number): number =>
    seen.flat().reduce((total, one) => total + of(one), 0);
  for (;;) {
    await wait(pollMs);
    const statuses = await crowd.ask({ do: 'status' });
    seen.push(statuses);
    const open = statuses.reduce((total, one) => total + one.open, 0);
    if (open === clients && sum(({ resumed }) => resumed) >= sum(({ closed }) => closed)) break;
    if (performance.now() - beganMs < mostAwayMs) continue;
    wrong.push(`${clients - open} clients were not back after ${mostAwayMs / 1000} s`);
    break;
  }
  await wait(5000);
  seen.push(await crowd.ask({ do: 'status' }));
  const last = seen.at(-1) ?? [];
  const worst = (list: StormStatus[], of: (one: StormStatus) => number): number => Math.max(...list.map(of));
  return {
    closed: sum(({ closed }) => closed),
    resumed: {
      p50: worst(last, ({ resumedAfterMs }) => resumedAfterMs.p50),
      p99: worst(last, ({ resumedAfterMs }) => resumedAfterMs.p99),
      max: worst(last, ({ resumedAfterMs }) => resumedAfterMs.max),
    },
    latency: {
      p50: worst(last, ({ latencyMs }) => latencyMs.p50),
      p99: worst(last, ({ latencyMs }) => latencyMs.p99),
      max: worst(seen.flat(), ({ latencyMs }) => latencyMs.max),
    },
    deliveries: sum(({ deliveries }) => deliveries),
    again: sum(({ again }) => again),
    cpuSeconds: cpuOf() - before,
  };
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function summary(
  { clients, followers, gateways, rate }: StormOptions,
  seen: { done: Round[]; posted: number; repeated: number; memory: number; wrong: string[] },
): Result {
  const seconds = (ms: number): string => `${decimal(ms / 1000, 1)} s`;
  const rows = seen.done.flatMap((round, place): [string, string][] => [
    [
      `storm ${place + 1}: sockets lost`,
      `${count(round.closed)}; ${decimal(round.cpuSeconds, 1)} s of the server's CPU until all was quiet`,
    ],
    [
      '  connected again, half / 99 % / all',
      `${seconds(round.resumed.p50)} / ${seconds(round.resumed.p99)} / ${seconds(round.resumed.max)} after the kill`,
    ],
    [
      '  slowest delivery, and p99 afterwards',
      `${seconds(round.latency.max)}, ${seconds(round.latency.p99)}; ${count(round.deliveries)} deliveries, ${count(round.again)} told again`,
    ],
  ]);
  return {
    name: `storm: all ${gateways} gateways killed at once, ${count(clients)} clients come back; ${rate} posts/s with ${followers} followers each`,
    rows: [
      ...rows,
      ['posts acknowledged', `${count(seen.posted)}; ${count(seen.repeated)} were asked again`],
      ['missed by anybody', count(seen.wrong.length)],
      ['resident memory of all its processes', bytes(seen.memory)],
    ],
    figures: {
      closed: seen.done.map(({ closed }) => closed),
      resumedMaxMs: seen.done.map(({ resumed }) => resumed.max),
      resumedP50Ms: seen.done.map(({ resumed }) => resumed.p50),
      slowestDeliveryMs: seen.done.map(({ latency }) => latency.max),
    },
    wrong: seen.wrong,
  };
}
