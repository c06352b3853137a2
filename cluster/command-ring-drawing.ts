// The ring as text: a letter for each partition's server, a line for each node. Pure.
import { z } from 'zod';
import { count } from './command-progress.ts';

/** What a core says of the ring (mesh-status.ts). */
export const ringShown = z.object({
  epoch: z.number(),
  partitions: z.number(),
  cores: z.array(z.number()),
  next: z.array(z.number()).nullable(),
  change: z
    .union([
      z.object({ kind: z.literal('waits'), for: z.array(z.number()), unheld: z.number() }),
      z.object({ kind: z.enum(['settles', 'ready']) }),
    ])
    .nullable(),
  names: z.record(z.string(), z.string()),
  owners: z.array(z.array(z.number())),
  nextOwners: z.array(z.array(z.number()).nullable()),
  servers: z.array(z.object({ node: z.number(), term: z.number() }).nullable()),
  nodes: z.array(
    z.object({
      node: z.number(),
      owned: z.number(),
      served: z.number(),
      unheld: z.number(),
      isAway: z.boolean(),
    }),
  ),
});
export type RingShown = z.infer<typeof ringShown>;

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const perLine = 64;

export function drawRing(ring: RingShown): string {
  const letter = new Map(ring.nodes.map(({ node }, index) => [node, letters[index] ?? '*']));
  const nameOf = (node: number): string => ring.names[String(node)] ?? String(node);
  const rows = ring.nodes.map(({ node, owned, served, unheld, isAway }) =>
    [
      `  ${letter.get(node)}  ${nameOf(node).padEnd(20)}${String(node).padStart(11)}`,
      count(owned).padStart(8),
      (isAway ? '-' : count(served)).padStart(8),
      (isAway ? '-' : count(unheld)).padStart(9),
      isAway ? '  away' : ring.cores.includes(node) ? '' : '  joining',
      ring.next !== null && !ring.next.includes(node) ? '  leaving' : '',
    ].join(''),
  );
  return [
    `epoch ${ring.epoch}, ${count(ring.partitions)} partitions${changeLine(ring, nameOf)}`,
    '',
    `     ${'node'.padEnd(20)}${'number'.padStart(11)}${'owns'.padStart(8)}${'serves'.padStart(8)}${'to fetch'.padStart(9)}`,
    ...rows,
    '',
    ...drawPartitions(ring, letter),
  ].join('\n');
}

/** Where nobody is known to serve, the preferred server's letter stands as a point. */
function drawPartitions(ring: RingShown, letter: ReadonlyMap<number, string>): string[] {
  const terms = ring.servers.flatMap((server) => (server === null ? [] : [server.term]));
  const lines = ['  who serves which partition; "." nobody that is known here'];
  for (let from = 0; from < ring.partitions; from += perLine) {
    const cells = Array.from({ length: Math.min(perLine, ring.partitions - from) }, (_, at) => {
      const server = ring.servers[from + at];
      return server === null || server === undefined ? '.' : (letter.get(server.node) ?? '?');
    });
    lines.push(`  ${String(from).padStart(5)}  ${cells.join('')}`);
  }
  lines.push('', `  ${ownersLine(ring)}`);
  if (terms.length > 0) lines.push(`  terms ${Math.min(...terms)} to ${Math.max(...terms)}`);
  return lines;
}

/** How many partitions have one, two, three owners; and how many get others. */
function ownersLine({ owners, nextOwners }: RingShown): string {
  const byCount = new Map<number, number>();
  for (const { length } of owners) byCount.set(length, (byCount.get(length) ?? 0) + 1);
  const copies = [...byCount]
    .sort(([one], [other]) => one - other)
    .map(([copy, of]) => `${count(of)} with ${copy} ${copy === 1 ? 'owner' : 'owners'}`);
  const moving = nextOwners.filter((next) => next !== null).length;
  return `${copies.join(', ')}${moving > 0 ? `; ${count(moving)} get others` : ''}`;
}

function changeLine({ next, change }: RingShown, nameOf: (node: number) => string): string {
  if (next === null) return '';
  if (change?.kind !== 'waits') return '; a change is under way: it waits for old leases to end';
  return `; a change is under way: ${count(change.unheld)} to fetch, waits for ${change.for.map(nameOf).join(', ')}`;
}
