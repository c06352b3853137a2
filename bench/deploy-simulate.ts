// `bench deploy --simulate`: thousands of nodes, simulated, as a table and a drawing; and the simulation held beside what the bench measured.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Deployed, simulateDeploy } from '../tests/simulation/deploy.ts';
import { blockMs, type DeployPlan, measuredCosts } from '../tests/simulation/deploy-world.ts';
import { drawDeploy, type SimulatedSize } from './deploy-drawing.ts';
import { tableRows } from './deploy-table.ts';
import { count, decimal, median } from './figures.ts';
import { withProgress } from './progress.ts';
import type { Result } from './result.ts';

export interface Beside {
  nodes: number;
  megabits: number;
  pieces: number;
  cores: number;
  measuredMs: number;
}

export type Simulated = Beside & { simulatedMs: number };

export interface SimulateOptions {
  quick: boolean;
  sizes: number[];
  mb: number;
  svg: string;
  seed: number;
}

const quickSizes = [10, 100];
const megabits = 1000;
const mark = { nodes: 'thousands', seconds: 12 };
const latencyMs = 0.25;
const heardWithinMs = 500;
const knownMost = 2048;
const bytesOfPiece = 64 * 1024;
const blocksOfPiece = 4;
/** Between namespaces of one machine. */
const latencyHereMs = 0.05;

/** The same as was measured: on processors that all nodes share, without anything in the way of what comes. */
export function simulatedBeside(measured: readonly Beside[]): Simulated[] {
  return measured.map((one) => {
    const { doneMs } = simulateDeploy({
      nodes: one.nodes,
      pieces: one.pieces,
      blocksOfPiece,
      blockUpMs: blockMs(one.megabits),
      blockDownMs: 0,
      latencyMs: latencyHereMs,
      cores: one.cores,
      heardWithinMs: 0,
      knownMost,
      costs: measuredCosts,
      seed: 1,
    });
    return { ...one, simulatedMs: doneMs.at(-1) ?? Number.NaN };
  });
}

function planOf(nodes: number, { mb, seed }: SimulateOptions): DeployPlan {
  return {
    nodes,
    pieces: Math.ceil((mb * 1e6) / bytesOfPiece),
    blocksOfPiece,
    blockUpMs: blockMs(megabits),
    blockDownMs: blockMs(megabits),
    latencyMs,
    cores: null,
    heardWithinMs,
    knownMost,
    costs: measuredCosts,
    seed,
  };
}

export async function simulateDeploys(asked: SimulateOptions): Promise<Result> {
  const options = asked.quick ? { ...asked, sizes: quickSizes } : asked;
  const seen: (SimulatedSize & { deployed: Deployed })[] = [];
  for (const nodes of options.sizes) {
    await withProgress(`${count(nodes)} nodes`, 1, async () => {
      const deployed = simulateDeploy(planOf(nodes, options));
      seen.push({
        nodes,
        lastMs: deployed.doneMs.at(-1) ?? Number.NaN,
        medianMs: median(deployed.doneMs),
        serverMs: serverMs(nodes, options),
        deployed,
      });
    });
  }
  await mkdir(path.dirname(path.resolve(options.svg)), { recursive: true });
  await writeFile(options.svg, drawDeploy(seen, mark.seconds, `${options.mb} MB, ${megabits / 1000} Gbit/s`));
  const { blockIn, blockOut, haveIn, haveOut, connection } = measuredCosts;
  return {
    name: `deploy, simulated: ${options.mb} MB to every node at ${megabits / 1000} Gbit/s, from the first order to the last node; seed ${options.seed}`,
    rows: [
      ...tableRows(
        [
          'nodes',
          'swarm',
          'half of them',
          'first copy out',
          'one server',
          'ratio',
          'peers (median)',
          'twice or needless',
        ],
        seen.map(({ nodes, lastMs, medianMs, serverMs: server, deployed }) => [
          count(nodes),
          seconds(lastMs),
          seconds(medianMs),
          deployed.spreadMs === null ? '-' : seconds(deployed.spreadMs),
          seconds(server),
          decimal(server / lastMs, 1),
          String(median(deployed.peers)),
          `${decimal((100 * deployed.wastedBlocks) / deployed.blocks, 1)} %`,
        ]),
      ),
      ['the mark to beat', `${mark.seconds} s for ${mark.nodes} of servers`],
      ['drawn in', options.svg],
      ['', ''],
      ['assumed', 'the product’s picker (rarest first, endgame), choker, requests and first copy, unchanged'],
      [
        '  wires',
        `${megabits / 1000} Gbit/s each way, nothing narrower between, ${2 * latencyMs} ms there and back, no loss, no slow start of TCP`,
      ],
      [
        '  processors',
        `one for each node: ${blockIn} + ${blockOut} ms a block in and out, ${haveIn} + ${haveOut} ms a piece told and heard, ${connection} ms a connection (fitted to bench deploy)`,
      ],
      [
        '  peers',
        `40 dialed, 100 at most, at random of ${count(knownMost)} members at random; as in the product`,
      ],
      [
        '  order',
        `each node hears within ${heardWithinMs} ms of the first, at random, with the info dictionary`,
      ],
      ['  left out', 'disks, failures, the check of the whole release, and what comes after it'],
      ['  one server', 'all bytes to all nodes at the full rate of its wire, nothing else: N x bytes / rate'],
    ],
    figures: {
      nodes: seen.map(({ nodes }) => nodes),
      swarmMs: seen.map(({ lastMs }) => lastMs),
      serverMs: seen.map(({ serverMs: server }) => server),
    },
    wrong: seen
      .filter(({ nodes, deployed }) => deployed.doneMs.length !== nodes)
      .map(({ nodes }) => `${nodes} nodes: not all became whole`),
  };
}

/** Its wire is never idle and carries nothing else. */
function serverMs(nodes: number, { mb }: SimulateOptions): number {
  return (nodes * mb * 1e6 * 8) / (megabits * 1000);
}

function seconds(ms: number): string {
  return ms < 100_000 ? `${decimal(ms / 1000)} s` : `${count(ms / 1000)} s`;
}
