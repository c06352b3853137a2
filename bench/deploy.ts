// `bench deploy`: the same bytes to many nodes, by the swarm and from one HTTP server, each node in a namespace with a narrow uplink.
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { atEnd } from './cleanup.ts';
import { bundleNode, makeFolder, type Shipped } from './deploy-folder.ts';
import { DeployNetwork, placesMost, requireNetwork, type Wire } from './deploy-network.ts';
import { type Mishap, type Round, round, type Way } from './deploy-round.ts';
import { type SecondDeploy, secondDeploys, secondRows } from './deploy-second.ts';
import { type Simulated, simulatedBeside } from './deploy-simulate.ts';
import { tableRows } from './deploy-table.ts';
import { bytes, count, decimal, median, percent } from './figures.ts';
import { withProgress } from './progress.ts';
import type { Result } from './result.ts';

export interface DeployOptions {
  quick: boolean;
  nodes: number[];
  mbit: number[];
  mb: number;
  rounds: number;
}

/** What was measured of one number of nodes on one kind of wire. */
interface Measured {
  nodes: number;
  wire: Wire;
  mishap: Mishap;
  swarm: Round[];
  http: Round | null;
}

interface Bench {
  options: DeployOptions;
  at: string;
  program: string;
  shipped: Shipped;
  wrong: string[];
}

const quickly = { nodes: [4], mbit: [100], mb: 2, rounds: 1 };
/** On a narrower wire than the first, only so many nodes: one server alone would take minutes. */
const nodesOfNarrow = 30;
const lossPercent = 3;

export async function deploy(asked: DeployOptions): Promise<Result> {
  const options = asked.quick ? { ...asked, ...quickly } : asked;
  requireNetwork();
  const most = Math.max(...options.nodes);
  if (!(most < placesMost)) throw new Error(`at most ${placesMost - 1} nodes`);
  const at = await mkdtemp(path.join(os.tmpdir(), 'murmuration-bench-'));
  const takeBack = atEnd(() => rm(at, { recursive: true, force: true }));
  const shipped = await makeFolder({ at, name: 'first', bytes: options.mb * 1e6 });
  const bench: Bench = { options, at, program: bundleNode(at), shipped, wrong: [] };
  const measured: Measured[] = [];
  for (const [place, megabits] of options.mbit.entries())
    for (const nodes of options.nodes)
      if (place === 0 || nodes <= nodesOfNarrow)
        measured.push(await measure(bench, nodes, { megabits, lossPercent: 0 }));
  const few = Math.min(...options.nodes);
  const megabits = options.mbit[0] ?? 100;
  const mishaps = [
    await measure(bench, few, { megabits, lossPercent }),
    await measure(bench, few, { megabits, lossPercent: 0 }, 'node-killed'),
    await measure(bench, few, { megabits, lossPercent: 0 }, 'seeder-killed'),
  ];
  const second = await secondDeploys({ ...bench, nodes: few, megabits });
  const simulated = simulatedBeside(
    measured.map(({ nodes, wire, swarm }) => ({
      nodes,
      megabits: wire.megabits,
      pieces: shipped.info.pieces.length / 20,
      cores: os.availableParallelism(),
      measuredMs: median(swarm.map(lastMs)),
    })),
  );
  await rm(at, { recursive: true, force: true });
  takeBack();
  return summary(bench, { measured, mishaps, second, simulated });
}

/** Swarm first, then the server. A killed node is the swarm's alone: the server knows nobody. */
async function measure(bench: Bench, nodes: number, wire: Wire, mishap: Mishap = 'none'): Promise<Measured> {
  const { options, at, program, shipped, wrong } = bench;
  const ways: Way[] = Array.from({ length: options.rounds }, () => 'swarm');
  if (mishap === 'none') ways.push('http');
  const network = new DeployNetwork(nodes + 1);
  const takeBack = atEnd(() => network.remove());
  const rounds: Round[] = [];
  try {
    network.shape(wire);
    const name = `${nodes} nodes, ${megabitsOf(wire)}${mishap === 'none' ? '' : `, ${mishapNames[mishap]}`}`;
    await withProgress(name, ways.length, async (report) => {
      for (const [done, way] of ways.entries()) {
        rounds.push(await round({ network, program, at, shipped, way, nodes, mishap, wrong }));
        report(done + 1);
      }
    });
  } finally {
    takeBack();
    network.remove();
  }
  const [http = null] = rounds.splice(options.rounds);
  return { nodes, wire, mishap, swarm: rounds, http };
}

const mishapNames: Readonly<Record<Mishap, string>> = {
  none: 'nothing',
  'node-killed': 'a node killed in the middle',
  'seeder-killed': 'the first seeder killed after one copy',
};

interface Seen {
  measured: readonly Measured[];
  mishaps: readonly Measured[];
  second: readonly SecondDeploy[];
  simulated: readonly Simulated[];
}

function summary({ options, shipped, wrong }: Bench, seen: Seen): Result {
  const { measured, mishaps, second, simulated } = seen;
  const pieces = shipped.info.pieces.length / 20;
  return {
    name: `deploy: ${bytes(shipped.bytes)} in ${count(pieces)} pieces to every node, from the order to the last node; swarm: medians of ${options.rounds} rounds, server: one`,
    rows: [
      ...tableRows(
        ['nodes, uplink', 'swarm', 'all', 'server', 'ratio', 'first copy out'],
        measured.map((one) => timeLine(one)),
      ),
      ['', ''],
      ...tableRows(
        [
          'CPU',
          'a swarm node',
          'of it most',
          'seeder',
          'memory',
          'machine: ours, all',
          'a server’s node',
          'server',
          'ours, all',
        ],
        measured.map(cpuLine),
      ),
      ['', ''],
      ...measured.flatMap((one) => shapeRow(one, measured)),
      ...tableRows(
        [`${Math.min(...options.nodes)} nodes, with`, 'swarm', 'all', 'server', 'ratio', 'first copy out'],
        mishaps.map((one) => timeLine(one, mishapOf(one))),
      ),
      ['', ''],
      ...secondRows(second),
      ['', ''],
      ...tableRows(
        ['simulated beside it', 'measured', 'simulated', 'measured is'],
        simulated.map(({ nodes, megabits, measuredMs, simulatedMs }) => [
          `${nodes} nodes, ${megabits} Mbit/s`,
          seconds(measuredMs),
          seconds(simulatedMs),
          `${decimal(measuredMs / simulatedMs)} times`,
        ]),
      ),
    ],
    figures: Object.assign({}, ...[...measured, ...mishaps].map(figuresOf), {
      secondMovedBytes: second.map(({ movedBytes }) => median(movedBytes)),
      simulatedMs: simulated.map(({ simulatedMs }) => simulatedMs),
    }),
    wrong,
  };
}

function timeLine({ nodes, wire, swarm, http }: Measured, label?: string): string[] {
  const swarmMs = median(swarm.map(lastMs));
  const httpMs = http === null ? null : lastMs(http);
  const spread = swarm.flatMap(({ spreadMs }) => spreadMs ?? []);
  return [
    label ?? `${nodes}, ${megabitsOf(wire)}`,
    seconds(swarmMs),
    swarm.map((one) => decimal(lastMs(one) / 1000, 1)).join(' '),
    httpMs === null ? '-' : seconds(httpMs),
    httpMs === null ? '-' : decimal(httpMs / swarmMs, 1),
    spread.length === 0 ? '-' : seconds(median(spread)),
  ];
}

function cpuLine({ nodes, wire, swarm, http }: Measured): string[] {
  const all = swarm.flatMap(({ cpuSeconds }) => cpuSeconds);
  const shares = (rounds: readonly Round[]): string =>
    `${percent(median(rounds.map(({ ourShare }) => ourShare)))}, ${percent(median(rounds.map(({ busyShare }) => busyShare)))}`;
  return [
    `${nodes}, ${megabitsOf(wire)}`,
    seconds(median(all) * 1000),
    seconds(Math.max(...all) * 1000),
    seconds(median(swarm.map(({ seederCpuSeconds }) => seederCpuSeconds)) * 1000),
    bytes(median(swarm.flatMap(({ residentBytes }) => residentBytes))),
    shares(swarm),
    http === null ? '-' : seconds(median(http.cpuSeconds) * 1000),
    http === null ? '-' : seconds(http.seederCpuSeconds * 1000),
    http === null ? '-' : shares([http]),
  ];
}

/** How both grow with the number of nodes on the same wire. */
function shapeRow(one: Measured, all: readonly Measured[]): [string, string][] {
  const first = all.find(({ wire }) => wire.megabits === one.wire.megabits);
  if (first === undefined || first === one) return [];
  const grown = (of: (measured: Measured) => number): string => `${decimal(of(one) / of(first), 1)} times`;
  const swarm = grown((measured) => median(measured.swarm.map(lastMs)));
  const http = grown(({ http: round }) => (round === null ? Number.NaN : lastMs(round)));
  const times = decimal(one.nodes / first.nodes, 1);
  return [
    [
      `${megabitsOf(one.wire)}: ${first.nodes} to ${one.nodes} nodes`,
      `${times} times the nodes: the swarm takes ${swarm}, the server ${http}`,
    ],
  ];
}

function mishapOf({ wire, mishap }: Measured): string {
  return wire.lossPercent > 0 ? `${wire.lossPercent} % of what each node sends lost` : mishapNames[mishap];
}

function figuresOf({ nodes, wire, mishap, swarm, http }: Measured): Record<string, number | number[]> {
  const loss = wire.lossPercent > 0 ? '_loss' : '';
  const name = `${nodes}_${wire.megabits}${loss}${mishap === 'none' ? '' : `_${mishap}`}`;
  return {
    [`swarmMs_${name}`]: swarm.map(lastMs),
    [`swarmCpuS_${name}`]: median(swarm.flatMap(({ cpuSeconds }) => cpuSeconds)),
    [`swarmWastedBytes_${name}`]: median(
      swarm.flatMap(({ figures }) => figures.map((one) => one.wastedBytes)),
    ),
    [`swarmSentMostBytes_${name}`]: Math.max(
      ...swarm.flatMap(({ figures }) => figures.map((one) => one.sentBytes)),
    ),
    ...(http === null ? {} : { [`httpMs_${name}`]: lastMs(http) }),
  };
}

function lastMs({ doneMs }: Round): number {
  return doneMs.at(-1) ?? Number.NaN;
}

function megabitsOf({ megabits }: Wire): string {
  return `${megabits} Mbit/s`;
}

function seconds(ms: number): string {
  return `${decimal(ms / 1000)} s`;
}
