// One round of `bench deploy`: the same bytes to all nodes, by the swarm or from one HTTP server, timed from the order to each node's last byte.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { cpuBetween, machineTime, type ProcessFigures } from './cpu.ts';
import type { Shipped } from './deploy-folder.ts';
import { type NodeFigures, sharedMs } from './deploy-messages.ts';
import type { DeployNetwork } from './deploy-network.ts';
import { type DeployNode, startNodes } from './deploy-nodes.ts';

export type Way = 'swarm' | 'http';

/** What happens on the way. */
export type Mishap =
  | 'none'
  /** A node is killed when it has half. */
  | 'node-killed'
  /** The first seeder is killed when each piece is at some node. */
  | 'seeder-killed';

export interface RoundOrder {
  network: DeployNetwork;
  program: string;
  at: string;
  shipped: Shipped;
  /** Folders of earlier releases that every node has. */
  sources?: readonly string[];
  way: Way;
  nodes: number;
  mishap: Mishap;
  /** Filled with what is wrong. */
  wrong: string[];
}

export interface Round {
  /** From the order to the end of each node that was not killed, in order. */
  doneMs: number[];
  /** From the order until each piece was at some node; null where nobody looks for that. */
  spreadMs: number | null;
  /** Content the first seeder had sent by then. */
  spreadBytes: number;
  figures: NodeFigures[];
  /** Of each node that fetches, the first seeder apart. */
  cpuSeconds: number[];
  seederCpuSeconds: number;
  residentBytes: number[];
  /** While it was under way: of all processors, what our processes used and what all used. */
  ourShare: number;
  busyShare: number;
}

const swarmPort = 6881;
const httpPort = 8080;

export async function round(order: RoundOrder): Promise<Round> {
  const { network, program, nodes: count } = order;
  const nodes = await startNodes({ network, program, places: count + 1, port: swarmPort });
  try {
    return await measured(order, nodes);
  } finally {
    await Promise.all(nodes.map((node) => node.child.stop()));
    await Promise.all(nodes.map((node) => rm(folderOf(order, node), { recursive: true, force: true })));
    await Promise.all(nodes.map((node) => rm(`${folderOf(order, node)}.have`, { force: true })));
  }
}

async function measured(order: RoundOrder, nodes: readonly DeployNode[]): Promise<Round> {
  const { network, shipped, way, mishap } = order;
  const [seeder, ...fetching] = nodes;
  if (seeder === undefined) throw new Error('a round needs nodes');
  if (way === 'http') {
    seeder.tell({ kind: 'serve', host: network.addressOf(0), port: httpPort, folder: shipped.folder });
    await seeder.hear('ready');
  }
  const before = { machine: machineTime(), nodes: nodes.map(figuresOf) };
  const beganMs = sharedMs();
  tellAll(order, nodes);
  const spread: { ms: number | null; bytes: number } = { ms: null, bytes: 0 };
  const watching: Promise<void>[] = [];
  if (way === 'swarm')
    watching.push(
      seeder.hear('spread').then(({ sentBytes }) => {
        spread.ms = sharedMs() - beganMs;
        spread.bytes = sentBytes;
        if (mishap === 'seeder-killed') seeder.kill();
      }),
    );
  const victim = mishap === 'node-killed' ? fetching[fetching.length >> 1] : undefined;
  if (victim !== undefined) watching.push(victim.hear('half').then(() => victim.kill()));
  const staying = fetching.filter((node) => node !== victim);
  const doneMs = await Promise.all(staying.map(async (node) => (await node.hear('complete')).atMs - beganMs));
  await Promise.all(watching);
  const machine = machineTime();
  const after = nodes.map(figuresOf);
  const cpu = nodes.map((_, place) => cpuBetween(oneOf(before.nodes[place]), oneOf(after[place])));
  const seconds = machine.allSeconds - before.machine.allSeconds;
  const figures = await Promise.all(
    staying.map((node) => {
      node.tell({ kind: 'count' });
      return node.hear('figures');
    }),
  );
  await check(order, staying);
  return {
    doneMs: doneMs.sort((a, b) => a - b),
    spreadMs: spread.ms,
    spreadBytes: spread.bytes,
    figures,
    cpuSeconds: staying.map(({ place }) => cpu[place] ?? 0),
    seederCpuSeconds: cpu[0] ?? 0,
    residentBytes: staying.map(({ place }) => after[place]?.residentBytes ?? 0),
    ourShare: cpu.reduce((sum, one) => sum + one, 0) / seconds,
    busyShare: (machine.busySeconds - before.machine.busySeconds) / seconds,
  };
}

function tellAll(order: RoundOrder, nodes: readonly DeployNode[]): void {
  const { network, shipped, sources = [], way } = order;
  const addresses = nodes.map(({ place }) => ({ host: network.addressOf(place), port: swarmPort }));
  for (const node of nodes) {
    const isFirst = node.place === 0;
    const folder = isFirst ? shipped.folder : folderOf(order, node);
    if (way === 'swarm') {
      const peers = addresses.filter((_, place) => place !== node.place);
      node.tell({
        kind: 'swarm',
        info: shipped.infoPath,
        folder,
        sources: isFirst ? [] : [...sources],
        isFirst,
        peers,
      });
    } else if (!isFirst) {
      const from = { host: network.addressOf(0), port: httpPort };
      node.tell({ kind: 'get', from, folder, files: shipped.files });
    }
  }
}

async function check({ wrong, shipped, ...order }: RoundOrder, nodes: readonly DeployNode[]): Promise<void> {
  const paths = shipped.files.map((file) => file.path);
  for (const node of nodes) {
    node.tell({ kind: 'read', folder: folderOf({ ...order, shipped, wrong }, node), paths });
    const { sha256 } = await node.hear('digest');
    if (sha256 !== shipped.sha256)
      wrong.push(`${order.way}, ${order.nodes} nodes: node ${node.place} has other bytes than were sent`);
  }
}

function folderOf({ at }: RoundOrder, { place }: DeployNode): string {
  return path.join(at, `node-${place}`);
}

function figuresOf(node: DeployNode): ProcessFigures | null {
  return node.isKilled ? null : node.figures;
}

function oneOf(figures: ProcessFigures | null | undefined): ProcessFigures[] {
  return figures === null || figures === undefined ? [] : [figures];
}
