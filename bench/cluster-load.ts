// The same load on a cluster of 1, 2 and 3 cores: what a post costs in messages and bytes between machines, and in CPU over all processes.
import { type Counters, trafficBetween } from './cluster-counters.ts';
import type { Machines } from './cluster-machines.ts';
import { cpuBetween, type ProcessFigures } from './cpu.ts';
import { count } from './figures.ts';
import { type Graph, neighbours } from './graph.ts';
import { type Histogram, httpFaults, type SocketReport, socketFaults } from './load/reports.ts';
import { prepareLoad } from './load/requests.ts';
import { openSockets, type Sockets } from './load/sockets.ts';
import { differences, expectedPairs, nextPost, type Post, postRequest } from './posts.ts';
import { withClock } from './progress.ts';
import type { Random } from './random.ts';

export interface LoadStage {
  folder: string;
  graph: Graph;
  texts: string[];
  tokens: string[];
  random: Random;
  /** Posts per second, over all gateways. */
  rate: number;
  seconds: number;
  rounds: number;
  wrong: string[];
}

/** What everything used in a stretch of time. */
export interface Use {
  seconds: number;
  wires: { messages: number; bytes: number };
  links: { messages: number; bytes: number };
  cpuSeconds: number;
  cpuOf: Record<Role, number>;
}

export type Role = 'agent' | 'core' | 'gateway';
const roles: readonly Role[] = ['agent', 'core', 'gateway'];

export interface LoadRound {
  posts: number;
  deliveries: number;
  latency: Histogram;
  use: Use;
}

export interface LoadFigures {
  cores: number;
  /** Sockets open, nobody posts. */
  rest: Use;
  rounds: LoadRound[];
}

const restSeconds = 10;
/** What comes out of the first posts after a change of the ring is of the change. */
const warmUpSeconds = 5;

export async function measureLoad(stage: LoadStage, machines: Machines): Promise<LoadFigures> {
  const cores = machines.list.length;
  const name = `${cores} ${cores === 1 ? 'core' : 'cores'}`;
  const sockets = await openSockets({
    name: `sockets-${cores}`,
    targets: machines.targets,
    connections: stage.tokens.map((token) => ({ path: '/api/v1/streaming?stream=user', token })),
    texts: stage.texts,
    acctPrefix: 'u',
    folder: stage.folder,
  });
  // The numbers of an author's posts ascend within the life of the sockets.
  const seqs = new Uint32Array(stage.tokens.length);
  const round = (called: string, seconds: number): Promise<LoadRound> =>
    loadRound(stage, { machines, sockets, seqs, name: `${name}, ${called}`, seconds });
  await round('warming up', Math.min(warmUpSeconds, stage.seconds));
  const seconds = Math.min(restSeconds, 2 * stage.seconds);
  const [rest] = await withClock(
    `${name}, at rest`,
    seconds,
    used(machines, () => new Promise((resolve) => setTimeout(resolve, seconds * 1000))),
  );
  const rounds: LoadRound[] = [];
  for (let of = 1; of <= stage.rounds; of++)
    rounds.push(await round(`round ${of} of ${stage.rounds}`, stage.seconds));
  await sockets.close();
  if (cores > 1 && rounds.some(({ use }) => use.wires.messages === 0))
    stage.wrong.push(`${name}: the cores say that nothing went between them`);
  return { cores, rest, rounds };
}

interface Running {
  machines: Machines;
  sockets: Sockets;
  seqs: Uint32Array;
  name: string;
  seconds: number;
}

async function loadRound(stage: LoadStage, running: Running): Promise<LoadRound> {
  const { machines, sockets, name, seconds } = running;
  const posts = drawPosts(stage, running);
  const load = await prepareLoad({
    name: 'posts',
    target: machines.targets.join(','),
    connections: 48,
    requests: posts.map((post) => postRequest(stage, post)),
    pace: { mode: 'paced', ratePerSecond: stage.rate, seconds: seconds + 60, count: posts.length },
    keepAcks: true,
    folder: stage.folder,
  });
  await sockets.begin();
  const [use, { published, report }] = await withClock(
    name,
    seconds,
    used(machines, async () => {
      stage.wrong.push(...httpFaults(await load.run()).map((fault) => `${name}: ${fault}`));
      const acks = await load.acks();
      if (new Set(acks.map((ack) => ack.id)).size !== acks.length)
        stage.wrong.push(`${name}: an id was given twice`);
      const acknowledged = acks.flatMap((ack) => (ack.status === 200 ? (posts[ack.request] ?? []) : []));
      return { published: acknowledged, report: await received(stage, sockets, acknowledged, name) };
    }),
  );
  return { posts: published.length, deliveries: report.deliveries, latency: report.latency, use };
}

function drawPosts({ random, rate, tokens }: LoadStage, { seqs, seconds }: Running): Post[] {
  return Array.from({ length: Math.round(rate * seconds) }, () => {
    return nextPost(seqs, random.below(tokens.length));
  });
}

/** Waits for the deliveries of these posts and compares what each connection received with what it should have. */
async function received(
  { graph, tokens, wrong }: LoadStage,
  sockets: Sockets,
  posts: Post[],
  name: string,
): Promise<SocketReport> {
  const expected = expectedPairs(tokens.length, posts, (author) => [
    ...neighbours(graph.followers, graph.degree, author),
    author,
  ]);
  const wait = { expected: expected.deliveries, quietMs: 5_000, limitMs: 60_000 };
  const { report, pairs } = await sockets.report(wait);
  const faults = [...socketFaults(report), ...differences(expected.pairs, pairs, 3)];
  if (report.deliveries !== expected.deliveries)
    faults.unshift(`${count(report.deliveries)} deliveries of ${count(expected.deliveries)}`);
  wrong.push(...faults.map((fault) => `${name}: ${fault}`));
  return report;
}

/** What all processes used while `work` was done. */
async function used<T>(machines: Machines, work: () => Promise<T>): Promise<[Use, T]> {
  const countedBefore = await machines.counters();
  const cpuBefore = machines.processes();
  const began = performance.now();
  const done = await work();
  const seconds = (performance.now() - began) / 1000;
  const cpuAfter = machines.processes();
  return [
    useOf({ seconds, cpuBefore, cpuAfter, countedBefore, countedAfter: await machines.counters() }),
    done,
  ];
}

interface Seen {
  seconds: number;
  cpuBefore: ProcessFigures[];
  cpuAfter: ProcessFigures[];
  countedBefore: Counters;
  countedAfter: Counters;
}

function useOf({ seconds, cpuBefore, cpuAfter, countedBefore, countedAfter }: Seen): Use {
  const of = (role: Role): number =>
    cpuBetween(
      cpuBefore,
      cpuAfter.filter((one) => roleOf(one) === role),
    );
  return {
    seconds,
    wires: trafficBetween(countedBefore.wires, countedAfter.wires),
    links: trafficBetween(countedBefore.links, countedAfter.links),
    cpuSeconds: cpuBetween(cpuBefore, cpuAfter),
    cpuOf: { agent: of('agent'), core: of('core'), gateway: of('gateway') },
  };
}

function roleOf({ command }: ProcessFigures): Role {
  return roles.find((role) => command.includes(`${role}.mjs`)) ?? 'agent';
}
