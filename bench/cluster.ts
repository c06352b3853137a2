// `bench cluster`: one, two and three cores under the same load, the time to add one, and the time to go on without one that was killed.
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { atEnd } from './cleanup.ts';
import { type Costs, costFigures, costRows, costsOf } from './cluster-costs.ts';
import { type FailoverRound, type FailoverStage, failover, type Victim } from './cluster-failover.ts';
import { measureLoad } from './cluster-load.ts';
import { Machines } from './cluster-machines.ts';
import type { Acknowledged, Person } from './cluster-probes.ts';
import { count, decimal, median } from './figures.ts';
import { type Graph, regularGraph, writeEdges } from './graph.ts';
import { prepareLoad, readBodies } from './load/requests.ts';
import { makeTexts } from './posts.ts';
import { withClock } from './progress.ts';
import { seeded } from './random.ts';
import type { Result } from './result.ts';
import { murmuration, tokensOf } from './server.ts';

export interface ClusterOptions {
  port: number;
  quick: boolean;
  users: number;
  followers: number;
  rate: number;
  seconds: number;
  rounds: number;
  postsEach: number;
  kills: number;
  probes: number;
  gateways: number;
  seed: number;
}

const quickly = { users: 200, followers: 10, rate: 50, seconds: 2, rounds: 1, kills: 1, probes: 20 };
const sizes = 3;
/** Accounts that everybody follows: enough that some are served by machines that are not killed. */
const beaconCount = 12;

interface Grown {
  costs: Costs[];
  /** How long each `ring add` took. */
  addMs: number[];
}

export async function cluster(asked: ClusterOptions): Promise<Result> {
  const options = asked.quick ? { ...asked, ...quickly } : asked;
  await Machines.requirePorts(options.port, sizes);
  const load = [oneMinuteLoad()];
  const folder = await mkdtemp(path.join(os.tmpdir(), 'murmuration-bench-'));
  const takeBack = atEnd(() => rm(folder, { recursive: true, force: true }));
  const random = seeded(options.seed);
  const texts = makeTexts(64, 100, random);
  const graph = regularGraph(options.users, options.followers, random);
  const machines = new Machines({ folder, port: options.port, gateways: options.gateways });
  const { dataFolder } = await machines.start();
  const { people, beacons, imported } = await populate({ options, graph, texts, folder, dataFolder });
  const tokens = people.map(({ token }) => token);
  const { rate, seconds, rounds } = options;
  const wrong: string[] = [];
  const grown = await grow(machines, { folder, graph, texts, tokens, random, rate, seconds, rounds, wrong });
  const stage = { people, beacons, probes: options.probes, random, wrong, acknowledged: [] };
  const kills = {
    machine: await series(stage, machines, options.kills, 'machine'),
    core: await series(stage, machines, options.kills, 'core'),
  };
  load.push(oneMinuteLoad());
  await machines.settled();
  const lost = await readBack(stage, machines, folder);
  await machines.stop();
  await rm(folder, { recursive: true, force: true });
  takeBack();
  return summary(options, { grown, kills, lost, checked: stage.acknowledged.length, imported, load, wrong });
}

function oneMinuteLoad(): number {
  return os.loadavg()[0] ?? Number.NaN;
}

/** Everybody, with follows, posts and tokens, at the first machine. */
async function populate(wanted: {
  options: ClusterOptions;
  graph: Graph;
  texts: string[];
  folder: string;
  dataFolder: string;
}): Promise<{ people: Person[]; beacons: Person[]; imported: string }> {
  const { options, graph, texts, folder, dataFolder } = wanted;
  const follows = path.join(folder, 'follows.csv');
  const words = path.join(folder, 'words');
  await writeEdges(graph, follows);
  const toBeacons = Array.from({ length: options.users }, (_, user) =>
    Array.from({ length: beaconCount }, (_beacon, at) => `${user},${options.users + at}\n`).join(''),
  );
  await appendFile(follows, toBeacons.join(''));
  await writeFile(words, texts.map((text) => `${text}\n`).join(''));
  const posts = ['--texts', words, '--posts', String(options.postsEach)];
  const said = await withClock(
    'importing',
    options.users / 100,
    murmuration(['import', '--data', dataFolder, '--follows', follows, ...posts], 600_000),
  );
  const handles = Array.from({ length: options.users + beaconCount }, (_, user) => `u${user}`);
  const tokens = await tokensOf(dataFolder, handles);
  const everybody = handles.map((handle, place) => ({ handle, token: tokens[place] ?? '' }));
  return {
    people: everybody.slice(0, options.users),
    beacons: everybody.slice(options.users),
    imported: said.trim().split('\n').at(-1) ?? '',
  };
}

async function grow(machines: Machines, stage: Parameters<typeof measureLoad>[0]): Promise<Grown> {
  const grown: Grown = { costs: [], addMs: [] };
  for (let size = 1; size <= sizes; size++) {
    if (size > 1) {
      const machine = await machines.start();
      grown.addMs.push(
        await withClock(`adding ${machine.name} to the ring`, 10, machines.addToRing(machine)),
      );
    }
    await machines.settled();
    grown.costs.push(costsOf(await measureLoad(stage, machines)));
  }
  return grown;
}

/** Each machine in turn. */
async function series(
  stage: FailoverStage,
  machines: Machines,
  kills: number,
  victim: Victim,
): Promise<FailoverRound[]> {
  const rounds: FailoverRound[] = [];
  for (let kill = 0; kill < kills; kill++)
    rounds.push(await failover(stage, machines, { victim, number: sizes - 1 + kill }));
  return rounds;
}

const statusBody = z.object({ id: z.string(), content: z.string() });

/** How many posts that were acknowledged around the kills are not there, or are not what was posted. */
async function readBack(stage: FailoverStage, machines: Machines, folder: string): Promise<number> {
  const { acknowledged, wrong } = stage;
  const bodiesPath = path.join(folder, 'posts-read');
  const load = await prepareLoad({
    name: 'read-back',
    target: machines.targets.join(','),
    connections: 16,
    requests: acknowledged.map(({ id, token }, key) => ({
      method: 'GET',
      path: `/api/v1/statuses/${id}`,
      token,
      key,
    })),
    pace: { mode: 'record' },
    bodiesPath,
    folder,
  });
  await withClock('reading every acknowledged post back', acknowledged.length / 1000, load.run());
  const bodies = await readBodies(bodiesPath);
  const lost = acknowledged.filter((one, place) => !isThere(one, bodies[place] || 'null'));
  if (lost.length > 0)
    wrong.push(`${lost.length} acknowledged posts are lost (the first: ${lost[0]?.text}, ${lost[0]?.id})`);
  if (new Set(acknowledged.map(({ id }) => id)).size !== acknowledged.length)
    wrong.push('an id was given twice');
  return lost.length;
}

function isThere({ id, text }: Acknowledged, body: string): boolean {
  const status = statusBody.safeParse(JSON.parse(body));
  return status.success && status.data.id === id && status.data.content.includes(text);
}

interface Seen {
  grown: Grown;
  kills: Record<Victim, FailoverRound[]>;
  lost: number;
  checked: number;
  /** Programs that wanted a processor, on average of a minute, at both ends of the run. */
  load: number[];
  imported: string;
  wrong: string[];
}

type Timed = Exclude<keyof FailoverRound, 'victim'>;
const timed: readonly (readonly [Timed, string])[] = [
  ['writtenMs', 'a write acknowledged'],
  ['readMs', 'a right read'],
  ['liveMs', 'a socket hears a new post'],
];
/** Of the accounts of one kill. */
const shares: readonly (readonly [string, (times: readonly number[]) => number])[] = [
  ['first', (times) => Math.min(...times)],
  ['half', median],
  ['all', (times) => Math.max(...times)],
];

function summary(options: ClusterOptions, seen: Seen): Result {
  const { grown, kills, wrong } = seen;
  const { users, followers, rate } = options;
  const add = grown.addMs.map((ms, place) => `${place + 2} cores ${seconds(ms)}`).join(', ');
  return {
    name: `cluster: ${count(users)} connected users with ${followers} followers each, ${rate} posts/s; medians of ${options.rounds} rounds, less what is used at rest`,
    rows: [
      ...costRows(grown.costs),
      ['imported before', seen.imported],
      ['ring add, to', add],
      ...killRows('a machine', kills.machine),
      ...killRows('a core alone', kills.core),
      ['load of this machine, before and after', seen.load.map((value) => decimal(value, 1)).join(', ')],
      ['acknowledged around the kills and lost', `${count(seen.lost)} of ${count(seen.checked)}`],
    ],
    figures: {
      ...costFigures(grown.costs),
      ringAddMs: grown.addMs,
      ...killFigures('machine', kills.machine),
      ...killFigures('core', kills.core),
      lost: seen.lost,
    },
    wrong,
  };
}

function killRows(what: string, rounds: readonly FailoverRound[]): [string, string][] {
  if (rounds.length === 0) return [];
  const accounts = rounds.map(({ readMs }) => readMs.length);
  return [
    [
      `kill -9 of ${what}, until`,
      `first, half and all of ${Math.min(...accounts)} to ${Math.max(...accounts)} accounts it served: median and worst of ${rounds.length} kills (aim: below 5 s)`,
    ],
    ...timed.map(([which, name]): [string, string] => {
      const cells = shares.map(([share, read]) => {
        const times = rounds.map((round) => read(round[which]));
        return `${share} ${seconds(median(times))}, ${seconds(Math.max(...times))}`;
      });
      return [`  ${name}`, cells.join('; ')];
    }),
  ];
}

function seconds(ms: number): string {
  return `${decimal(ms / 1000)} s`;
}

function killFigures(what: Victim, rounds: readonly FailoverRound[]): Record<string, number[]> {
  return Object.fromEntries(
    timed.flatMap(([which]) =>
      shares.map(([share, read]) => [`${what}_${which}_${share}`, rounds.map((round) => read(round[which]))]),
    ),
  );
}
