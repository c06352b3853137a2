// The last entries of a log of which there are copies.
import type { Copy, Position } from './peer-messages.ts';
import type { ReplicaStore } from './replica-ports.ts';

const readAtOnce = 512;

/** Up to where a lane has it. */
export function lastOf(
  store: Pick<ReplicaStore, 'read' | 'trimmedUpTo'>,
  { origin, incarnation, seq }: Position,
): Copy[] {
  const after = Math.max(seq - readAtOnce, store.trimmedUpTo(origin, incarnation), 0);
  return store.read(origin, incarnation, after, readAtOnce)?.entries ?? [];
}
