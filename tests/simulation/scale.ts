// The protocol at scale, for `npm run simulate -- --nodes N`: one row for each size of cluster. Which parts are the product's own and
// which are reckoned from them each column says in scale-table.ts.

import { tellEveryMs } from '../../cluster/membership.ts';
import type { PeerMessage } from '../../cluster/peer-messages.ts';
import { partitionCount } from '../../runtime/account-id.ts';
import { makeVersion } from '../../runtime/version.ts';
import { type FailoverReport, runFailover } from './scale-failover.ts';
import { type JoinReport, judgeJoin } from './scale-join.ts';
import { type MembersReport, runMembers } from './scale-members.ts';
import { numbered, ringOfNodes, vanishing } from './scale-nodes.ts';
import { runSuspicions, type SuspicionsReport } from './scale-suspicions.ts';
import { bytesOf, type Sent } from './scale-traffic.ts';
import { runWhole, type WholeReport } from './scale-whole.ts';

export interface ScaleRow {
  nodes: number;
  /** What one node sends in a second at rest: to do with data, and tables of members. */
  replication: Sent;
  tables: Sent;
  members: MembersReport;
  failover: FailoverReport;
  suspicions: SuspicionsReport;
  join: JoinReport;
}

export interface ScaleReport {
  /** By number of nodes: clusters of whole cores, against which what is reckoned can be held. */
  whole: ReadonlyMap<number, WholeReport>;
  rows: ScaleRow[];
}

export interface ScaleOptions {
  sizes: readonly number[];
  /** Whole cores are simulated up to so many. */
  wholeMost: number;
  seed: number;
  progress(text: string): void;
}

const smallest = 10;
const observers = 3;
const slowShare = 0.05;

export function runScale({ sizes, wholeMost, seed, progress }: ScaleOptions): ScaleReport {
  const whole = new Map<number, WholeReport>();
  for (const nodes of new Set([smallest, ...sizes.filter((size) => size <= wholeMost)])) {
    progress(`${nodes} whole cores`);
    whole.set(nodes, runWhole({ nodes, seed }));
  }
  const base = whole.get(smallest);
  if (base === undefined) return { whole, rows: [] };
  const rows = sizes.map((nodes) => {
    progress(`${nodes} nodes`);
    return rowOf(nodes, { base, seed });
  });
  return { whole, rows };
}

function rowOf(nodes: number, { base, seed }: { base: WholeReport; seed: number }): ScaleRow {
  const all = numbered(nodes);
  const gone = vanishing(all);
  const members = runMembers(all, gone, seed);
  const others = nodes - 1;
  const tablesASecond = others * (1000 / tellEveryMs);
  return {
    nodes,
    replication: replicationOf(nodes, base),
    tables: { messages: tablesASecond, bytes: tablesASecond * members.tableBytes },
    members,
    failover: runFailover(ringOfNodes(all), gone, seed),
    suspicions: runSuspicions({ nodes, slowShare, observers }, seed),
    join: judgeJoin(nodes, partitionCount),
  };
}

/** Each link carries the same messages as one of the smallest cluster; those that name what a node serves get shorter. */
export function replicationOf(nodes: number, base: WholeReport): Sent {
  const total = { messages: 0, bytes: 0 };
  for (const [kind, { messages, bytes }] of base.atRest) {
    // Owners are compared one partition after the other, however many nodes there are.
    const links = kind === 'digest' ? smallest - 1 : nodes - 1;
    const bare = namesTerms(kind) ? bytesOf(namingNothing(kind)) : bytes / messages;
    const naming = (bytes / messages - bare) * (smallest / nodes);
    total.messages += links * messages;
    total.bytes += links * messages * (bare + naming);
  }
  return total;
}

function namesTerms(kind: string): kind is 'closed' | 'serving' {
  return kind === 'closed' || kind === 'serving';
}

function namingNothing(kind: 'closed' | 'serving'): PeerMessage {
  if (kind === 'serving') return { kind, version: 1, terms: [] };
  const closed = makeVersion(1_000_000, 0, 1);
  const logs = { head: 0, relay: 0, own: 0, ownRelay: 0, whole: 0, wholeRelay: 0, incarnation: 1 };
  return { kind, version: 1, terms: [], closed, ...logs };
}
