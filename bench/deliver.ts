// `bench deliver`: how soon, and at what price, a post reaches those who follow its author; a bare socket loop beside it.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { atEnd } from './cleanup.ts';
import { cpuBetween, type ProcessFigures, processFigures } from './cpu.ts';
import { bytes, count, decimal, median, milliseconds } from './figures.ts';
import { type Graph, neighbours, regularGraph, writeEdges } from './graph.ts';
import { httpFaults, type SocketReport, socketFaults } from './load/reports.ts';
import { type PreparedRequest, prepareLoad } from './load/requests.ts';
import { openSockets, type Sockets } from './load/sockets.ts';
import { type Peer, startPeer } from './peers/peer.ts';
import { requireFree } from './ports.ts';
import { differences, expectedPairs, makeTexts, type Post, postText, timePlaceholder } from './posts.ts';
import { withClock } from './progress.ts';
import { type Random, seeded } from './random.ts';
import type { Result } from './result.ts';
import { importOnce, type Server, startServer, tokensOf } from './server.ts';

export interface DeliverOptions {
  /** A folder to keep the imported graph in, for later runs. */
  graph?: string | undefined;
  port: number;
  quick: boolean;
  users: number;
  followers: number;
  rate: number;
  seconds: number;
  rounds: number;
  gateways: number;
  seed: number;
}

/** One round of either side. */
interface Round {
  report: SocketReport;
  cpuSeconds: number;
  perProcess: { command: string; cpuSeconds: number }[];
  postLatencyP99Us: number;
  /** How late posts left the load client. */
  lateP99Us: number;
  loadCpuSeconds: number;
}

interface Stage {
  options: DeliverOptions;
  folder: string;
  graph: Graph;
  texts: string[];
  tokens: string[];
  random: Random;
  /** The next number of each author, apart for each side. */
  seqs: { ours: Uint32Array; bare: Uint32Array };
  wrong: string[];
}

export async function deliver(asked: DeliverOptions): Promise<Result> {
  const options = asked.quick ? { ...asked, users: 500, followers: 20, seconds: 4, rounds: 2 } : asked;
  await requireFree(options.port, options.port + 1);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'murmuration-bench-'));
  const takeBack = atEnd(() => rm(folder, { recursive: true, force: true }));
  const random = seeded(options.seed);
  const graph = regularGraph(options.users, options.followers, random);
  const dataFolder = path.join(folder, 'data');
  await writeEdges(graph, path.join(folder, 'follows.csv'));
  await withClock(
    'importing',
    options.users / 200,
    importOnce(dataFolder, path.join(folder, 'follows.csv'), options.graph),
  );
  const handles = Array.from({ length: options.users }, (_, user) => `u${user}`);
  const tokens = await tokensOf(dataFolder, handles);
  const stage: Stage = {
    options,
    folder,
    graph,
    texts: makeTexts(64, 100, random),
    tokens,
    random,
    seqs: { ours: new Uint32Array(options.users), bare: new Uint32Array(options.users) },
    wrong: [],
  };

  const server = await startServer({ dataFolder, port: options.port, gateways: options.gateways });
  const framePath = path.join(folder, 'frame');
  const streamPath = '/api/v1/streaming?stream=user';
  const ours = await withClock(
    'opening our sockets',
    options.users / 2000,
    openSockets({
      name: 'ours',
      targets: [server.target],
      connections: tokens.map((token) => ({ path: streamPath, token })),
      texts: stage.texts,
      acctPrefix: 'u',
      recordPath: framePath,
      folder,
    }),
  );
  const peer = await startBare(stage);
  const bare = await withClock(
    'opening the same to the bare loop',
    options.users / 2000,
    openSockets({
      name: 'bare',
      targets: [`127.0.0.1:${options.port + 1}`],
      connections: tokens.map((_, user) => ({ path: streamPath, token: String(user) })),
      texts: stage.texts,
      folder,
    }),
  );

  const warmUp = Math.min(10, options.seconds);
  await ourRound(stage, server, ours, { name: 'warming up, ours', seconds: warmUp });
  await giveFrame(peer, await readFile(framePath, 'utf8'));
  await bareRound(stage, peer, bare, { name: 'warming up, bare', seconds: warmUp });
  const memory = server.processes().map((one) => `${shortName(one)} ${bytes(one.residentBytes)}`);

  const rounds: { ours: Round[]; bare: Round[] } = { ours: [], bare: [] };
  for (let round = 1; round <= options.rounds; round++) {
    const of = `${round} of ${options.rounds}`;
    rounds.ours.push(
      await ourRound(stage, server, ours, { name: `ours, round ${of}`, seconds: options.seconds }),
    );
    rounds.bare.push(
      await bareRound(stage, peer, bare, { name: `bare, round ${of}`, seconds: options.seconds }),
    );
  }
  await Promise.all([ours.close(), bare.close()]);
  await Promise.all([server.stop(), peer.stop()]);
  await rm(folder, { recursive: true, force: true });
  takeBack();
  return summary(stage, rounds, memory);
}

async function startBare(stage: Stage): Promise<Peer> {
  const { options, folder, graph, texts } = stage;
  const followersPath = path.join(folder, 'followers');
  const textsPath = path.join(folder, 'texts');
  await writeFile(followersPath, new Uint8Array(graph.followers.buffer));
  await writeFile(textsPath, texts.map((text) => `${text}\n`).join(''));
  const { users, followers: degree, port } = options;
  return startPeer('peers/bare-uws.ts', { port: port + 1, users, degree, followersPath, textsPath });
}

/** The bare loop sends what our server was seen to send, with only the marker and the text changing. */
async function giveFrame(peer: Peer, frame: string): Promise<void> {
  const found = frame.match(/qz\d+x\d+x\d+zq [a-z ]{100}/);
  if (found?.index === undefined) throw new Error('our own frame has no marker');
  const prefix = frame.slice(0, found.index);
  const suffix = frame.slice(found.index + found[0].length);
  await peer.ask({ kind: 'frame', prefix, suffix }, z.object({}), 5_000);
}

function drawPosts(stage: Stage, seqs: Uint32Array, seconds: number): Post[] {
  return Array.from({ length: Math.round(stage.options.rate * seconds) }, () => {
    const author = stage.random.below(stage.options.users);
    const seq = seqs[author] ?? 0;
    seqs[author] = seq + 1;
    return { author, seq };
  });
}

async function ourRound(
  stage: Stage,
  server: Server,
  sockets: Sockets,
  round: { name: string; seconds: number },
): Promise<Round> {
  const posts = drawPosts(stage, stage.seqs.ours, round.seconds);
  const requests: PreparedRequest[] = posts.map((post) => ({
    method: 'POST',
    path: '/api/v1/statuses',
    token: stage.tokens[post.author] ?? '',
    key: post.author,
    body: JSON.stringify({ status: postText(stage.texts, post, timePlaceholder) }),
  }));
  const load = await prepareLoad({
    name: 'posts',
    target: server.target,
    connections: 64,
    requests,
    pace: {
      mode: 'paced',
      ratePerSecond: stage.options.rate,
      seconds: round.seconds + 60,
      count: posts.length,
    },
    keepAcks: true,
    folder: stage.folder,
  });
  await sockets.begin();
  const clientBefore = figuresOf(sockets.pid);
  const before = server.processes();
  const posted = await withClock(round.name, round.seconds, load.run());
  const acks = await load.acks();
  const published = acks.flatMap((ack) => (ack.status === 200 ? (posts[ack.request] ?? []) : []));
  const report = await received(stage, sockets, published, round.name);
  const after = server.processes();
  stage.wrong.push(...httpFaults(posted).map((fault) => `${round.name}: ${fault}`));
  const ids = new Set(acks.map((ack) => ack.id));
  if (ids.size !== acks.length) stage.wrong.push(`${round.name}: an id was given twice`);
  return {
    report,
    cpuSeconds: cpuBetween(before, after),
    perProcess: after.map((one) => ({
      command: shortName(one),
      cpuSeconds: cpuBetween(
        before.filter(({ pid }) => pid === one.pid),
        [one],
      ),
    })),
    postLatencyP99Us: posted.latency.p99Us,
    lateP99Us: posted.lateness.p99Us,
    loadCpuSeconds: cpuBetween(clientBefore, figuresOf(sockets.pid)),
  };
}

const bareDone = z.object({ sent: z.number(), missed: z.number(), seconds: z.number() });

async function bareRound(
  stage: Stage,
  peer: Peer,
  sockets: Sockets,
  round: { name: string; seconds: number },
): Promise<Round> {
  const posts = drawPosts(stage, stage.seqs.bare, round.seconds);
  const postsPath = path.join(stage.folder, 'bare-posts');
  await writeFile(
    postsPath,
    new Uint8Array(Uint32Array.from(posts.flatMap(({ author, seq }) => [author, seq])).buffer),
  );
  await sockets.begin();
  const clientBefore = figuresOf(sockets.pid);
  const before = figuresOf(peer.pid);
  const run = { kind: 'run', postsPath, ratePerSecond: stage.options.rate };
  const done = await withClock(
    round.name,
    round.seconds,
    peer.ask(run, bareDone, round.seconds * 1000 + 60_000),
  );
  const report = await received(stage, sockets, posts, round.name);
  const after = figuresOf(peer.pid);
  if (done.missed > 0) stage.wrong.push(`${round.name}: ${done.missed} frames dropped for slow readers`);
  const loadCpuSeconds = cpuBetween(clientBefore, figuresOf(sockets.pid));
  return {
    report,
    cpuSeconds: cpuBetween(before, after),
    perProcess: [],
    postLatencyP99Us: 0,
    lateP99Us: 0,
    loadCpuSeconds,
  };
}

/** Waits for the deliveries of these posts and compares what each connection received with what it should have. */
async function received(stage: Stage, sockets: Sockets, posts: Post[], name: string): Promise<SocketReport> {
  const { graph, options } = stage;
  const receivers = (author: number) => [...neighbours(graph.followers, graph.degree, author), author];
  const expected = expectedPairs(options.users, posts, receivers);
  const wait = { expected: expected.deliveries, quietMs: 5_000, limitMs: 60_000 };
  const { report, pairs } = await sockets.report(wait);
  const faults = [...socketFaults(report), ...differences(expected.pairs, pairs)];
  if (report.deliveries !== expected.deliveries) {
    faults.unshift(`${count(report.deliveries)} deliveries of ${count(expected.deliveries)}`);
  }
  stage.wrong.push(...faults.map((fault) => `${name}: ${fault}`));
  return report;
}

function figuresOf(pid: number): ProcessFigures[] {
  return [processFigures(pid)].flatMap((one) => one ?? []);
}

function shortName(one: ProcessFigures): string {
  return (
    one.command.match(/(agent|core|gateway)\.mjs/)?.[1] ??
    (one.command.includes('murmuration.ts') ? 'agent' : 'other')
  );
}

async function summary(
  stage: Stage,
  rounds: { ours: Round[]; bare: Round[] },
  memory: string[],
): Promise<Result> {
  const { options } = stage;
  const cost = (round: Round) => (round.cpuSeconds / round.report.deliveries) * 1e6;
  const loadCost = (side: Round[]) =>
    median(side.map((one) => (one.loadCpuSeconds / one.report.deliveries) * 1e6));
  const cpu = { ours: median(rounds.ours.map(cost)), bare: median(rounds.bare.map(cost)) };
  const latency = (side: Round[], which: 'p50Us' | 'p99Us' | 'maxUs') =>
    median(side.map((one) => one.report.latency[which]));
  const total = (side: Round[]) => side.reduce((sum, one) => sum + one.report.deliveries, 0);
  const frame = (side: Round[]) => median(side.map((one) => one.report.bytes / one.report.frames));
  const name = `deliver: ${count(options.users)} users with ${options.followers} followers each, ${options.rate} posts/s for ${options.seconds} s`;
  const names = [...new Set(rounds.ours.flatMap((one) => one.perProcess.map(({ command }) => command)))];
  const share = (who: string) =>
    median(
      rounds.ours.map((round) => {
        const own = round.perProcess.filter(({ command }) => command === who);
        return (own.reduce((sum, one) => sum + one.cpuSeconds, 0) / round.report.deliveries) * 1e6;
      }),
    );
  const rate = (side: Round[]) => count(total(side) / (options.seconds * options.rounds));
  const times = (side: Round[]) =>
    `${milliseconds(latency(side, 'p50Us'))} / ${milliseconds(latency(side, 'p99Us'))} / ${milliseconds(latency(side, 'maxUs'))}`;
  return {
    name,
    rows: [
      ['deliveries', `${count(total(rounds.ours))} in ${options.rounds} rounds, ${rate(rounds.ours)}/s`],
      ['author to follower, p50 / p99 / max', times(rounds.ours)],
      ['the bare loop, send to receive', times(rounds.bare)],
      ['bytes a delivery', `${count(frame(rounds.ours))}; bare ${count(frame(rounds.bare))}`],
      [
        'CPU seconds a million deliveries',
        `${decimal(cpu.ours)} (${rounds.ours.map((one) => decimal(cost(one))).join(', ')})`,
      ],
      ['  of it', names.map((who) => `${who} ${decimal(share(who))}`).join(', ')],
      ['bare loop', `${decimal(cpu.bare)} (${rounds.bare.map((one) => decimal(cost(one))).join(', ')})`],
      ['ours / bare', `${decimal(cpu.ours / cpu.bare)} x (aim: at most 1.5 x)`],
      ['acknowledged after, p99', milliseconds(median(rounds.ours.map((one) => one.postLatencyP99Us)))],
      [
        'posts left the load client late by, p99',
        milliseconds(median(rounds.ours.map((one) => one.lateP99Us))),
      ],
      [
        'receiving client, CPU seconds a million',
        `${decimal(loadCost(rounds.ours))}; bare ${decimal(loadCost(rounds.bare))}`,
      ],
      ['resident memory', memory.join(', ')],
    ],
    figures: {
      deliveries: total(rounds.ours),
      p50Us: latency(rounds.ours, 'p50Us'),
      p99Us: latency(rounds.ours, 'p99Us'),
      cpuSecondsAMillion: rounds.ours.map(cost),
      bareCpuSecondsAMillion: rounds.bare.map(cost),
      ratio: cpu.ours / cpu.bare,
    },
    wrong: stage.wrong,
  };
}
