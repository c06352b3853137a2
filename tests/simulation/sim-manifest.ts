// The manifest of a simulated cluster: the ring it has, and the one it is to have.
import { Ring } from '../../cluster/ring.ts';

export interface SimManifest {
  epoch: number;
  cores: number[];
  /** While the ring changes: the cores afterwards. */
  next: number[] | null;
}

/** Each core on a machine of its own, all of the same weight. */
export function ringOf({ cores, next }: SimManifest, partitions: number): Ring {
  const core = (node: number) => ({ node, machine: `m${node}`, weight: 1 });
  return new Ring(cores.map(core), next === null ? null : next.map(core), partitions);
}
