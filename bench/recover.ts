// `bench recover`: the core is killed under load; how long until somebody is answered again, and is every acknowledged post there?
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { z } from 'zod';
import { samplePeople } from '../cluster/sample-people.ts';
import { atEnd } from './cleanup.ts';
import { bytes, count, median, milliseconds } from './figures.ts';
import { type Ack, type PreparedRequest, prepareLoad, readBodies } from './load/requests.ts';
import { requireFree } from './ports.ts';
import { makeTexts, postRequest } from './posts.ts';
import { withClock } from './progress.ts';
import { type Random, seeded } from './random.ts';
import type { Result } from './result.ts';
import { murmuration, type Server, startServer, tokensOf } from './server.ts';

export interface RecoverOptions {
  port: number;
  quick: boolean;
  follows?: string;
  texts?: string;
  sample: number;
  rate: number;
  rounds: number;
  gateways: number;
  seed: number;
}

interface Round {
  readMs: number;
  postMs: number;
  acked: number;
  refused: number;
  unanswered: number;
}

interface Acknowledged {
  id: string;
  author: number;
  /** Of the round, for the text. */
  place: number;
}

interface Stage {
  options: RecoverOptions;
  folder: string;
  texts: string[];
  tokens: string[];
  random: Random;
  acknowledged: Acknowledged[];
  wrong: string[];
}

/** People who post and read meanwhile. */
const mostPeople = 200;
const secondsBefore = 3;
const secondsAfter = 5;

export async function recover(asked: RecoverOptions): Promise<Result> {
  const options = asked.quick ? { ...asked, sample: 500, rounds: 1 } : asked;
  await requireFree(options.port);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'murmuration-bench-'));
  const takeBack = atEnd(() => rm(folder, { recursive: true, force: true }));
  const dataFolder = path.join(folder, 'data');
  const graph =
    options.follows === undefined ? ['--sample', String(options.sample)] : ['--follows', options.follows];
  const texts = options.texts === undefined ? [] : ['--texts', options.texts];
  const imported = await withClock(
    'importing',
    60,
    murmuration(['import', '--data', dataFolder, ...graph, ...texts], 600_000),
  );
  const handles =
    options.follows === undefined ? sampleHandles(options.sample) : await handlesOf(options.follows);
  const random = seeded(options.seed);
  const tokens = await tokensOf(dataFolder, handles);
  const stage: Stage = {
    options,
    folder,
    texts: makeTexts(64, 100, random),
    tokens,
    random,
    acknowledged: [],
    wrong: [],
  };
  const serverOptions = { dataFolder, port: options.port, gateways: options.gateways };
  const rounds: Round[] = [];
  let coreBytes = 0;
  for (let round = 1; round <= options.rounds; round++) {
    // A server of its own each time: the agent waits longer for a core that died a moment ago.
    const server = await startServer(serverOptions);
    coreBytes = await residentOf(server);
    rounds.push(await killUnderLoad(stage, server, `kill ${round} of ${options.rounds}`));
    await server.stop();
  }
  const server = await startServer(serverOptions);
  const lost = await readBack(stage, server);
  await server.stop();
  await rm(folder, { recursive: true, force: true });
  takeBack();
  return summary(stage, rounds, { lost, imported, coreBytes });
}

function sampleHandles(size: number): string[] {
  return samplePeople(size, '1')
    .slice(0, mostPeople)
    .map((person) => person.handle);
}

/** Handles of people named first in the file of follows. */
async function handlesOf(file: string): Promise<string[]> {
  const raw = createReadStream(file);
  const lines = createInterface({ input: file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw });
  const names = new Set<string>();
  for await (const line of lines) {
    const name = line.match(/^(\d+)[\s,;]/)?.[1];
    if (name !== undefined) names.add(`u${name}`);
    if (names.size === mostPeople) break;
  }
  raw.destroy();
  if (names.size === 0) throw new Error(`${file} names nobody by a number at the start of a line`);
  return [...names];
}

async function residentOf(server: Server): Promise<number> {
  const pid = await server.corePid();
  return server.processes().find((one) => one.pid === pid)?.residentBytes ?? 0;
}

async function killUnderLoad(stage: Stage, server: Server, name: string): Promise<Round> {
  const { options, tokens, texts, random } = stage;
  const from =
    stage.acknowledged.length === 0 ? 0 : Math.max(...stage.acknowledged.map((one) => one.place)) + 1;
  const seconds = secondsBefore + secondsAfter;
  // The last two people probe: one reads, one posts.
  const posts = Array.from({ length: options.rate * seconds }, (_, place) => ({
    author: random.below(tokens.length - 2),
    seq: from + place,
  }));
  const requests: PreparedRequest[] = posts.map((post) => postRequest({ texts, tokens }, post));
  const load = await prepareLoad({
    name: 'posts',
    target: server.target,
    connections: 32,
    requests,
    pace: { mode: 'paced', ratePerSecond: options.rate, seconds: seconds + 60, count: posts.length },
    reconnect: true,
    timeoutMs: 30_000,
    keepAcks: true,
    folder: stage.folder,
  });
  const running = withClock(name, seconds, load.run());
  await new Promise((resolve) => setTimeout(resolve, secondsBefore * 1000));
  const pid = await server.corePid();
  const reader = tokens.at(-1) ?? '';
  await once(`${server.url}/api/v1/timelines/home`, { headers: { authorization: `Bearer ${reader}` } });
  process.kill(pid, 'SIGKILL');
  const killed = performance.now();
  const [readMs, postMs] = await Promise.all([
    untilAnswered(killed, `${server.url}/api/v1/timelines/home`, {
      headers: { authorization: `Bearer ${reader}` },
    }),
    untilAnswered(killed, `${server.url}/api/v1/statuses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tokens.at(-2) ?? ''}`, 'content-type': 'application/json' },
      body: JSON.stringify({ status: 'is anybody there?' }),
    }),
  ]);
  if ((await server.corePid()) === pid) stage.wrong.push(`${name}: the core that was killed still answers`);
  const report = await running;
  const acks = await load.acks();
  for (const ack of acks) {
    const post = posts[ack.request];
    if (ack.status !== 200 || !post) continue;
    if (ack.id === undefined) stage.wrong.push(`${name}: an acknowledgement without an id`);
    else stage.acknowledged.push({ id: ack.id, author: post.author, place: post.seq });
  }
  const strange = Object.keys(report.statuses).filter((status) => status !== '200' && status !== '503');
  if (strange.length > 0) stage.wrong.push(`${name}: answers with ${strange.join(', ')}`);
  return {
    readMs,
    postMs,
    acked: statusCount(acks, 200),
    refused: statusCount(acks, 503),
    unanswered: statusCount(acks, 0),
  };
}

function statusCount(acks: readonly Ack[], status: number): number {
  return acks.filter((ack) => ack.status === status).length;
}

async function once(url: string, init: RequestInit): Promise<boolean> {
  try {
    const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(5_000) });
    const body: unknown = await answer.json();
    return answer.status === 200 && typeof body === 'object' && body !== null;
  } catch {
    return false;
  }
}

/** Asks anew every 5 ms, without waiting for earlier askings; at most 200 are waited for at a time. */
async function untilAnswered(since: number, url: string, init: RequestInit): Promise<number> {
  let answeredMs: number | undefined;
  let waiting = 0;
  const deadline = since + 120_000;
  while (answeredMs === undefined && performance.now() < deadline) {
    if (waiting < 200) {
      waiting++;
      void once(url, init).then((answered) => {
        waiting--;
        if (answered) answeredMs ??= performance.now() - since;
      });
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  if (answeredMs === undefined) throw new Error('nobody was answered within two minutes of the kill');
  return answeredMs;
}

const statusBody = z.object({ id: z.string(), content: z.string() });

/** How many acknowledged posts are not there, or are not what was posted. */
async function readBack(stage: Stage, server: Server): Promise<number> {
  const { acknowledged, tokens } = stage;
  if (new Set(acknowledged.map((one) => one.id)).size !== acknowledged.length)
    stage.wrong.push('an id was given twice');
  const bodiesPath = path.join(stage.folder, 'posts-read');
  const load = await prepareLoad({
    name: 'read-back',
    target: server.target,
    connections: 16,
    requests: acknowledged.map((one) => ({
      method: 'GET',
      path: `/api/v1/statuses/${one.id}`,
      token: tokens[one.author] ?? '',
      key: one.author,
    })),
    pace: { mode: 'record' },
    bodiesPath,
    folder: stage.folder,
  });
  await withClock('reading every acknowledged post back', acknowledged.length / 3000, load.run());
  const bodies = await readBodies(bodiesPath);
  const lost = acknowledged.filter((one, at) => {
    const status = statusBody.safeParse(JSON.parse(bodies[at] || 'null'));
    return (
      !status.success ||
      status.data.id !== one.id ||
      !status.data.content.includes(`qz${one.author}x${one.place}x`)
    );
  });
  if (lost.length > 0)
    stage.wrong.push(`${lost.length} acknowledged posts are lost (the first: ${lost[0]?.id})`);
  return lost.length;
}

function summary(
  stage: Stage,
  rounds: Round[],
  seen: { lost: number; imported: string; coreBytes: number },
): Result {
  const { options } = stage;
  const times = (which: 'readMs' | 'postMs') =>
    `${milliseconds(1000 * median(rounds.map((one) => one[which])))} (${rounds.map((one) => milliseconds(one[which] * 1000)).join(', ')})`;
  const sum = (which: 'acked' | 'refused' | 'unanswered') =>
    count(rounds.reduce((all, one) => all + one[which], 0));
  const graph =
    options.follows === undefined
      ? `a sample of ${count(options.sample)} people`
      : path.basename(options.follows);
  return {
    name: `recover: kill -9 of the core under ${options.rate} posts/s, on ${graph}`,
    rows: [
      ['from the kill to the first home read', times('readMs')],
      ['from the kill to the first post acknowledged', times('postMs')],
      ['posts acknowledged', sum('acked')],
      ['refused (503) / without an answer', `${sum('refused')} / ${sum('unanswered')}`],
      ['acknowledged and lost', count(seen.lost)],
      ['resident memory of the core', bytes(seen.coreBytes)],
      ['imported', seen.imported.trim().split('\n').at(-1) ?? ''],
    ],
    figures: {
      readMs: rounds.map((one) => one.readMs),
      postMs: rounds.map((one) => one.postMs),
      lost: seen.lost,
    },
    wrong: stage.wrong,
  };
}
