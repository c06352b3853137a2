// Who knows that many nodes have vanished, and when: the product's membership tables, told as its gossip tells them.
// Every node hears every other at first hand; what others pass on is given to a few observers only, for nobody passes that on again.
import { entryLastsMs, Membership, tellEveryMs } from '../../cluster/membership.ts';
import type { MemberEntry } from '../../cluster/mesh-messages.ts';
import { wireBounds } from '../../cluster/wire-end.ts';
import { Events } from './events.ts';
import { Random } from './random.ts';
import { bytesOf } from './scale-traffic.ts';

export interface MembersReport {
  /** After the loss: until the tables of all observers name those who are left, and nobody else. */
  knownMs: number;
  /** One table, as it is told to each other node once a second. */
  tableBytes: number;
  /** Entries that one node takes in a second. */
  entriesPerSecond: number;
}

const mostDelayMs = 3;
const lookEveryMs = 100;
const observersMost = 5;
const patienceMs = 5 * entryLastsMs;

export function runMembers(nodes: readonly number[], gone: ReadonlySet<number>, seed: number): MembersReport {
  const events = new Events();
  const random = new Random(seed);
  const tables = new Map(nodes.map((node) => [node, new Membership(() => events.nowMs)]));
  const observers = nodes.filter((node) => !gone.has(node)).slice(0, observersMost);
  let lost: ReadonlySet<number> = new Set();
  const tell = (node: number): void => {
    if (lost.has(node)) return;
    events.after(tellEveryMs, () => tell(node));
    const entry = entryOf(node);
    const from = { node, boot: entry.boot, isCore: true };
    const all = [entry, ...(tables.get(node)?.firstHand() ?? [])];
    events.after(random.between(0.2, mostDelayMs), () => {
      for (const [other, table] of tables) {
        if (other === node || lost.has(other)) continue;
        table.take(from, observers.includes(other) ? all : [entry]);
      }
    });
  };
  const run = (untilMs: number): void => {
    while (events.step(untilMs)) {
      // As long as there is something.
    }
  };
  for (const node of nodes) events.after(random.between(0, tellEveryMs), () => tell(node));
  run(3 * tellEveryMs);
  lost = gone;
  const goneMs = events.nowMs;
  events.after(wireBounds.silenceMs, () => {
    for (const table of tables.values())
      for (const node of gone) table.gone({ node, boot: entryOf(node).boot });
  });
  const left = nodes.length - gone.size;
  const isKnown = (): boolean =>
    observers.every((node) => {
      // Others pass on what this node has told of itself.
      const known = (tables.get(node)?.all() ?? []).filter((entry) => entry.node !== node);
      return known.length === left - 1 && known.every((entry) => !gone.has(entry.node));
    });
  while (!isKnown() && events.nowMs - goneMs < patienceMs) run(events.nowMs + lookEveryMs);
  const tableBytes = bytesOf({ kind: 'members', entries: nodes.map(entryOf) });
  const entriesPerSecond = (nodes.length - 1) * (nodes.length - 1) * (1000 / tellEveryMs);
  return { knownMs: events.nowMs - goneMs, tableBytes, entriesPerSecond };
}

const entries = new Map<number, MemberEntry>();

/** Of the size that they have in a real cluster. */
export function entryOf(node: number): MemberEntry {
  const known = entries.get(node);
  if (known !== undefined) return known;
  const entry: MemberEntry = {
    node,
    role: 'core',
    name: `machine-${node}`,
    version: '0.1.0',
    pid: 10_000 + node,
    epoch: 1,
    boot: node.toString(16).padStart(16, '0'),
    sinceMs: 1_700_000_000_000,
    core: {
      addresses: [{ host: `10.0.${node >> 8}.${node & 255}`, port: 8081 }],
      keeper: false,
      serving: 3,
      held: 9,
      unheld: 0,
      clockOffsetMs: 0.5,
      health: { asked: 1_000_000, failed: 3, crashed: 0, lagMs: 40 },
      rollout: null,
    },
    agent: null,
  };
  entries.set(node, entry);
  return entry;
}
