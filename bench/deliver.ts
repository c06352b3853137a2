// `bench deliver`: how soon, and at what price, a post reaches those who follow its author; others beside it in the same run.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { atEnd } from './cleanup.ts';
import { type OurRound, ourSide, shortName } from './deliver-ours.ts';
import { peerSide, writePeerFiles } from './deliver-peers.ts';
import { type DeliverOptions, drawPosts, type Round, type Side, type Stage } from './deliver-stage.ts';
import { bytes, count, decimal, median, milliseconds } from './figures.ts';
import { regularGraph, writeEdges } from './graph.ts';
import { requireFree } from './ports.ts';
import { makeTexts } from './posts.ts';
import { withClock } from './progress.ts';
import { seeded } from './random.ts';
import type { Result } from './result.ts';
import { importOnce, startServer, tokensOf } from './server.ts';

interface Rounds {
  ours: OurRound[];
  peers: { name: string; rounds: Round[] }[];
}

const warmUpS = 10;

export async function deliver(asked: DeliverOptions): Promise<Result> {
  const options = asked.quick ? { ...asked, users: 500, followers: 20, seconds: 4, rounds: 2 } : asked;
  if (options.form === 'compact' && options.peers.includes('socket.io'))
    throw new Error('Socket.IO is measured with --form json.');
  await requireFree(options.port, ...options.peers.flatMap((_, nth) => portsOf(options.port, nth)));
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
  const texts = makeTexts(64, 100, random);
  const stage: Stage = { options, folder, graph, texts, tokens, random, wrong: [] };

  const server = await startServer({ dataFolder, port: options.port, gateways: options.gateways });
  const ours = await ourSide(stage, server);
  const seqs = new Map<Side, Uint32Array>();
  const posts = (side: Side, seconds: number) => {
    const known = seqs.get(side) ?? new Uint32Array(options.users);
    seqs.set(side, known);
    return drawPosts(stage, known, seconds);
  };
  const warmUp = Math.min(warmUpS, options.seconds);
  await ours.round(posts(ours, warmUp), 'warming up, ours');
  const memory = server.processes().map((one) => `${shortName(one)} ${bytes(one.residentBytes)}`);
  await writePeerFiles(stage);
  const frame = await readFile(ours.framePath);
  const peers: Side[] = [];
  for (const [nth, name] of options.peers.entries()) {
    const side = await peerSide(stage, name, portsOf(options.port, nth)[0], frame);
    peers.push(side);
    await side.round(posts(side, warmUp), `warming up, ${name}`);
  }

  const rounds: Rounds = { ours: [], peers: peers.map(({ name }) => ({ name, rounds: [] })) };
  for (let round = 1; round <= options.rounds; round++) {
    const of = `${round} of ${options.rounds}`;
    rounds.ours.push(await ours.round(posts(ours, options.seconds), `ours, round ${of}`));
    for (const [nth, side] of peers.entries())
      rounds.peers[nth]?.rounds.push(
        await side.round(posts(side, options.seconds), `${side.name}, round ${of}`),
      );
  }
  for (const side of [ours, ...peers]) await side.close();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
  takeBack();
  return summary(stage, rounds, memory);
}

/** Of the nth peer, apart from the ports of our server: its own, and that of its Redis. */
function portsOf(port: number, nth: number): [number, number] {
  return [port + 1 + 2 * nth, port + 2 + 2 * nth];
}

function cost(round: Round): number {
  return (round.cpuSeconds / round.report.deliveries) * 1e6;
}

function summary({ options, wrong }: Stage, rounds: Rounds, memory: string[]): Result {
  const { ours, peers } = rounds;
  const ourCost = median(ours.map(cost));
  const total = ours.reduce((sum, one) => sum + one.report.deliveries, 0);
  const names = [...new Set(ours.flatMap((one) => one.perProcess.map(({ command }) => command)))];
  const share = (who: string) =>
    median(
      ours.map((round) => {
        const own = round.perProcess.filter(({ command }) => command === who);
        return (own.reduce((sum, one) => sum + one.cpuSeconds, 0) / round.report.deliveries) * 1e6;
      }),
    );
  const loadCost = (side: Round[]) =>
    median(side.map((one) => (one.loadCpuSeconds / one.report.deliveries) * 1e6));
  return {
    name: `deliver: ${count(options.users)} users with ${options.followers} followers each, ${count(options.rate)} posts/s for ${options.seconds} s, ${options.form}`,
    rows: [
      [
        'deliveries',
        `${count(total)} in ${options.rounds} rounds, ${count(total / ours.reduce((sum, one) => sum + one.seconds, 0))}/s from the first post to the last delivery; aimed at ${count(options.rate * (options.followers + 1))}/s`,
      ],
      ['author to follower, p50 / p99 / max', times(ours)],
      ['bytes a delivery', count(median(ours.map((one) => one.report.bytes / one.report.frames)))],
      [
        'CPU seconds a million deliveries',
        `${decimal(ourCost)} (${ours.map((one) => decimal(cost(one))).join(', ')})`,
      ],
      ['  of it', names.map((who) => `${who} ${decimal(share(who))}`).join(', ')],
      ...peers.flatMap(({ name, rounds: theirs }): [string, string][] => [
        [
          `${labels[name] ?? name}, CPU`,
          `${decimal(median(theirs.map(cost)))} (${theirs.map((one) => decimal(cost(one))).join(', ')}); ours / this ${decimal(ourCost / median(theirs.map(cost)))} x`,
        ],
        ['  send to receive, p50 / p99 / max', times(theirs)],
      ]),
      ['acknowledged after, p99', milliseconds(median(ours.map((one) => one.postLatencyP99Us)))],
      ['posts left the load client late by, p99', milliseconds(median(ours.map((one) => one.lateP99Us)))],
      [
        'receiving client, CPU seconds a million',
        [{ name: 'ours', rounds: ours }, ...peers]
          .map(({ name, rounds: its }) => `${name} ${decimal(loadCost(its))}`)
          .join(', '),
      ],
      [
        'resident memory',
        `${memory.join(', ')} before the rounds; at most ${bytes(Math.max(...ours.map((one) => one.mostResidentBytes)))} together`,
      ],
    ],
    figures: {
      deliveries: total,
      p50Us: median(ours.map((one) => one.report.latency.p50Us)),
      p99Us: median(ours.map((one) => one.report.latency.p99Us)),
      cpuSecondsAMillion: ours.map(cost),
      ...Object.fromEntries(
        peers.map(({ name, rounds: its }) => [`${name}CpuSecondsAMillion`, its.map(cost)]),
      ),
    },
    wrong,
  };
}

const labels: Record<string, string> = {
  send: 'bare uWebSockets.js, a loop',
  publish: 'bare uWebSockets.js, publish',
  ws: 'ws, a loop',
  'socket.io': 'Socket.IO, Redis adapter (with Redis)',
};

function times(side: readonly Round[]): string {
  const of = (which: 'p50Us' | 'p99Us' | 'maxUs') =>
    milliseconds(median(side.map((one) => one.report.latency[which])));
  return `${of('p50Us')} / ${of('p99Us')} / ${of('maxUs')}`;
}
