// The load clients of `bench connections` against a stand-in: they count exactly, and find each fault that is planted in it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runEnd } from '../../bench/cleanup.ts';
import { connections } from '../../bench/connections.ts';
import { Crowd } from '../../bench/connections-crowd.ts';
import type { ConnectionsOptions } from '../../bench/connections-run.ts';
import { type Spoken, speak } from '../../bench/connections-speaking.ts';
import { neighbours, regularGraph } from '../../bench/graph.ts';
import { startPeer } from '../../bench/peers/peer.ts';
import { makeTexts } from '../../bench/posts.ts';
import { seeded } from '../../bench/random.ts';
import type { faults } from '../../bench/stand-in.ts';
import { freePorts } from '../support/port.ts';

const users = 300;
const degree = 12;
/** The stand-in's fault is in every fiftieth. */
const posts = 60;

/** Everybody connects, sixty post, everybody who follows one of them counts. */
async function heard(fault: (typeof faults)[number], client: 'c' | 'net'): Promise<Spoken> {
  const folder = await temporaryFolder();
  const random = seeded(3);
  const graph = regularGraph(users, degree, random);
  const followersPath = join(folder, 'followers');
  await writeFile(followersPath, new Uint8Array(graph.followers.buffer));
  const port = await freePorts(1);
  const server = await startPeer('stand-in.ts', { port, users, degree, followersPath, fault, pieces: false });
  const crowd = new Crowd({
    client,
    targets: [`127.0.0.1:${port}`],
    path: '/api/v1/streaming?stream=user',
    tokenIn: 'header',
    isCompact: false,
    sources: [],
    folder,
    openingAtOnce: 64,
    openRate: 0,
    mostAProcess: 200,
  });
  const opened = await crowd.open(Array.from({ length: users }, (_, user) => `t${user}`));
  expect(opened).toMatchObject({ connections: users, failed: 0, refusals: 0 });
  const spoken = await speak({
    name: 'posts',
    crowd,
    url: `http://127.0.0.1:${port}`,
    texts: makeTexts(4, 100, random),
    authors: Array.from({ length: users }, (_, user) => user).filter((user) => user % 5 === 0),
    tokenOf: (author) => `t${author}`,
    hearersOf: (author) => [...neighbours(graph.followers, degree, author), author],
    seqs: new Map(),
    ratePerSecond: 300,
    posts,
    seconds: 0,
    quietMs: 1_500,
  });
  await crowd.close();
  await server.stop();
  return spoken;
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'murmuration-bench-'));
  onTestFinished(async () => {
    await runEnd();
    await rm(folder, { recursive: true, force: true });
  });
  return folder;
}

test.each(['c', 'net'] as const)(
  'every delivery is counted once, and nothing is wrong (%s)',
  async (client) => {
    const { status, expected, latencies, wrong } = await heard('none', client);

    expect(wrong).toEqual([]);
    expect(status).toMatchObject({ opened: users, failed: 0, dropped: 0, deliveries: posts * (degree + 1) });
    expect([expected, latencies.totalCount]).toEqual([posts * (degree + 1), posts * (degree + 1)]);
  },
);

test.each([
  ['lose', 'c', /1 of 780 deliveries were lost/],
  ['stranger', 'c', /1 deliveries came twice or to the wrong connection/],
  ['double', 'net', /1 deliveries came twice or to the wrong connection/],
  ['drop', 'c', /1 dropped/],
  ['drop', 'net', /1 dropped/],
] as const)('a planted fault is found: %s (%s)', async (fault, client, finds) => {
  const { wrong } = await heard(fault, client);

  expect(wrong.join('\n')).toMatch(finds);
});

const plain: ConnectionsOptions = {
  port: 1,
  quick: false,
  steps: [],
  followees: 20,
  users: 0,
  gateways: 1,
  hold: 0,
  rate: 0,
  seed: 1,
  shareTokens: false,
  posts: 0,
  seconds: 0,
  check: false,
  compact: false,
  tokenIn: 'header',
  opening: 8,
  openRate: 0,
  sources: [],
  client: 'c',
};

test('what cannot be done is told with what to do about it', async () => {
  const folder = await temporaryFolder();
  const tokens = join(folder, 'tokens');
  await writeFile(tokens, 'one\ntwo\n');
  const port = await freePorts(1);
  const url = `ws://127.0.0.1:${port}`;
  const refusal = (options: Partial<ConnectionsOptions>, to = url): Promise<string> =>
    connections(to, { ...plain, ...options }).then(
      () => 'nothing',
      (error: Error) => error.message,
    );

  expect(await refusal({})).toMatch(/--tokens FILE/);
  expect(await refusal({ tokens: join(folder, 'none') })).toMatch(/no file/);
  expect(await refusal({ tokens, connections: 3 })).toMatch(/2 tokens for 3 connections.*--share-tokens/);
  expect(await refusal({ tokens }, 'wss://127.0.0.1')).toMatch(/TLS is not spoken/);
  expect(await refusal({ tokens })).toMatch(/2 x ECONNREFUSED \(nobody listens there/);

  const server = createServer().on('upgrade', (_, socket) => socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n'));
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  for (const client of ['c', 'net'] as const)
    expect(await refusal({ tokens, client })).toMatch(/2 x HTTP 401 \(the tokens are not valid there/);
});
