// `bench connections URL`: connections to a server that runs already, here or elsewhere.
import { lookup } from 'node:dns/promises';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { readAgentRecord } from '../cluster/agent-record.ts';
import { readSecret } from '../cluster/core-secrets.ts';
import { followersOf } from './connections-followers.ts';
import { linesOf } from './connections-home.ts';
import { requireLimits } from './connections-limits.ts';
import { untilAllLive } from './connections-live.ts';
import { crowdOf, type Ground, type Run } from './connections-run.ts';
import { measureBare, runStep } from './connections-step.ts';
import { watchCrowd } from './connections-watch.ts';
import { count } from './figures.ts';
import { makeTexts } from './posts.ts';
import { seeded } from './random.ts';
import { tokensOf } from './server.ts';

const liveWithinMs = 300_000;

export async function toGivenServer(ground: Ground, given: string): Promise<Run> {
  const { options, folder } = ground;
  const { targets, isLocal, streamPath, url } = await addressOf(given);
  const known = await tokensFor(options, folder);
  const wanted = options.connections ?? known.length;
  if (wanted > known.length && !options.shareTokens)
    throw new Error(
      `There are ${count(known.length)} tokens for ${count(wanted)} connections: give more, ask for fewer --connections, or let several share one with --share-tokens.`,
    );
  const tokens = Array.from({ length: wanted }, (_, nth) => known[nth % known.length] ?? '');
  requireLimits({ connections: wanted, targets, sources: options.sources, isLocal });
  const crowd = crowdOf(ground, targets, streamPath);
  const bare = measureBare(options.data === undefined ? null : serverPids(path.resolve(options.data)));
  const watching = watchCrowd(crowd, bare.serverPids);
  const accounts = known.map((token) => readSecret(token)?.account ?? null);
  const authors = spread(Math.min(options.posts, known.length), Math.min(known.length, wanted));
  const hearers =
    options.check && authors.length > 0 ? await hearersOf({ url, known, tokens, accounts, authors }) : null;
  const step = await runStep({
    crowd,
    tokens,
    bare,
    during(opened) {
      watching.connections = opened;
    },
    live: () => untilAllLive(url, liveWithinMs),
    speaking: {
      name: `${count(wanted)} connections, ${count(options.posts)} posts`,
      url,
      texts: makeTexts(64, 100, seeded(options.seed)),
      authors,
      tokenOf: (author) => known[author] ?? '',
      hearersOf: hearers === null ? null : (author) => hearers.get(author) ?? [],
      seqs: new Map(authors.map((author) => [author, firstSeq()])),
      ratePerSecond: Math.max(options.posts, 1) / Math.max(options.seconds, 1),
      posts: authors.length === 0 ? 0 : options.posts,
      seconds: 0,
    },
  });
  watching.connections = step.held;
  watching.stop();
  await crowd.close();
  const unjudged = 'not judged: the tokens do not name their accounts, or --no-check was given';
  return {
    name: `${count(wanted)} connections to ${given}${options.compact ? ', compact' : ''}`,
    bare,
    steps: [step],
    moments: watching.moments,
    rows: [['receivers', hearers === null ? unjudged : 'as the server lists the followers of the authors']],
    figures: {},
    wrong: step.spoken.wrong,
  };
}

/** Numbers of posts begin elsewhere in each run: what an earlier one left on its way is not taken for ours. */
function firstSeq(): number {
  return Math.floor(Date.now() / 1000) % 2 ** 31;
}

interface Address {
  targets: string[];
  isLocal: boolean;
  streamPath: string;
  url: string;
}

async function addressOf(given: string): Promise<Address> {
  const url = URL.canParse(given) ? new URL(given) : null;
  if (url === null || !['ws:', 'http:'].includes(url.protocol))
    throw new Error(
      `${given} is no address such as ws://127.0.0.1:8080${url?.protocol === 'wss:' ? ': TLS is not spoken, measure behind it' : ''}.`,
    );
  const port = url.port === '' ? '80' : url.port;
  const found = await lookup(url.hostname, { family: 4, all: true }).catch(() => []);
  if (found.length === 0)
    throw new Error(`${url.hostname} has no IPv4 address: give one that this machine can reach.`);
  const targets = found.map(({ address }) => `${address}:${port}`);
  const query = new URLSearchParams(url.search);
  if (!query.has('stream')) query.set('stream', 'user');
  const stream = url.pathname === '/' ? '/api/v1/streaming' : url.pathname;
  return {
    targets,
    isLocal: found.every(({ address }) => address.startsWith('127.')),
    streamPath: `${stream}?${query}`,
    url: `http://${targets[0]}`,
  };
}

async function tokensFor({ tokens, data, handles }: Ground['options'], folder: string): Promise<string[]> {
  if (tokens !== undefined) {
    if (tokens !== '-' && !existsSync(tokens)) throw new Error(`There is no file ${tokens}.`);
    const lines = await linesOf(tokens);
    if (lines.length === 0)
      throw new Error(
        `There is no token in ${tokens === '-' ? 'what was piped in' : tokens}: a line each is wanted.`,
      );
    return lines;
  }
  if (data === undefined || handles === undefined)
    throw new Error(
      'Who shall connect? Give --tokens FILE (a line each, - for stdin), or --data DIR of the server on this machine with --handles FILE.',
    );
  const names = await linesOf(handles);
  if (names.length === 0) throw new Error(`There is no handle in ${handles}.`);
  const within = path.join(folder, 'handles');
  mkdirSync(within);
  return await tokensOf(path.resolve(data), names, within);
}

/** Of the core and the gateways. Null when nobody serves the folder. */
function serverPids(data: string): number[] | null {
  const record = readAgentRecord(data);
  return record === null ? null : record.children.map(({ pid }) => pid);
}

function spread(howMany: number, among: number): number[] {
  return Array.from({ length: howMany }, (_, nth) => Math.floor((nth * among) / howMany));
}

interface Askable {
  url: string;
  /** As they were given, and as they are connected: shared ones several times. */
  known: readonly string[];
  tokens: readonly string[];
  accounts: readonly (number | null)[];
  authors: readonly number[];
}

/** Which connections hear each author: those of followers, and the author's own. Null when tokens do not say whose they are. */
async function hearersOf({
  url,
  known,
  tokens,
  accounts,
  authors,
}: Askable): Promise<Map<number, number[]> | null> {
  const connectionsOf = new Map<string, number[]>();
  for (const connection of tokens.keys()) {
    const account = accounts[connection % known.length] ?? null;
    if (account === null) return null;
    const own = connectionsOf.get(String(account));
    if (own === undefined) connectionsOf.set(String(account), [connection]);
    else own.push(connection);
  }
  const hearers = new Map<number, number[]>();
  for (const author of authors) {
    const account = String(accounts[author]);
    const followers = await followersOf(url, known[author] ?? '', account);
    hearers.set(
      author,
      [account, ...followers].flatMap((one) => connectionsOf.get(one) ?? []),
    );
  }
  return hearers;
}
