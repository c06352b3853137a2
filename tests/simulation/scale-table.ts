// What `npm run simulate -- --nodes N` prints: the figures of scale.ts, and what of each is the product's own.
import type { ScaleReport, ScaleRow } from './scale.ts';
import type { Pair, SuspicionsReport } from './scale-suspicions.ts';
import type { Sent } from './scale-traffic.ts';

interface Column {
  title: string;
  of(row: ScaleRow): string;
}

const columns: readonly Column[] = [
  { title: 'nodes', of: ({ nodes }) => String(nodes) },
  {
    title: 'messages/s a node',
    of: ({ replication, tables }) => whole(replication.messages + tables.messages),
  },
  { title: 'replication KB/s', of: ({ replication }) => kilobytes(replication.bytes) },
  { title: 'member tables KB/s', of: ({ tables }) => kilobytes(tables.bytes) },
  { title: 'all know s', of: ({ members }) => seconds(members.knownMs) },
  { title: 'all served s', of: ({ failover }) => seconds(failover.servedMs) },
  { title: 'without quorum', of: ({ failover }) => String(failover.lost) },
  { title: 'join: copies', of: ({ join }) => `${join.moved} of ${join.ideal.toFixed(1)}` },
  { title: 'needless', of: ({ join }) => String(join.needless) },
  { title: 'most/fewest', of: ({ join }) => `${join.most.toFixed(2)}/${join.fewest.toFixed(2)}` },
  { title: 'ring ms', of: ({ join }) => whole(join.ringMs) },
];

const pairs: readonly Pair[] = ['fast-fast', 'fast-slow', 'slow-fast', 'slow-slow'];

export function scaleText({ whole: cores, rows }: ScaleReport): string {
  const lines = [
    'At rest, and after 30 % of the nodes vanish at once; and the join of one more core.',
    ...table([columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ of }) => of(row)))]),
    '',
    'False suspicions in 10 minutes with 5 % slow nodes, a watched pair (who watches, who is watched):',
    ...table([
      ['nodes', ...pairs.map((pair) => `${pair}: lease/table/link`)],
      ...rows.map(({ nodes, suspicions }) => [
        String(nodes),
        ...pairs.map((pair) => suspicionsOf(suspicions, pair)),
      ]),
    ]),
    '',
    'Clusters of whole cores, every part of them the product’s, against which the first table can be held:',
    ...table([
      ['nodes', 'messages/s a node', 'KB/s', 'all served s', 'without quorum', 'messages a node until then'],
      ...[...cores].map(([nodes, { atRest, servedMs, lost, meanwhile }]) => {
        const links = nodes - 1;
        const sent = sum([...atRest.values()]);
        return [
          String(nodes),
          whole(sent.messages * links),
          kilobytes(sent.bytes * links),
          seconds(servedMs),
          String(lost),
          whole(meanwhile),
        ];
      }),
    ]),
    '',
    ...explanation,
  ];
  return lines.join('\n');
}

const explanation = [
  'Real in all: the ring, the sizes of messages as they are packed. A link carries at rest what a link of 10 whole cores carries; only the',
  'words that name partitions are shorter. Bytes are those handed to the socket, without TLS and TCP; a term is 4 bytes shorter than after 1970.',
  'all know: real membership tables; the gossip that tells them once a second is modelled, and second-hand entries are given to 5 observers.',
  'all served: real leases, heartbeats, grants, claims and serving, on links between nodes that own something together; no data is written.',
  'Suspicions: real leases, heartbeats and tables, on the links of 3 nodes and one slow one; entries of tables at first hand only. A slow',
  'node stands still for 0.05 to 1.5 s about every 2 s (one time of 20: up to 5 s), and its messages take up to 400 ms more.',
  'Join: by the ring alone. How fast it goes is a matter of disks and links.',
];

function suspicionsOf({ pairs: watched, lapses, missing, silent }: SuspicionsReport, pair: Pair): string {
  const count = watched[pair];
  if (count === 0) return '-';
  return [lapses, missing, silent].map((of) => (of[pair] / count).toFixed(2)).join(' / ');
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map((row) => row.map((cell, at) => cell.padStart(widths[at] ?? 0)).join('  '));
}

function sum(sent: readonly Sent[]): Sent {
  return sent.reduce(
    (one, other) => ({ messages: one.messages + other.messages, bytes: one.bytes + other.bytes }),
    { messages: 0, bytes: 0 },
  );
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function kilobytes(bytes: number): string {
  return whole(bytes / 1000);
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
