// `bench post`: durable posts acknowledged per second, into the core and through HTTP; bare lmdb beside it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { atEnd } from './cleanup.ts';
import { count, decimal, median, milliseconds } from './figures.ts';
import { type HttpReport, httpFaults } from './load/reports.ts';
import { type Ack, type PreparedRequest, prepareLoad, readBodies } from './load/requests.ts';
import { startBundled, startPeer } from './peers/peer.ts';
import { requireFree } from './ports.ts';
import { makeTexts, postText, seqPlaceholder, timePlaceholder } from './posts.ts';
import { withClock } from './progress.ts';
import { seeded } from './random.ts';
import type { Result } from './result.ts';
import { importFollows, type Server, startServer, tokensOf } from './server.ts';

export interface PostOptions {
  port: number;
  quick: boolean;
  authors: number;
  seconds: number;
  rounds: number;
  gateways: number;
  seed: number;
}

const callersReport = z.object({
  answered: z.number(),
  seconds: z.number(),
  p50Us: z.number(),
  p99Us: z.number(),
  maxUs: z.number(),
  cpuUs: z.number(),
});
const coreRound = callersReport.extend({ wrong: z.array(z.string()) });
const bareRound = callersReport.extend({ putsAPost: z.number(), bytesAPost: z.number() });

interface Rounds {
  core: z.infer<typeof coreRound>[];
  bare: z.infer<typeof bareRound>[];
  /** Without what the search index writes: that is not waited for, it only shares transactions. */
  lean: z.infer<typeof bareRound>[];
  http: HttpReport[];
}

const searchTables = ['postings', 'terms'];

export async function post(asked: PostOptions): Promise<Result> {
  const options = asked.quick ? { ...asked, authors: 100, seconds: 2, rounds: 2 } : asked;
  await requireFree(options.port);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'murmuration-bench-'));
  const takeBack = atEnd(() => rm(folder, { recursive: true, force: true }));
  const core = await startBundled('post-core.ts', { authors: options.authors, seed: options.seed });
  const bare = await startPeer('peers/bare-lmdb.ts', {});
  const putsPath = path.join(folder, 'puts');
  const { authors, seconds } = options;
  const limitMs = seconds * 1000 + 300_000;
  const wrong: string[] = [];
  const ours = async (name: string, extra: object = {}) => {
    const round = { kind: 'round', folder: path.join(folder, 'core'), seconds, ...extra };
    const report = await withClock(name, seconds, core.ask(round, coreRound, limitMs));
    await rm(round.folder, { recursive: true, force: true });
    wrong.push(...report.wrong.map((line) => `${name}: ${line}`));
    return report;
  };
  const theirs = async (name: string, without: readonly string[] = []) => {
    const round = {
      kind: 'round',
      folder: path.join(folder, 'lmdb'),
      putsPath,
      callers: authors,
      seconds,
      without,
    };
    const report = await withClock(name, seconds, bare.ask(round, bareRound, limitMs));
    await rm(round.folder, { recursive: true, force: true });
    return report;
  };

  // The first round tells what a post writes: the peer does the same. Neither first round counts.
  await ours('warming up and noting what is written', { putsPath });
  await theirs('warming up, bare lmdb');
  const http = await startHttp(options, folder);
  const rounds: Rounds = { core: [], bare: [], lean: [], http: [] };
  for (let round = 1; round <= options.rounds; round++) {
    const of = `${round} of ${options.rounds}`;
    rounds.core.push(await ours(`into the core, ${of}`));
    rounds.bare.push(await theirs(`bare lmdb, ${of}`));
    rounds.lean.push(await theirs(`bare lmdb without search, ${of}`, searchTables));
    rounds.http.push(await http.round(`through HTTP, ${of}`));
  }
  wrong.push(...(await http.finish()));
  await Promise.all([core.stop(), bare.stop()]);
  await rm(folder, { recursive: true, force: true });
  takeBack();
  return summary(options, rounds, wrong);
}

interface HttpSide {
  round(name: string): Promise<HttpReport>;
  /** Restarts the server and reads every acknowledged post back. */
  finish(): Promise<string[]>;
}

async function startHttp(options: PostOptions, folder: string): Promise<HttpSide> {
  const dataFolder = path.join(folder, 'data');
  const followsPath = path.join(folder, 'follows.csv');
  const ring = Array.from(
    { length: options.authors },
    (_, user) => `${user},${(user + 1) % options.authors}\n`,
  );
  await writeFile(followsPath, `follower,followee\n${ring.join('')}`);
  await importFollows(dataFolder, followsPath);
  const handles = Array.from({ length: options.authors }, (_, user) => `u${user}`);
  const tokens = await tokensOf(dataFolder, handles);
  let server = await startServer({ dataFolder, port: options.port, gateways: options.gateways });
  const texts = makeTexts(1, 100, seeded(options.seed));
  const wrong: string[] = [];
  const acked: Ack[] = [];
  // http-load counts anew each round: the round is part of the text.
  let rounds = 0;

  return {
    async round(name) {
      rounds++;
      const requests: PreparedRequest[] = tokens.map((token, author) => ({
        method: 'POST',
        path: '/api/v1/statuses',
        token,
        key: author,
        body: JSON.stringify({
          status: `round${rounds} ${seqPlaceholder} ${postText(texts, { author, seq: 0 }, timePlaceholder)}`,
        }),
      }));
      const load = await prepareLoad({
        name: 'post',
        target: server.target,
        connections: options.authors,
        requests,
        pace: { mode: 'closed', seconds: options.seconds, own: true },
        keepAcks: true,
        folder,
      });
      const report = await withClock(name, options.seconds, load.run());
      wrong.push(...httpFaults(report).map((fault) => `${name}: ${fault}`));
      for (const ack of await load.acks()) if (ack.status === 200) acked.push(ack);
      return report;
    },
    async finish() {
      await server.stop();
      server = await startServer({ dataFolder, port: options.port, gateways: options.gateways });
      wrong.push(...(await readBack(server, folder, acked, tokens)));
      await server.stop();
      return wrong;
    },
  };
}

const statusBody = z.object({ id: z.string(), content: z.string() });

async function readBack(
  server: Server,
  folder: string,
  acked: readonly Ack[],
  tokens: readonly string[],
): Promise<string[]> {
  const ids = acked.map((ack) => ack.id ?? 'none');
  if (new Set(ids).size !== ids.length) return ['an id was given twice'];
  const bodiesPath = path.join(folder, 'posts');
  const load = await prepareLoad({
    name: 'read-back',
    target: server.target,
    connections: 32,
    requests: acked.map((ack, place) => ({
      method: 'GET',
      path: `/api/v1/statuses/${ids[place]}`,
      token: tokens[ack.request] ?? '',
      key: ack.request,
    })),
    pace: { mode: 'record' },
    bodiesPath,
    folder,
  });
  const report = await withClock('reading every post back', acked.length / 5000, load.run());
  const wrong = httpFaults(report).map((fault) => `reading back: ${fault}`);
  const bodies = await readBodies(bodiesPath);
  const strange = bodies.filter((body, place) => {
    const ack = acked[place];
    const status = statusBody.safeParse(JSON.parse(body || 'null'));
    const marks = [String(ack?.seq).padStart(9, '0'), `qz${ack?.request}x0x`];
    return (
      !status.success ||
      status.data.id !== ack?.id ||
      !marks.every((mark) => status.data.content.includes(mark))
    );
  });
  if (strange.length > 0) wrong.push(`${strange.length} acknowledged posts are lost or have another text`);
  return wrong;
}

function summary(options: PostOptions, rounds: Rounds, wrong: string[]): Result {
  const rates = {
    core: rounds.core.map((one) => one.answered / one.seconds),
    bare: rounds.bare.map((one) => one.answered / one.seconds),
    lean: rounds.lean.map((one) => one.answered / one.seconds),
    http: rounds.http.map((one) => one.inTime / one.seconds),
  };
  const cpu = {
    core: rounds.core.map((one) => one.cpuUs / one.answered),
    bare: rounds.bare.map((one) => one.cpuUs / one.answered),
  };
  const times = (side: { p50Us: number; p99Us: number; maxUs: number }[]) =>
    `p50 ${milliseconds(median(side.map((one) => one.p50Us)))}, p99 ${milliseconds(median(side.map((one) => one.p99Us)))}, max ${milliseconds(median(side.map((one) => one.maxUs)))}`;
  const ratio = median(rates.core) / median(rates.bare);
  const httpRatio = median(rates.http) / median(rates.bare);
  const puts = rounds.bare[0];
  return {
    name: `post: ${count(options.authors)} authors at once, each waiting for the disk, ${options.rounds} x ${options.seconds} s each`,
    rows: [
      ['a post writes', `${decimal(puts?.putsAPost ?? 0, 1)} records, ${count(puts?.bytesAPost ?? 0)} bytes`],
      ['into the core', `${count(median(rates.core))} posts/s, ${times(rounds.core)}`],
      ['bare lmdb, the same writes', `${count(median(rates.bare))} posts/s, ${times(rounds.bare)}`],
      ['core / bare', `${decimal(ratio)} x (aim: at least 0.5 x)`],
      [
        'bare lmdb, without our search index',
        `${count(median(rates.lean))} posts/s; core / this ${decimal(median(rates.core) / median(rates.lean))} x`,
      ],
      ['CPU a post, core / bare', `${count(median(cpu.core))} / ${count(median(cpu.bare))} us`],
      [
        'through HTTP',
        `${count(median(rates.http))} posts/s, ${times(rounds.http.map((one) => one.latency))}`,
      ],
      ['HTTP / bare', `${decimal(httpRatio)} x`],
    ],
    figures: {
      corePostsPerSecond: rates.core,
      coreCpuUs: cpu.core,
      bareCpuUs: cpu.bare,
      barePostsPerSecond: rates.bare,
      leanPostsPerSecond: rates.lean,
      httpPostsPerSecond: rates.http,
      coreP99Us: rounds.core.map((one) => one.p99Us),
      ratio,
      httpRatio,
      putsAPost: puts?.putsAPost ?? 0,
    },
    wrong,
  };
}
