// The manifest of a simulated cluster: the ring it has, and the one it is to have.
import { Ring } from '../../cluster/ring.ts';

export interface SimManifest {
  epoch: number;
  cores: number[];
  /** While the ring changes: the cores afterwards. */
  next: number[] | null;
}

/** A manifest is never changed, and neither is its ring: it is reckoned once for all nodes. */
const rings = new WeakMap<SimManifest, Ring>();

/** Each core on a machine of its own, all of the same weight. All of one run have the same number of partitions. */
export function ringOf(manifest: SimManifest, partitions: number): Ring {
  const known = rings.get(manifest);
  if (known?.partitions === partitions) return known;
  const { cores, next } = manifest;
  const core = (node: number) => ({ node, machine: `m${node}`, weight: 1 });
  const ring = new Ring(cores.map(core), next === null ? null : next.map(core), partitions);
  rings.set(manifest, ring);
  return ring;
}
