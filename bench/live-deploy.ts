// `bench live-deploy`: deploys to a cluster under live connections. What clients notice of each kind, and memory over many in a row.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { accountIdOf } from '../runtime/handle.ts';
import { atEnd } from './cleanup.ts';
import { Machines } from './cluster-machines.ts';
import { bytes, count, decimal } from './figures.ts';
import { neighbours, regularGraph, writeEdges } from './graph.ts';
import { LiveClients, type Seen } from './live-deploy-clients.ts';
import { type Migrations, migrationsOf, type Pauses, pausesBetween } from './live-deploy-metrics.ts';
import { LivePosts } from './live-deploy-posts.ts';
import { crashesOnPosts, otherCore, otherGateway, Releases, without } from './live-deploy-releases.ts';
import { makeTexts } from './posts.ts';
import { withClock, withProgress } from './progress.ts';
import { seeded } from './random.ts';
import type { Result } from './result.ts';
import { importFollows, murmuration, tokensOf } from './server.ts';

export interface LiveDeployOptions {
  port: number;
  quick: boolean;
  nodes: number;
  sockets: number;
  followers: number;
  rate: number;
  deploys: number;
  drain: number;
  warm: number;
  seed: number;
}

const quickly = { nodes: 2, sockets: 100, followers: 10, rate: 20, deploys: 3, drain: 3, warm: 5 };
const restSeconds = 10;
const memoryEvery = 20;

interface Deployed extends Seen {
  name: string;
  seconds: number;
  /** Of the processes of these roles: how many are others now. */
  changed: Record<'core' | 'gateway', number>;
  /** The longest that the clients' own process stood still. */
  clientsStoodMs: number;
  repeated: number;
}

interface Memory {
  deploys: number;
  /** The largest of each role. */
  agent: number;
  core: number;
  gateway: number;
}

/** Folders. */
interface Built {
  plain: string;
  rule: string;
  core: string;
  gateway: string;
  crashing: string;
  /** As `rule`, with other bytes each. */
  numbered: string[];
}

interface Stage {
  options: LiveDeployOptions;
  machines: Machines;
  clients: LiveClients;
  posts: LivePosts;
  /** Who hears the author that the new rule keeps out, while it does not. */
  silentReceivers: number[];
  built: Built;
  keyPath: string;
  wrong: string[];
}

export async function liveDeploy(asked: LiveDeployOptions): Promise<Result> {
  const options = asked.quick ? { ...asked, ...quickly } : asked;
  await Machines.requirePorts(options.port, options.nodes);
  const load = [os.loadavg()[0] ?? Number.NaN];
  const folder = await mkdtemp(path.join(os.tmpdir(), 'murmuration-bench-'));
  const takeBack = atEnd(() => rm(folder, { recursive: true, force: true }));
  const stage = await prepare(options, folder);
  const { clients, posts, machines, built, wrong } = stage;
  const rows: [string, string][] = [];
  // A run takes ten minutes and more: who gives it up has what was seen until then.
  const tell = (...seen: [string, string][]): void => {
    rows.push(...seen);
    for (const [what, text] of seen) process.stderr.write(`${what}: ${text}\n`);
  };
  const { result: rest } = await watched(stage, () => withClock('at rest', restSeconds, wait(restSeconds)));
  tell(['no deploy', seenText(rest)]);

  await hearsOfSilent(stage, true);
  const before = await migrations(machines);
  const behaviours = await withClock('deploying behaviours', 15, deployed(stage, 'behaviours', built.rule));
  const pauses = pausesBetween(before, await migrations(machines));
  await hearsOfSilent(stage, false);
  tell(...behavioursRows(behaviours, pauses));
  expectKept(stage, behaviours, { core: 0, gateway: 0 });

  const series = await many(stage);
  tell(...series.rows);

  const back = await withClock(
    'deploying behaviours, back',
    15,
    deployed(stage, 'behaviours, back', built.plain),
  );
  tell([`deploy of ${back.name}`, deployText(back)]);
  expectKept(stage, back, { core: 0, gateway: 0 });
  await hearsOfSilent(stage, true);
  const core = await withClock('deploying core', 15, deployed(stage, 'core', built.core));
  tell([`deploy of ${core.name}`, deployText(core)]);
  expectKept(stage, core, { core: options.nodes, gateway: 0 });
  const gateway = await withClock('deploying gateway', 15, deployed(stage, 'gateway', built.gateway));
  tell([`deploy of ${gateway.name}`, deployText(gateway)]);
  if (gateway.changed.core > 0) wrong.push('a deploy of gateways changed cores');
  if (gateway.closed !== gateway.resumed)
    wrong.push(`${gateway.closed} sockets were closed and ${gateway.resumed} resumed`);
  // Rows that only cores which have just ended could tell are waited for a moment only.
  clients.mayReadAnew = true;
  const crashing = await withClock('deploying a core that crashes', 60, goneBack(stage));
  tell([`deploy of ${crashing.name}`, deployText(crashing)]);

  await posts.stop();
  await clients.settled('at the end');
  clients.close();
  wrong.push(...clients.wrong);
  load.push(os.loadavg()[0] ?? Number.NaN);
  tell(['posts acknowledged', count(posts.posted)]);
  tell(['load of this machine, before and after', load.map((value) => decimal(value, 1)).join(', ')]);
  await machines.stop();
  await rm(folder, { recursive: true, force: true });
  takeBack();
  return {
    name: `live-deploy: ${options.nodes} nodes, ${count(options.sockets)} sockets, ${options.rate} posts/s with ${options.followers} followers each`,
    rows,
    figures: {
      pauseP50Ms: pauses.p50Ms,
      pauseP99Ms: pauses.p99Ms,
      pauseMaxMs: pauses.maxMs,
      corePauseP99Ms: core.latencyMs.p99,
      corePauseMaxMs: core.latencyMs.max,
      gatewayClosed: gateway.closed,
      ...series.figures,
    },
    wrong,
  };
}

async function prepare(options: LiveDeployOptions, folder: string): Promise<Stage> {
  const random = seeded(options.seed);
  const graph = regularGraph(options.sockets, options.followers, random);
  const keyPath = path.join(folder, 'release.key');
  const publicKey = (await murmuration(['release', 'key', 'new', '--out', keyPath], 60_000)).trim();
  const built = await withClock('building', 20 + options.deploys / 5, buildAll(options, folder, keyPath));
  const machines = new Machines({
    folder,
    port: options.port,
    gateways: 1,
    more: ['--release', built.plain, '--drain', String(options.drain)],
  });
  const first = await machines.start();
  const follows = path.join(folder, 'follows.csv');
  await writeEdges(graph, follows);
  await withClock('importing', options.sockets / 200, importFollows(first.dataFolder, follows));
  for (let node = 1; node < options.nodes; node++) await machines.addToRing(await machines.start());
  await machines.settled();
  await murmuration(['release', 'trust', publicKey, '--data', first.dataFolder], 60_000);
  const handles = Array.from({ length: options.sockets }, (_, user) => `u${user}`);
  const tokens = await tokensOf(first.dataFolder, handles);
  await writeFile(path.join(folder, 'README'), 'of a benchmark\n');
  const clients = new LiveClients(machines.targets, tokens);
  await withClock('opening sockets', options.sockets / 500, clients.open());
  const posts = new LivePosts({
    targets: machines.targets,
    tokens,
    texts: makeTexts(64, 100, random),
    rate: options.rate,
    random,
    clients,
    silent: 1,
    receiversOf: (author) => [...neighbours(graph.followers, graph.degree, author), author],
  });
  posts.start((options.warm * 1000) / 2);
  await withClock('warming up', options.warm, wait(options.warm));
  const silentReceivers = [...neighbours(graph.followers, graph.degree, 0), 0];
  return { options, machines, clients, posts, silentReceivers, built, keyPath, wrong: [] };
}

/** Before there is any load: the copying would wait for its turn. */
async function buildAll({ deploys }: LiveDeployOptions, folder: string, keyPath: string): Promise<Built> {
  const releases = new Releases(folder, keyPath);
  const plain = await releases.build('plain', []);
  const rule = await releases.build('rule', without(accountIdOf('u0')));
  const core = await releases.build('core', otherCore);
  const gateway = await releases.build('gateway', [...otherCore, ...otherGateway]);
  const crashing = await releases.build('crashing', [...otherCore, ...otherGateway, ...crashesOnPosts]);
  const numbered: string[] = [];
  for (let number = 1; number <= deploys; number++) numbered.push(await releases.numbered(rule, number));
  return { plain, rule, core, gateway, crashing, numbered };
}

/** One post of the author that the new rule keeps out: to all who follow, or to nobody. Heard by others than were named counts as twice. */
async function hearsOfSilent({ posts, silentReceivers }: Stage, isHeard: boolean): Promise<void> {
  posts.post(0, isHeard ? silentReceivers : []);
  await wait(3);
}

function wait(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

async function migrations(machines: Machines): Promise<Migrations> {
  return migrationsOf(
    await Promise.all(
      machines.list.map(async ({ server }) => await (await fetch(`${server.url}/metrics`)).text()),
    ),
  );
}

/** What the clients see while that is done. */
async function watched(
  { clients }: Stage,
  work: () => Promise<void>,
): Promise<{ result: Seen; seconds: number; stoodMs: number }> {
  clients.take();
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const began = performance.now();
  await work();
  const seconds = (performance.now() - began) / 1000;
  // What was posted meanwhile is still on its way.
  await wait(2);
  delay.disable();
  return { result: clients.take(), seconds, stoodMs: delay.max / 1e6 };
}

function deployed(stage: Stage, name: string, release: string): Promise<Deployed> {
  return changed(stage, name, async () => {
    await murmuration(deployArguments(stage, release, '0s'), 300_000);
  });
}

/** Each machine goes back by itself, and the command says why. */
function goneBack(stage: Stage): Promise<Deployed> {
  return changed(stage, 'a core that crashes on its first post', async () => {
    const said = await murmuration(deployArguments(stage, stage.built.crashing, '10m'), 300_000).then(
      () => 'it was kept',
      (error: unknown) => String(error),
    );
    if (!said.includes('the core ended')) stage.wrong.push(`a release that crashes on posts: ${said}`);
  });
}

function deployArguments({ machines, keyPath }: Stage, release: string, hold: string): string[] {
  const [first] = machines.list;
  if (first === undefined) throw new Error('there is no machine');
  return ['deploy', release, '--data', first.dataFolder, '--key', keyPath, '--hold', hold];
}

/** What clients and processes show of it. */
async function changed(stage: Stage, name: string, deploy: () => Promise<void>): Promise<Deployed> {
  const { machines, posts } = stage;
  const repeatedBefore = posts.repeated;
  const before = pids(machines);
  const { result, seconds, stoodMs } = await watched(stage, deploy);
  if (result.twice > 0) stage.wrong.push(`deploy of ${name}: ${result.twice} posts came twice, or to others`);
  const after = pids(machines);
  const others = {
    core: after.core.filter((pid) => !before.core.includes(pid)).length,
    gateway: after.gateway.filter((pid) => !before.gateway.includes(pid)).length,
  };
  return {
    ...result,
    name,
    seconds,
    changed: others,
    clientsStoodMs: stoodMs,
    repeated: posts.repeated - repeatedBefore,
  };
}

function pids(machines: Machines): Record<'core' | 'gateway', number[]> {
  const of = (role: string): number[] =>
    machines
      .processes()
      .filter(({ command }) => command.includes(`/${role}.mjs`))
      .map(({ pid }) => pid);
  return { core: of('core'), gateway: of('gateway') };
}

function expectKept({ wrong }: Stage, one: Deployed, changed: Record<'core' | 'gateway', number>): void {
  if (one.closed > 0) wrong.push(`deploy of ${one.name}: ${one.closed} sockets were closed`);
  for (const role of ['core', 'gateway'] as const)
    if (one.changed[role] !== changed[role])
      wrong.push(
        `deploy of ${one.name}: ${one.changed[role]} processes of ${role} changed, not ${changed[role]}`,
      );
}

/** Deploys in a row, each with other bytes. */
async function many(stage: Stage): Promise<{ rows: [string, string][]; figures: Record<string, number[]> }> {
  const { options, built, machines, clients, wrong } = stage;
  const memory: Memory[] = [memoryOf(machines, 0)];
  const gaps: number[] = [];
  await withProgress(`${options.deploys} deploys in a row`, options.deploys, async (report) => {
    for (const [place, release] of built.numbered.entries()) {
      const deploys = place + 1;
      const one = await deployed(stage, 'behaviours in a row', release);
      expectKept(stage, one, { core: 0, gateway: 0 });
      gaps.push(one.latencyMs.max);
      await rm(release, { recursive: true, force: true });
      if (deploys % memoryEvery === 0 || deploys === options.deploys)
        memory.push(memoryOf(machines, deploys));
      report(deploys);
      if (wrong.length + clients.wrong.length > 20) throw new Error(wrong.join('\n'));
    }
  });
  const row = (role: 'agent' | 'core' | 'gateway'): [string, string] => [
    `  memory of the largest ${role}`,
    memory.map((one) => `${one.deploys}: ${bytes(one[role])}`).join(', '),
  ];
  return {
    rows: [
      [`${options.deploys} deploys in a row`, `slowest delivery of all: ${ms(Math.max(...gaps))}`],
      row('core'),
      row('gateway'),
      row('agent'),
    ],
    figures: {
      memoryDeploys: memory.map(({ deploys }) => deploys),
      memoryCore: memory.map(({ core }) => core),
      memoryGateway: memory.map(({ gateway }) => gateway),
      memoryAgent: memory.map(({ agent }) => agent),
    },
  };
}

function memoryOf(machines: Machines, deploys: number): Memory {
  const largest = { agent: 0, core: 0, gateway: 0 };
  for (const { command, residentBytes } of machines.processes()) {
    const role = command.includes('/core.mjs')
      ? 'core'
      : command.includes('/gateway.mjs')
        ? 'gateway'
        : 'agent';
    largest[role] = Math.max(largest[role], residentBytes);
  }
  return { deploys, ...largest };
}

function behavioursRows(one: Deployed, { actors, p50Ms, p99Ms, maxMs }: Pauses): [string, string][] {
  return [
    ['deploy of behaviours', deployText(one)],
    [
      '  pause of an actor',
      `p50 at most ${ms(p50Ms)}, p99 at most ${ms(p99Ms)} (aim: below 10 ms), longest ${ms(maxMs)}; ${count(actors)} actors`,
    ],
  ];
}

function deployText(one: Deployed): string {
  const { changed, seconds, clientsStoodMs, repeated } = one;
  return `${decimal(seconds, 1)} s; new cores ${changed.core}, new gateways ${changed.gateway}; ${seenText(one)}; posts asked again ${count(repeated)}; the clients' own process stood ${ms(clientsStoodMs)} at most`;
}

function seenText({ deliveries, latencyMs, silenceMs, closed, resumed, again, twice, anew }: Seen): string {
  const { p50, p99, max } = latencyMs;
  return `${count(deliveries)} deliveries, post to follower p50 ${ms(p50)}, p99 ${ms(p99)}, max ${ms(max)}; nobody heard anything for ${ms(silenceMs)} at most; sockets closed ${count(closed)}, resumed ${count(resumed)}, told again of ${count(again)}; heard twice ${count(twice)}; told to read anew ${count(anew)}`;
}

function ms(value: number): string {
  return value >= 10 ? `${count(value)} ms` : `${value.toFixed(3)} ms`;
}
