// `bench mixed`: all kinds of clients at once for a while. One author whom everybody follows, some readers that stall, some that are slow: whether
// memory stays flat, what an event loop waits, and whether anybody else notices.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { sumOf } from '../cluster/command-status.ts';
import { atEnd } from './cleanup.ts';
import { metricsOf } from './connections-live.ts';
import { residentBytes } from './connections-memory.ts';
import { cpuBetween } from './cpu.ts';
import { shortName, streamPath } from './deliver-ours.ts';
import { bytes, count, decimal, median, milliseconds, percent } from './figures.ts';
import { type Graph, neighbours, regularGraph } from './graph.ts';
import { httpFaults, socketFaults } from './load/reports.ts';
import { prepareLoad } from './load/requests.ts';
import { openSockets } from './load/sockets.ts';
import { requireFree } from './ports.ts';
import { differences, expectedPairs, makeTexts, nextPost, type Post, postRequest } from './posts.ts';
import { withClock } from './progress.ts';
import { type Random, seeded } from './random.ts';
import type { Result } from './result.ts';
import { importOnce, type Server, startServer, tokensOf } from './server.ts';

export interface MixedOptions {
  graph?: string | undefined;
  port: number;
  quick: boolean;
  users: number;
  /** Of each, beside the one whom all follow. */
  followers: number;
  /** Posts per second, of all together. */
  rate: number;
  /** Of these, by the one whom all follow, per second. */
  starRate: number;
  seconds: number;
  /** Shares of the users, in percent. */
  stalled: number;
  slow: number;
  gateways: number;
  seed: number;
}

const quickly = { users: 500, followers: 10, rate: 100, seconds: 20 };
/** The one whom all follow. */
const star = 0;
const lookEveryMs = 5_000;
const postersAtOnce = 128;
/** The caches are warm by then: memory is judged from there on. */
const warmShare = 0.3;
const endShare = 0.1;
const drainMs = 60_000;

interface Look {
  seconds: number;
  /** Of each kind of process, together. */
  resident: Map<string, number>;
  /** Of each process: what its event loop waited, p99 since the last look, in seconds. */
  waits: Map<string, number>;
}

export async function mixed(asked: MixedOptions): Promise<Result> {
  const options = asked.quick ? { ...asked, ...quickly } : asked;
  const { users, followers, gateways, seed, rate, seconds } = options;
  await requireFree(options.port);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'murmuration-bench-'));
  const takeBack = atEnd(() => rm(folder, { recursive: true, force: true }));
  const random = seeded(seed);
  const graph = regularGraph(users, followers, random);
  const dataFolder = path.join(folder, 'data');
  const followsPath = path.join(folder, 'follows.csv');
  await writeFile(followsPath, followLines(graph));
  await withClock('importing', users / 200, importOnce(dataFolder, followsPath, options.graph));
  const tokens = await tokensOf(
    dataFolder,
    Array.from({ length: users }, (_, user) => `u${user}`),
  );
  const texts = makeTexts(64, 100, random);
  const stalled = Math.round((users * options.stalled) / 100);
  const slow = Math.round((users * options.slow) / 100);
  const server = await startServer({ dataFolder, port: options.port, gateways });
  const sockets = await withClock(
    'opening sockets',
    users / 2000,
    openSockets({
      name: 'readers',
      targets: [server.target],
      connections: tokens.map((token) => ({ path: streamPath, token })),
      texts,
      acctPrefix: 'u',
      folder,
      stalled,
      slow,
    }),
  );
  const posts = drawPosts(options, random);
  const load = await prepareLoad({
    name: 'posts',
    target: server.target,
    connections: postersAtOnce,
    requests: posts.map((post) => postRequest({ texts, tokens }, post)),
    pace: { mode: 'paced', ratePerSecond: rate, seconds: seconds + 60, count: posts.length },
    keepAcks: true,
    reconnect: true,
    folder,
  });
  await sockets.begin();
  const before = server.processes();
  const watch = watchServer(server);
  const posted = await withClock(`${count(rate)} posts/s`, seconds, load.run());
  const looks = await watch.stop();
  const acks = await load.acks();
  const published = acks.flatMap((ack) => (ack.status === 200 ? (posts[ack.request] ?? []) : []));
  const expected = expectedPairs(users, published, (author) =>
    [...receiversOf(graph, author)].filter((user) => user >= stalled),
  );
  const wait = { expected: expected.deliveries, quietMs: 8_000, limitMs: drainMs };
  const { report, pairs } = await sockets.report(wait);
  const cpuSeconds = cpuBetween(before, server.processes());
  const cutOff = sumOf(await metricsOf(server.url), 'murmuration_slow_consumers_total') ?? 0;
  await sockets.close();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
  takeBack();
  const wrong = [...httpFaults(posted), ...socketFaults(report), ...differences(expected.pairs, pairs)];
  if (posted.sent !== posts.length)
    wrong.unshift(`${count(posted.sent)} of ${count(posts.length)} posts were sent`);
  if (report.deliveries !== expected.deliveries)
    wrong.unshift(`${count(report.deliveries)} deliveries of ${count(expected.deliveries)}`);
  const grown = growth(looks, seconds);
  const waits = waitsOf(looks);
  return {
    name: `mixed: ${count(users)} users, each with ${followers} followers and one with all, ${count(rate)} posts/s for ${count(seconds)} s; ${count(stalled)} readers stalled, ${count(slow)} slow`,
    rows: [
      ['posts acknowledged', `${count(published.length)}, p99 ${milliseconds(posted.latency.p99Us)}`],
      [
        'deliveries to all but the stalled',
        `${count(report.deliveries)} of ${count(expected.deliveries)}, ${count(report.deliveries / seconds)}/s`,
      ],
      [
        'author to follower, p50 / p99 / max',
        `${milliseconds(report.latency.p50Us)} / ${milliseconds(report.latency.p99Us)} / ${milliseconds(report.latency.maxUs)} (slow readers, who look every two seconds, not counted)`,
      ],
      ['stalled readers sent away', `${count(cutOff)} of ${count(stalled)}`],
      ...[...grown].map(([what, { from, to }]): [string, string] => [
        `resident memory without files, ${what}`,
        `${bytes(from)} when warm, ${bytes(to)} at the end: ${percent(to / from - 1)} [at most 10 %]`,
      ]),
      ...[...waits].map(([what, { typical, worst }]): [string, string] => [
        `event loop, p99 in 5 s, ${what}`,
        `${decimal(typical * 1000)} ms in the median, at most ${decimal(worst * 1000)} ms [50 ms]`,
      ]),
      ['CPU', `${decimal(cpuSeconds / seconds)} of a processor`],
    ],
    figures: {
      deliveries: report.deliveries,
      p50Us: report.latency.p50Us,
      p99Us: report.latency.p99Us,
      cutOff,
    },
    wrong,
  };
}

/** A line each: follower, followee. Everybody follows the star, who may have been followed anyway. */
function followLines(graph: Graph): string {
  const lines = ['follower,followee'];
  for (let user = 0; user < graph.users; user++) {
    const followees = new Set([...neighbours(graph.followees, graph.degree, user), star]);
    followees.delete(user);
    for (const followee of followees) lines.push(`u${user},u${followee}`);
  }
  return `${lines.join('\n')}\n`;
}

function* receiversOf(graph: Graph, author: number): Generator<number> {
  if (author === star) for (let user = 0; user < graph.users; user++) yield user;
  else yield* [...neighbours(graph.followers, graph.degree, author), author];
}

/** In the order of their times: every so many is the star's. */
function drawPosts({ users, rate, starRate, seconds }: MixedOptions, random: Random): Post[] {
  const seqs = new Uint32Array(users);
  const every = Math.round(rate / starRate);
  return Array.from({ length: rate * seconds }, (_, nth) => {
    return nextPost(seqs, nth % every === 0 ? star : 1 + random.below(users - 1));
  });
}

function watchServer(server: Server): { stop(): Promise<Look[]> } {
  const looks: Look[] = [];
  const beganMs = performance.now();
  let isOver = false;
  async function run(): Promise<void> {
    while (!isOver) {
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
      const resident = new Map<string, number>();
      for (const one of server.processes()) {
        const name = shortName(one);
        if (name === 'core' || name === 'gateway')
          // Without what they map of files: the store grows with every post, and its pages are page cache.
          resident.set(name, (resident.get(name) ?? 0) + residentBytes([one.pid]));
      }
      const waits = waitsIn(await metricsOf(server.url));
      looks.push({ seconds: (performance.now() - beganMs) / 1000, resident, waits });
    }
  }
  const running = run();
  return {
    async stop() {
      isOver = true;
      await running;
      return looks;
    },
  };
}

const waitLine = /^murmuration_nodejs_eventloop_lag_p99_seconds\{.*process="([\w-]+)".*\} (\S+)/gm;

function waitsIn(text: string): Map<string, number> {
  return new Map([...text.matchAll(waitLine)].map(([, name = '', value]) => [name, Number(value)]));
}

/** By kind of process: the mean of when it was warm, and that of the end. */
function growth(looks: readonly Look[], seconds: number): Map<string, { from: number; to: number }> {
  const meanOf = (name: string, from: number, to: number): number => {
    const some = looks.filter((look) => look.seconds >= from && look.seconds <= to);
    return some.reduce((sum, { resident }) => sum + (resident.get(name) ?? 0), 0) / Math.max(1, some.length);
  };
  const names = new Set(looks.flatMap(({ resident }) => [...resident.keys()]));
  return new Map(
    [...names].map((name) => [
      name,
      {
        from: meanOf(name, seconds * warmShare, seconds * (warmShare + endShare)),
        to: meanOf(name, seconds * (1 - endShare), Number.POSITIVE_INFINITY),
      },
    ]),
  );
}

function waitsOf(looks: readonly Look[]): Map<string, { typical: number; worst: number }> {
  const names = new Set(looks.flatMap(({ waits }) => [...waits.keys()]));
  return new Map(
    [...names].map((name) => {
      const all = looks.flatMap(({ waits }) => waits.get(name) ?? []);
      return [name, { typical: median(all), worst: Math.max(...all) }];
    }),
  );
}
