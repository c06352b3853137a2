// `bench home`: home timelines read per second over HTTP, warm and after a restart; Fastify and Redis with the same answers beside it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { atEnd } from './cleanup.ts';
import { cpuBetween, type ProcessFigures, processFigures } from './cpu.ts';
import { bytes, count, decimal, median, milliseconds } from './figures.ts';
import { type Graph, neighbours, regularGraph, writeEdges } from './graph.ts';
import { type HttpReport, httpFaults } from './load/reports.ts';
import {
  type LoadOptions,
  type PreparedRequest,
  prepareLoad,
  readBodies,
  writeRequests,
} from './load/requests.ts';
import { type Peer, startPeer } from './peers/peer.ts';
import { startRedis } from './peers/redis.ts';
import { requireFree } from './ports.ts';
import { makeTexts, type Post, postRequest } from './posts.ts';
import { withClock } from './progress.ts';
import { type Random, seeded, shuffled, zipfDraws } from './random.ts';
import type { Result } from './result.ts';
import { importOnce, type Server, type ServerOptions, startServer, tokensOf } from './server.ts';

export interface HomeOptions {
  /** A folder to keep the imported graph in, for later runs. */
  graph?: string | undefined;
  port: number;
  quick: boolean;
  users: number;
  followees: number;
  postsEach: number;
  readers: number;
  seconds: number;
  rounds: number;
  gateways: number;
  seed: number;
}

interface Round {
  readsPerSecond: number;
  report: HttpReport;
  cpuSeconds: number;
}

interface Stage {
  options: HomeOptions;
  folder: string;
  random: Random;
  tokensPath: string;
  requestsPath: string;
  bodiesPath: string;
  wrong: string[];
}

export async function home(asked: HomeOptions): Promise<Result> {
  const options = asked.quick
    ? { ...asked, users: 500, followees: 20, postsEach: 3, seconds: 2, rounds: 2 }
    : asked;
  const { port } = options;
  await requireFree(port, port + 1, port + 2);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'murmuration-bench-'));
  const takeBack = atEnd(() => rm(folder, { recursive: true, force: true }));
  const random = seeded(options.seed);
  const graph = regularGraph(options.users, options.followees, random);
  const dataFolder = path.join(folder, 'data');
  await writeEdges(graph, path.join(folder, 'follows.csv'));
  await withClock(
    'importing',
    options.users / 200,
    importOnce(dataFolder, path.join(folder, 'follows.csv'), options.graph),
  );
  const tokens = await tokensOf(
    dataFolder,
    Array.from({ length: options.users }, (_, user) => `u${user}`),
  );
  const tokensPath = path.join(folder, 'tokens');
  await writeFile(tokensPath, tokens.map((token) => `${token}\n`).join(''));
  const reads: PreparedRequest[] = tokens.map((token, user) => ({
    method: 'GET',
    path: '/api/v1/timelines/home?limit=20',
    token,
    key: user,
  }));
  const requestsPath = await writeRequests(path.join(folder, 'reads'), reads);
  const bodiesPath = path.join(folder, 'homes');
  const stage: Stage = { options, folder, random, tokensPath, requestsPath, bodiesPath, wrong: [] };

  const serverOptions: ServerOptions = { dataFolder, port, gateways: options.gateways };
  let server = await startServer(serverOptions);
  const ids = await publishAll(stage, server, tokens);
  const pageBytes = await recordHomes(stage, server, graph, ids);

  const redis = await startRedis(port + 2, folder);
  const startFastify = () =>
    startPeer('peers/fastify-redis.ts', { port: port + 1, redisPort: port + 2, tokensPath, bodiesPath });
  let peer = await startFastify();
  await withClock('filling Redis', options.users / 1000, peer.ask({ kind: 'load' }, z.object({}), 300_000));

  const warm: { ours: Round[]; peer: Round[] } = { ours: [], peer: [] };
  await readOurs(stage, server, 'warming up, ours');
  await readPeer(stage, peer, redis.pid, 'warming up, Fastify + Redis');
  for (let round = 1; round <= options.rounds; round++) {
    warm.ours.push(await readOurs(stage, server, `warm ${round} of ${options.rounds}, ours`));
    warm.peer.push(
      await readPeer(stage, peer, redis.pid, `warm ${round} of ${options.rounds}, Fastify + Redis`),
    );
  }
  const cold: { ours: Round[]; peer: Round[] } = { ours: [], peer: [] };
  for (let round = 1; round <= options.rounds; round++) {
    await server.stop();
    server = await startServer(serverOptions);
    cold.ours.push(await readOurs(stage, server, `restarted ${round} of ${options.rounds}, ours`));
    await peer.stop();
    peer = await startFastify();
    cold.peer.push(
      await readPeer(stage, peer, redis.pid, `restarted ${round} of ${options.rounds}, Fastify`),
    );
  }
  await peer.stop();
  await redis.stop();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
  takeBack();
  return summary(stage, warm, cold, pageBytes);
}

interface Published extends Post {
  /** Place among all posts by id: higher is newer. */
  rank: number;
}

/** Everybody posts, in an order of chance; gives what each author's posts are, by the ids the server gave. */
async function publishAll(stage: Stage, server: Server, tokens: string[]): Promise<Published[][]> {
  const { options, random } = stage;
  const texts = makeTexts(64, 100, random);
  const order = shuffled(options.users * options.postsEach, random);
  const posts: Post[] = Array.from(order, (place) => ({
    author: place % options.users,
    seq: Math.floor(place / options.users),
  }));
  const requests: PreparedRequest[] = posts.map((post) => postRequest({ texts, tokens }, post));
  const pace = { mode: 'closed' as const, seconds: 600, count: posts.length };
  const load = await prepareLoad({
    name: 'publish',
    target: server.target,
    connections: 128,
    requests,
    pace,
    keepAcks: true,
    folder: stage.folder,
  });
  const report = await withClock('publishing', posts.length / 3000, load.run());
  const faults = httpFaults(report);
  if (faults.length > 0) throw new Error(`publishing failed: ${faults.join(', ')}`);
  const acks = await load.acks();
  acks.sort((a, b) => compareIds(a.id ?? '', b.id ?? ''));
  const byAuthor: Published[][] = Array.from({ length: options.users }, () => []);
  acks.forEach((ack, rank) => {
    const post = posts[ack.request];
    if (post) byAuthor[post.author]?.push({ ...post, rank });
  });
  return byAuthor;
}

function compareIds(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

const pageOfStatuses = z.array(
  z.object({ id: z.string(), content: z.string(), account: z.object({ acct: z.string() }) }),
);

/** Reads every home once, keeps the bodies, and checks each against what was posted: these statuses, in this order. */
async function recordHomes(
  stage: Stage,
  server: Server,
  graph: Graph,
  posts: Published[][],
): Promise<number> {
  const load = await prepareLoad({
    ...loadOptions(stage, server.target, 'record'),
    pace: { mode: 'record' },
  });
  const report = await withClock('reading every home once', stage.options.users / 1000, load.run());
  stage.wrong.push(...httpFaults(report).map((fault) => `reading every home once: ${fault}`));
  const bodies = await readBodies(stage.bodiesPath);
  const wrong: string[] = [];
  bodies.forEach((body, user) => {
    const expected = [...neighbours(graph.followees, graph.degree, user), user]
      .flatMap((author) => posts[author] ?? [])
      .sort((a, b) => b.rank - a.rank)
      .slice(0, 20);
    const page = pageOfStatuses.parse(JSON.parse(body));
    const same =
      page.length === expected.length &&
      expected.every((post, place) => {
        const status = page[place];
        return (
          status?.account.acct === `u${post.author}` &&
          status.content.includes(`qz${post.author}x${post.seq}x`)
        );
      });
    if (!same) wrong.push(`the home of u${user} is not the newest of its followees' posts`);
  });
  stage.wrong.push(...wrong.slice(0, 5));
  if (wrong.length > 5) stage.wrong.push(`and ${wrong.length - 5} more homes`);
  return report.bodyBytes / report.completed;
}

function loadOptions(stage: Stage, target: string, name: string): Omit<LoadOptions, 'pace'> {
  return {
    name,
    target,
    connections: stage.options.readers,
    requests: stage.requestsPath,
    bodiesPath: stage.bodiesPath,
    folder: stage.folder,
  };
}

async function read(
  stage: Stage,
  target: string,
  name: string,
  processes: () => ProcessFigures[],
): Promise<Round> {
  const load = await prepareLoad({
    ...loadOptions(stage, target, 'read'),
    picks: zipfDraws(stage.options.users, 400_000, stage.random),
    pace: { mode: 'closed', seconds: stage.options.seconds },
  });
  const before = processes();
  const report = await withClock(name, stage.options.seconds, load.run());
  const cpuSeconds = cpuBetween(before, processes());
  stage.wrong.push(...httpFaults(report).map((fault) => `${name}: ${fault}`));
  return { readsPerSecond: report.inTime / report.seconds, report, cpuSeconds };
}

function readOurs(stage: Stage, server: Server, name: string): Promise<Round> {
  return read(stage, server.target, name, () => server.processes());
}

function readPeer(stage: Stage, peer: Peer, redisPid: number, name: string): Promise<Round> {
  const processes = () => [peer.pid, redisPid].flatMap((pid) => processFigures(pid) ?? []);
  return read(stage, `127.0.0.1:${stage.options.port + 1}`, name, processes);
}

function summary(
  stage: Stage,
  warm: { ours: Round[]; peer: Round[] },
  cold: { ours: Round[]; peer: Round[] },
  pageBytes: number,
): Result {
  const { options } = stage;
  const rate = (side: Round[]) => median(side.map((one) => one.readsPerSecond));
  const line = (side: Round[]) => {
    const p50 = median(side.map((one) => one.report.latency.p50Us));
    const p99 = median(side.map((one) => one.report.latency.p99Us));
    const cpu = median(side.map((one) => (one.cpuSeconds / one.report.completed) * 1e6));
    return `${count(rate(side))} reads/s, p50 ${milliseconds(p50)}, p99 ${milliseconds(p99)}, ${count(cpu)} us of CPU each`;
  };
  const ratios = { warm: rate(warm.ours) / rate(warm.peer), cold: rate(cold.ours) / rate(cold.peer) };
  return {
    name: `home: ${count(options.users)} users, ${options.followees} followees each, 20 statuses (${bytes(pageBytes)}), ${options.readers} connections, zipf readers, ${options.rounds} x ${options.seconds} s each`,
    rows: [
      ['warm, ours', line(warm.ours)],
      ['warm, Fastify + Redis', line(warm.peer)],
      ['warm, ours / peer', `${decimal(ratios.warm)} x (aim: above 1)`],
      ['after a restart, ours', line(cold.ours)],
      ['after a restart, Fastify (Redis kept)', line(cold.peer)],
      ['after a restart, ours / peer', `${decimal(ratios.cold)} x`],
    ],
    figures: {
      warmReadsPerSecond: warm.ours.map((one) => one.readsPerSecond),
      warmPeerReadsPerSecond: warm.peer.map((one) => one.readsPerSecond),
      warmRatio: ratios.warm,
      coldReadsPerSecond: cold.ours.map((one) => one.readsPerSecond),
      coldPeerReadsPerSecond: cold.peer.map((one) => one.readsPerSecond),
      coldRatio: ratios.cold,
    },
    wrong: stage.wrong,
  };
}
