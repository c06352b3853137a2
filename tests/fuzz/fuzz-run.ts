// A whole run: a server, people who behave, many who do not, and what has to be true afterwards.
import { expect } from 'vitest';
import { openScene, type Scene } from '../clients/scene.ts';
import { until } from '../support/until.ts';
import { Bystander } from './bystander.ts';
import { chanceOf } from './chance.ts';
import type { Known } from './http-input.ts';
import { pesterByHttp, type Tally } from './http-pest.ts';
import { Inspector, inspectable, type Memory } from './memory.ts';
import { pesterBySocket } from './socket-pest.ts';

export interface FuzzOptions {
  seed: number;
  /** Requests, upgrades and frames, all together. */
  inputs: number;
}

const programs = ['core', 'gateway'] as const;

export interface Growth {
  program: (typeof programs)[number];
  before: Memory;
  after: Memory;
}

export interface FuzzReport {
  inputs: number;
  outcomes: Map<string, number>;
  bystanderPosts: number;
  growth: Growth[];
  /** Inputs between the two measurements. */
  measured: number;
}

/** Pests at work at once. */
const pests = 24;
/** The rest are upgrades and frames. */
const httpShare = 0.7;
/** Of the inputs, before memory is measured for the first time: caches fill, code is compiled. */
const warmUpShare = 0.4;

/** Rejects when an input is answered as none may be, when the server hangs, when it dies or when a bystander notices. */
export async function fuzzRun({ seed, inputs }: FuzzOptions): Promise<FuzzReport> {
  const scene = await openScene({ env: inspectable });
  const inspectors: Inspector[] = [];
  try {
    const { server } = scene;
    const [gatewayPid = 0] = server.gatewayPids();
    const corePid = server.corePid();
    const gateway = await Inspector.open(server, gatewayPid);
    inspectors.push(gateway);
    const core = await Inspector.open(server, corePid);
    inspectors.push(core);
    const measure = async () => ({ gateway: await gateway.measure(), core: await core.measure() });

    const known = await whatIsThere(scene);
    const tally: Tally = { inputs: 0, outcomes: new Map() };
    const bystander = await Bystander.watch(scene);
    await pester({ scene, known, tally, seed, inputs: Math.round(inputs * warmUpShare) });
    await settled(scene);
    const before = await measure();
    const measuredFrom = tally.inputs;
    await pester({ scene, known, tally, seed: seed + 1_000_000, inputs: inputs - measuredFrom });
    await bystander.isUnharmed();
    await settled(scene, 0);
    const after = await measure();

    expect([server.corePid(), server.gatewayPids()]).toEqual([corePid, [gatewayPid]]);
    expect(errorsIn(server.stderr())).toEqual([]);
    const growth = programs.map((program) => ({
      program,
      before: before[program],
      after: after[program],
    }));
    const { outcomes } = tally;
    return {
      inputs: tally.inputs,
      outcomes,
      bystanderPosts: bystander.posted.length,
      growth,
      measured: tally.inputs - measuredFrom,
    };
  } finally {
    for (const inspector of inspectors) inspector.close();
    await scene.close();
  }
}

async function whatIsThere(scene: Scene): Promise<Known> {
  const [pest, other] = await scene.people('pest', 'other');
  if (pest === undefined || other === undefined) throw new Error('nobody signed up');
  const post = await scene.post(other, 'leave me alone #please');
  return { tokens: [pest.token, other.token], ids: [post.id, other.id, pest.id] };
}

interface Pestering extends FuzzOptions {
  scene: Scene;
  known: Known;
  tally: Tally;
}

async function pester({ scene, known, tally, seed, inputs }: Pestering): Promise<void> {
  const seeds = chanceOf(seed);
  const each = Math.floor(inputs / pests);
  await Promise.all(
    Array.from({ length: pests }, (_, number) => {
      const place = { port: scene.server.port, from: `127.0.${1 + (number >> 6)}.${1 + (number & 63)}` };
      const pest = { place, chance: seeds.branch(), known, tally };
      const share = number === 0 ? inputs - each * (pests - 1) : each;
      return number < pests * httpShare ? pesterByHttp(pest, share) : pesterBySocket(pest, share);
    }),
  );
}

/** The pests are gone, and the server has noticed. */
async function settled(scene: Scene, streams = 1): Promise<void> {
  const open = async (): Promise<number> => {
    const metrics = await (await fetch(`${scene.url}/metrics`)).text();
    return [...metrics.matchAll(/^murmuration_connections\{[^}]*\} (\d+)$/gm)].reduce(
      (sum, [, value]) => sum + Number(value),
      0,
    );
  };
  await until(async () => (await open()) === streams, { withinMs: 60_000, what: `${streams} open streams` });
}

/** Log lines of level error or worse. */
function errorsIn(log: string): string[] {
  return log.split('\n').filter((line) => /^\{"level":[56]0,/.test(line));
}

/** What became of the inputs, for people. */
export function printReport({ inputs, outcomes, bystanderPosts, growth, measured }: FuzzReport): string {
  const lines = [...outcomes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([outcome, times]) => `  ${String(times).padStart(6)}  ${outcome}`);
  const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const memory = growth.map(
    ({ program, before, after }) =>
      `  ${program}: live ${mebibytes(before.liveBytes)} -> ${mebibytes(after.liveBytes)}, resident ${mebibytes(before.anonymousBytes)} -> ${mebibytes(after.anonymousBytes)}`,
  );
  return [
    `${inputs} inputs, ${bystanderPosts} posts of a bystander`,
    ...lines,
    `memory over the last ${measured} inputs:`,
    ...memory,
  ].join('\n');
}
