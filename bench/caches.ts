// `bench caches`: what the caches find when each may hold at most a tenth of its data. Who reads, who posts and who is followed is drawn by zipf, of one ranking.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { atEnd } from './cleanup.ts';
import { bytes, count, decimal } from './figures.ts';
import { httpFaults } from './load/reports.ts';
import { type PreparedRequest, prepareLoad } from './load/requests.ts';
import { makeTexts, nextPost, postRequest } from './posts.ts';
import { withClock } from './progress.ts';
import { type Random, seeded, zipfDraws } from './random.ts';
import type { Result } from './result.ts';
import { importOnce, type Server, startServer, tokensOf } from './server.ts';

export interface CachesOptions {
  /** A folder to keep the imported graph in, for later runs. */
  graph?: string | undefined;
  port: number;
  quick: boolean;
  users: number;
  followees: number;
  postsEach: number;
  tags: number;
  /** Requests a second. */
  homes: number;
  pages: number;
  posts: number;
  /** Seconds after which a home that nobody reads leaves the memory. */
  idle: number;
  warm: number;
  seconds: number;
  seed: number;
}

const share = 0.1;
/** What the caches reckon a post, a person and the list of somebody's ids to take (fragments.ts, recent-index.ts), in bytes and in ids. */
const statusBytes = 1500 + 3 * 130;
const accountBytes = 2000;
const statusShare = 8 / 11;
const idsOfAuthor = 8;

/** Of the ranking: more than are used between two of the same draw. */
const drawn = 2_000_000;

const aims = { id: 99, row: 95, fragment: 95, page: 40 };
type Cache = keyof typeof aims;
const caches = Object.keys(aims) as Cache[];

interface Stage {
  options: CachesOptions;
  folder: string;
  random: Random;
  tokens: string[];
  /** Users, the most popular ones most often. */
  people: Draw;
  texts: string[];
  seqs: Uint32Array;
  wrong: string[];
}

export async function cacheHits(asked: CachesOptions): Promise<Result> {
  const quickly = { users: 500, tags: 50, homes: 100, pages: 100, warm: 2, seconds: 3 };
  const options = asked.quick ? { ...asked, ...quickly } : asked;
  const folder = await mkdtemp(path.join(os.tmpdir(), 'murmuration-bench-'));
  const takeBack = atEnd(() => rm(folder, { recursive: true, force: true }));
  const stage = await prepare(options, folder);
  const { users, postsEach } = options;
  const posts = users * postsEach;
  const mostIds = Math.max(1_000, Math.floor(share * (posts + idsOfAuthor * users)));
  const cacheMib = mebibytesFor(users, posts);
  const server = await startServer({
    dataFolder: path.join(folder, 'data'),
    port: options.port,
    gateways: 1,
    more: [
      '--gateway-cache',
      String(cacheMib),
      '--id-cache',
      String(mostIds),
      '--idle-actor',
      String(options.idle),
    ],
  });
  await publish(stage, server.target);
  // What nobody has read yet takes several times as long.
  for (const part of [0.25, 0.5, 1])
    await read(stage, server.target, { name: 'warming up', seconds: options.warm / 3, part });
  const before = await lookUps(server);
  await read(stage, server.target, { name: 'reading', seconds: options.seconds, part: 1 });
  const after = await lookUps(server);
  const awake = await metric(server, 'murmuration_actors_awake');
  const held = await metric(server, 'murmuration_cache_bytes');
  await server.stop();
  await rm(folder, { recursive: true, force: true });
  takeBack();
  // A home that stands in memory spares the look-ups of all whom its reader follows.
  const idLookups = Math.ceil(options.homes * options.seconds) * (options.followees + 1);
  const idMisses = after.id.misses - before.id.misses;
  after.id = { hits: before.id.hits + idLookups - idMisses, misses: after.id.misses };
  const rates = caches.map((cache) => rateOf(cache, before, after));
  if (held > cacheMib * 1024 * 1024) stage.wrong.push(`the gateway's caches hold ${bytes(held)}`);
  return {
    name: `caches: ${count(users)} users, ${options.followees} followees each, ${count(posts)} posts, ${options.homes} homes, ${options.pages} public pages and ${options.posts} posts a second, all drawn by zipf (1.0), of one ranking`,
    rows: [
      [
        'each at most a tenth of its data',
        `ids ${count(mostIds)}; posts and people ${cacheMib} MiB, ${bytes(held)} held; homes in memory ${count(awake)} of ${count(users)}`,
      ],
      ...rates.map(({ cache, rate, lookups }): [string, string] => [
        `hits, ${names[cache]}`,
        `${decimal(rate, 1)} % of ${count(lookups)} (aim: at least ${aims[cache]} %)`,
      ]),
    ],
    figures: Object.fromEntries(rates.map(({ cache, rate }) => [cache, rate])),
    wrong: stage.wrong,
  };
}

const names: Record<Cache, string> = {
  id: 'ids ("vector")',
  row: 'rows',
  fragment: 'rendered fragments',
  page: 'public pages and search results',
};

/** So that neither kind of row has more than its tenth. */
function mebibytesFor(users: number, posts: number): number {
  const most = Math.min((posts * statusBytes) / statusShare, (users * accountBytes) / (1 - statusShare));
  return Math.max(1, Math.floor((share * most) / (1024 * 1024)));
}

async function prepare(options: CachesOptions, folder: string): Promise<Stage> {
  const { users } = options;
  const random = seeded(options.seed);
  const people = draw(zipfDraws(users, drawn, random));
  const follows = path.join(folder, 'follows.csv');
  await writeFollows(options, people, follows);
  const dataFolder = path.join(folder, 'data');
  await withClock(
    'importing',
    (users * options.followees) / 10_000,
    importOnce(dataFolder, follows, options.graph),
  );
  const handles = Array.from({ length: users }, (_, user) => `u${user}`);
  const tokens = await tokensOf(dataFolder, handles);
  const seqs = new Uint32Array(users);
  return { options, folder, random, tokens, people, texts: makeTexts(64, 100, random), seqs, wrong: [] };
}

type Draw = () => number;

/** Again from the start at their end. */
function draw(draws: Uint32Array): Draw {
  let next = 0;
  return () => draws[next++ % draws.length] ?? 0;
}

/** Some are followed by nearly all. */
async function writeFollows({ users, followees }: CachesOptions, people: Draw, file: string): Promise<void> {
  const lines = ['follower,followee'];
  for (let user = 0; user < users; user++) {
    const chosen = new Set<number>();
    while (chosen.size < followees) {
      const followee = people();
      if (followee !== user) chosen.add(followee);
    }
    for (const followee of chosen) lines.push(`${user},${followee}`);
  }
  await writeFile(file, `${lines.join('\n')}\n`);
}

async function publish(stage: Stage, target: string): Promise<void> {
  const { users, postsEach } = stage.options;
  const requests = Array.from({ length: users * postsEach }, () => postOf(stage, stage.people()));
  const pace = { mode: 'closed' as const, seconds: 600, count: requests.length };
  const { folder } = stage;
  const load = await prepareLoad({ name: 'publish', target, connections: 128, requests, pace, folder });
  const faults = httpFaults(await withClock('publishing', requests.length / 4000, load.run()));
  if (faults.length > 0) throw new Error(`publishing failed: ${faults.join(', ')}`);
}

/** With a tag of the many. */
function postOf({ texts, tokens, random, options, seqs }: Stage, author: number): PreparedRequest {
  const text = `${texts[random.below(texts.length)]} #t${random.below(options.tags)}`;
  return postRequest({ texts: [text], tokens }, nextPost(seqs, author));
}

/** Homes of readers, pages and searches without an account, and new posts, side by side. */
async function read(
  stage: Stage,
  target: string,
  { name, seconds, part }: { name: string; seconds: number; part: number },
): Promise<void> {
  const { options, random, tokens, people, folder } = stage;
  const times = (rate: number) => Math.ceil(rate * part * seconds);
  const homes = Array.from({ length: times(options.homes) }, people).map((user) => ({
    method: 'GET' as const,
    path: '/api/v1/timelines/home?limit=20',
    token: tokens[user] ?? '',
    key: user,
  }));
  const pages = [...zipfDraws(options.tags, times(options.pages), random)].map((tag, place) => ({
    method: 'GET' as const,
    path: place % 2 === 0 ? `/api/v1/timelines/tag/t${tag}` : `/api/v2/search?q=%23t${tag}&type=statuses`,
    key: place,
  }));
  const posts = Array.from({ length: times(options.posts) }, () => postOf(stage, people()));
  const loads = await Promise.all(
    Object.entries({ homes, pages, posts }).map(([what, requests]) =>
      prepareLoad({
        name: `${name.replace(' ', '-')}-${what}`,
        target,
        connections: 32,
        requests,
        pace: {
          mode: 'paced',
          ratePerSecond: part * options[what as 'homes'],
          seconds,
          count: requests.length,
        },
        folder,
      }),
    ),
  );
  const reports = await withClock(name, seconds, Promise.all(loads.map((load) => load.run())));
  for (const report of reports) stage.wrong.push(...httpFaults(report).map((fault) => `${name}: ${fault}`));
}

type LookUps = Record<Cache, { hits: number; misses: number }>;

async function lookUps(server: Server): Promise<LookUps> {
  const of = async (cache: Cache) => {
    if (cache === 'id')
      return {
        hits: await metric(server, 'murmuration_cache_hits_total', 'cache="id"'),
        misses: await metric(server, 'murmuration_cache_misses_total', 'cache="id"'),
      };
    const result = (found: string) =>
      metric(server, 'murmuration_cache_lookups_total', `cache="${cache}",result="${found}"`);
    return { hits: await result('hit'), misses: await result('miss') };
  };
  return { id: await of('id'), row: await of('row'), fragment: await of('fragment'), page: await of('page') };
}

/** The sum of its lines that have these labels. */
async function metric(server: Server, name: string, labels = ''): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(labels));
  if (lines.length === 0) throw new Error(`/metrics has no ${name} with ${labels}`);
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

function rateOf(
  cache: Cache,
  before: LookUps,
  after: LookUps,
): { cache: Cache; rate: number; lookups: number } {
  const hits = after[cache].hits - before[cache].hits;
  const lookups = hits + after[cache].misses - before[cache].misses;
  return { cache, rate: (100 * hits) / lookups, lookups };
}
