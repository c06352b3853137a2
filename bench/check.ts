// `bench check`: the load clients against a stand-in that does everything right, then with one fault planted at a time.
// A checker that finds nothing wrong in either would be worth nothing, so this fails when a fault goes unseen.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { atEnd } from './cleanup.ts';
import { type Graph, neighbours, regularGraph } from './graph.ts';
import { httpFaults, socketFaults } from './load/reports.ts';
import { type PreparedRequest, prepareLoad, readBodies } from './load/requests.ts';
import { openSockets } from './load/sockets.ts';
import { startPeer } from './peers/peer.ts';
import { requireFree } from './ports.ts';
import { differences, expectedPairs, makeTexts, nextPost, postText, timePlaceholder } from './posts.ts';
import { seeded } from './random.ts';
import type { Result } from './result.ts';

const users = 120;
const degree = 12;
const postCount = 900;

/** Each fault, with what must be said of it. */
const cases: { fault: string; pieces: boolean; finds: RegExp | undefined }[] = [
  { fault: 'none', pieces: false, finds: undefined },
  { fault: 'none', pieces: true, finds: undefined },
  { fault: 'lose', pieces: false, finds: /received \d+ of \d+/ },
  { fault: 'double', pieces: false, finds: /delivered twice/ },
  { fault: 'swap', pieces: true, finds: /out of order/ },
  { fault: 'garble', pieces: false, finds: /another content/ },
  { fault: 'stranger', pieces: false, finds: /received \d+ of \d+/ },
  { fault: 'author', pieces: false, finds: /another content/ },
  { fault: 'refuse', pieces: false, finds: /another status/ },
  { fault: 'body', pieces: true, finds: /another body/ },
];

export async function check(options: { port: number }): Promise<Result> {
  await requireFree(options.port);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'murmuration-bench-'));
  const takeBack = atEnd(() => rm(folder, { recursive: true, force: true }));
  const random = seeded(7);
  const graph = regularGraph(users, degree, random);
  const texts = makeTexts(16, 100, random);
  const followersPath = path.join(folder, 'followers');
  await writeFile(followersPath, new Uint8Array(graph.followers.buffer));
  const rows: [string, string][] = [];
  const wrong: string[] = [];
  for (const one of cases) {
    const found = await tryOne({ ...one, port: options.port, folder, graph, followersPath, texts });
    const seen = one.finds ? found.some((line) => one.finds?.test(line)) : found.length === 0;
    const name = `${one.fault}${one.pieces ? ', in pieces' : ''}`;
    rows.push([name, found.length === 0 ? 'nothing found' : found.slice(0, 3).join('; ')]);
    if (!seen)
      wrong.push(
        one.finds ? `the fault "${name}" was not found` : `found where nothing is wrong: ${found.join('; ')}`,
      );
  }
  await rm(folder, { recursive: true, force: true });
  takeBack();
  return { name: 'check', rows, wrong };
}

async function tryOne(test: {
  fault: string;
  pieces: boolean;
  port: number;
  folder: string;
  graph: Graph;
  followersPath: string;
  texts: string[];
}): Promise<string[]> {
  const { fault, pieces, port, folder, graph, followersPath, texts } = test;
  const server = await startPeer('stand-in.ts', { port, users, degree, followersPath, fault, pieces });
  const target = `127.0.0.1:${port}`;
  const sockets = await openSockets({
    name: 'check',
    targets: [target],
    connections: Array.from({ length: users }, (_, user) => ({
      path: '/api/v1/streaming?stream=user',
      token: `t${user}`,
    })),
    texts,
    acctPrefix: 'u',
    folder,
  });
  const random = seeded(11);
  const seqs = new Uint32Array(users);
  const posts = Array.from({ length: postCount }, () => {
    return nextPost(seqs, random.below(users));
  });
  const requests: PreparedRequest[] = posts.map((post) => ({
    method: 'POST',
    path: '/api/v1/statuses',
    token: `t${post.author}`,
    key: post.author,
    body: JSON.stringify({ status: postText(texts, post, timePlaceholder) }),
  }));
  const found: string[] = [];
  await sockets.begin();
  const load = await prepareLoad({
    name: 'check-posts',
    target,
    connections: 8,
    requests,
    pace: { mode: 'paced', ratePerSecond: 1500, seconds: 30, count: postCount },
    keepAcks: true,
    folder,
  });
  found.push(...httpFaults(await load.run()));
  const acks = await load.acks();
  const done = acks.filter((ack) => ack.status === 200 && ack.id !== undefined);
  if (new Set(done.map((ack) => ack.id)).size !== done.length) found.push('an id given twice');
  const published = done.flatMap((ack) => posts[ack.request] ?? []);
  const expected = expectedPairs(users, published, (author) => [
    ...neighbours(graph.followers, degree, author),
    author,
  ]);
  const { report, pairs } = await sockets.report({
    expected: expected.deliveries,
    quietMs: 1_000,
    limitMs: 10_000,
  });
  found.push(...socketFaults(report), ...differences(expected.pairs, pairs, 2));
  if (report.pings === 0 && report.frames === 0) found.push('nothing was received');
  await server.ask({ kind: 'reset' }, z.object({}), 5_000);
  found.push(...(await readHomes(target, folder)));
  await sockets.close();
  await server.stop();
  return found;
}

async function readHomes(target: string, folder: string): Promise<string[]> {
  const requests: PreparedRequest[] = Array.from({ length: users }, (_, user) => ({
    method: 'GET',
    path: '/api/v1/timelines/home',
    token: `t${user}`,
    key: user,
  }));
  const bodiesPath = path.join(folder, 'homes');
  const record = {
    name: 'check-record',
    target,
    connections: 1,
    requests,
    pace: { mode: 'record' as const },
    bodiesPath,
    folder,
  };
  const recording = await (await prepareLoad(record)).run();
  const bodies = await readBodies(bodiesPath);
  const statuses = z.array(z.object({ id: z.string() }));
  if (bodies.some((body) => statuses.parse(JSON.parse(body)).length !== 20))
    return ['a home of another length'];
  const load = await prepareLoad({
    ...record,
    name: 'check-read',
    connections: 8,
    pace: { mode: 'closed', seconds: 0.5 },
  });
  return [...httpFaults(recording), ...httpFaults(await load.run())];
}
