// The nodes of a cluster at scale: cores on machines of their own, and those of them that vanish.
import { Ring, type RingCore } from '../../cluster/ring.ts';
import { partitionCount } from '../../runtime/account-id.ts';

const goneShare = 0.3;

export function numbered(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at + 1);
}

export function coreOf(node: number): RingCore {
  return { node, machine: `m${node}`, weight: 1 };
}

export function ringOfNodes(nodes: readonly number[]): Ring {
  return new Ring(nodes.map(coreOf), null, partitionCount);
}

/** Which of them does not matter: owners are drawn by hashes. */
export function vanishing(nodes: readonly number[]): Set<number> {
  return new Set(nodes.slice(0, Math.round(nodes.length * goneShare)));
}
