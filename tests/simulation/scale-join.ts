// What the join of one more core moves, by the product's ring: copies of partitions, held against the least that can be moved.
import { Ring } from '../../cluster/ring.ts';
import { coreOf, numbered } from './scale-nodes.ts';

export interface JoinReport {
  /** How long the ring takes to be reckoned, on this machine: every core does it once for each epoch. */
  ringMs: number;
  /** Copies of partitions that the newcomer has to get. */
  moved: number;
  /** Its even share of all copies. */
  ideal: number;
  /** Copies that anybody else has to get: none, if the ring is as it should be. */
  needless: number;
  /** The most and the fewest copies that one core has, held against the even share, before it joins. */
  most: number;
  fewest: number;
}

export function judgeJoin(nodes: number, partitions: number): JoinReport {
  const cores = numbered(nodes + 1).map(coreOf);
  const newcomer = nodes + 1;
  const startedMs = performance.now();
  const before = new Ring(cores.slice(0, nodes), null, partitions);
  const ringMs = performance.now() - startedMs;
  const after = new Ring(cores, null, partitions);
  let copies = 0;
  let needless = 0;
  const held = new Map<number, number>();
  for (let partition = 0; partition < partitions; partition++) {
    const { owners } = before.placement(partition);
    for (const node of owners) held.set(node, (held.get(node) ?? 0) + 1);
    for (const node of after.placement(partition).owners) {
      copies++;
      if (node !== newcomer && !owners.includes(node)) needless++;
    }
  }
  const counts = numbered(nodes).map((node) => held.get(node) ?? 0);
  const even = counts.reduce((sum, count) => sum + count, 0) / nodes;
  return {
    ringMs,
    moved: after.held(newcomer).length,
    ideal: copies / (nodes + 1),
    needless,
    most: Math.max(...counts) / even,
    fewest: Math.min(...counts) / even,
  };
}
