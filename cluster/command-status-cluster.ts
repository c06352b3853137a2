// The cluster's part of `murmuration status`: its machines, who keeps it, how many copies there are. Pure.
import { z } from 'zod';
import { count } from './command-progress.ts';

/** What a core says of its cluster (mesh-status.ts). It may say more; the rest is passed on in the JSON form. */
export const clusterShown = z.looseObject({
  cluster: z.string(),
  node: z.number(),
  epoch: z.number(),
  conflict: z.string().nullable(),
  copiedKeys: z.array(z.looseObject({ node: z.number(), addresses: z.array(z.string()) })).default([]),
  keepers: z.array(z.number()),
  replication: z.object({ machines: z.number(), owners: z.number(), writes: z.number() }),
  ring: z.looseObject({ cores: z.array(z.number()), next: z.array(z.number()).nullable() }),
  dhtKeys: z.number(),
  nodes: z.array(
    z.looseObject({
      node: z.number(),
      name: z.string(),
      machine: z.string(),
      roles: z.array(z.string()),
      standing: z.string(),
      isHere: z.boolean(),
      inRing: z.boolean(),
      owned: z.number(),
      /** Not said by cores of former releases. */
      release: z.looseObject({ id: z.string(), label: z.string() }).nullable().default(null),
      core: z
        .looseObject({
          address: z.string().nullable(),
          sinceMs: z.number(),
          epoch: z.number(),
          serving: z.number(),
          unheld: z.number(),
          clockOffsetMs: z.number(),
        })
        .nullable(),
      processes: z.array(z.looseObject({ role: z.string(), sinceMs: z.number(), epoch: z.number() })),
    }),
  ),
});
export type ClusterShown = z.infer<typeof clusterShown>;
type NodeShown = ClusterShown['nodes'][number];

export function drawCluster(shown: ClusterShown, nowMs: number): string {
  const { cluster, epoch, nodes, conflict, ring, dhtKeys } = shown;
  const rows = nodes.map((node) => [
    `${node.isHere ? '*' : ' '} ${node.name}`,
    String(node.node),
    node.standing === 'departed' ? 'thrown out' : node.roles.join(','),
    node.core?.address ?? '-',
    ...upOf(node, nowMs),
    count(node.owned),
    node.core === null ? '-' : count(node.core.serving),
    node.core === null ? '-' : count(node.core.unheld),
    // Its own word: it must not move the cursor.
    node.release?.label.replace(/\p{Cc}/gu, ' ') ?? '-',
  ]);
  const heads = [
    '  machine',
    'number',
    'roles',
    'address',
    'up',
    'epoch',
    'owns',
    'serves',
    'to fetch',
    'release',
  ];
  return [
    `cluster ${cluster.slice(0, 12)}, epoch ${epoch}`,
    `  ${copiesLine(shown)}`,
    `  ${keeperLine(shown)}`,
    ...(ring.next === null ? [] : ['  the ring is being changed: see "murmuration ring show"']),
    ...(dhtKeys > 1 ? ['  two keys of the DHT are valid: "murmuration key retire" ends the former one'] : []),
    ...(conflict === null
      ? []
      : [`  TWO MANIFESTS OF ONE EPOCH: ${conflict}. Nothing is signed until that is mended.`]),
    ...shown.copiedKeys.map((copied) => copiedLine(copied, nodes)),
    ...nodes.flatMap(clockLine),
    '',
    ...table([heads, ...rows]),
  ].join('\n');
}

/** How many copies there are, and how many a write waits for, in words. */
export function copiesLine({ replication, ring }: Pick<ClusterShown, 'replication' | 'ring'>): string {
  const { machines, owners, writes } = replication;
  const cores = ring.cores.length;
  if (owners <= 1 && cores <= 1) return 'one machine: what it has is there once';
  if (owners <= 1) return `${cores} cores on one machine: each account is there once`;
  if (owners === 2) return `${machines} machines: each account is on two, and both are needed to write`;
  return `${machines} machines: each account is on ${owners}, and any ${writes} of them are enough to write`;
}

function keeperLine({ keepers, nodes }: ClusterShown): string {
  const names = keepers.map((keeper) => nodes.find(({ node }) => node === keeper)?.name ?? String(keeper));
  if (names.length === 0)
    return 'the keeper’s key is on no machine that can be reached: all runs on, but nothing can be changed';
  if (names.length === 1) return `kept by ${names[0]}`;
  return `the keeper’s key is on ${names.join(' and ')}: take it away (DATA/keeper.key) from all but one`;
}

function copiedLine({ node, addresses }: ClusterShown['copiedKeys'][number], nodes: NodeShown[]): string {
  const name = nodes.find((one) => one.node === node)?.name ?? String(node);
  const places = addresses.join(' and ');
  return `  TWO PROCESSES HAVE THE KEY OF ${name} (${places}): a data folder was copied. Stop one; let it join with a folder of its own.`;
}

/** Half of what a clock may be ahead of one that gives it a lease (replica-leases.ts). */
const offsetToldMs = 250;

function clockLine({ name, core }: NodeShown): string[] {
  if (core === null || Math.abs(core.clockOffsetMs) <= offsetToldMs) return [];
  const seconds = (Math.abs(core.clockOffsetMs) / 1000).toFixed(1);
  const side = core.clockOffsetMs > 0 ? 'ahead of' : 'behind';
  return [
    `  the clock of ${name} is ${seconds} s ${side} the others’: from half a second on a core gets no leases`,
  ];
}

/** Since when it is up, by its longest running process, and the epoch it goes by. */
function upOf({ core, processes }: NodeShown, nowMs: number): [string, string] {
  const since = Math.min(...processes.map(({ sinceMs }) => sinceMs));
  if (!Number.isFinite(since)) return ['away', '-'];
  const epochs = processes.map(({ epoch }) => epoch);
  return [span(Math.max(0, nowMs - since) / 1000), String(core?.epoch ?? Math.max(...epochs))];
}

export function span(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const clock = new Date((seconds % 86_400) * 1000).toISOString().slice(11, 19);
  return days > 0 ? `${days} d ${clock}` : clock;
}

/** Text to the left, numbers to the right. */
function table(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => [...(row[at] ?? '')].length)));
  const isText = (at: number): boolean => [0, 2, 3, 9].includes(at);
  return rows.map((row) =>
    row
      .map((cell, at) => (isText(at) ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
