// Entries that were passed over, as they are kept on disk. When an entry is passed over replica-stored.ts says.
import { bytesOfLatin1, latin1OfBytes } from '../runtime/status-id.ts';
import type { Version } from '../runtime/version.ts';
import type { ReplicaStore } from './replica-ports.ts';
import type { Orphan } from './replica-stored.ts';

const orphansName = 'orphans';

/** All there are, in place of those kept before. `done`: they are on the disk. */
export function keepOrphans(
  store: Pick<ReplicaStore, 'keep'>,
  orphans: readonly Orphan[],
  done: () => void,
): void {
  const kept = orphans.map(({ log, seq, partition, version }) => [
    log,
    seq,
    partition,
    bytesOfLatin1(version),
  ]);
  store.keep([[orphansName, kept]], done);
}

/** Those of before the start. */
export function keptOrphans(store: Pick<ReplicaStore, 'kept'>): Orphan[] {
  const kept = store.kept(orphansName);
  if (!Array.isArray(kept)) return [];
  return (kept as [Orphan['log'], number, number, Uint8Array][]).map(([log, seq, partition, version]) => ({
    log,
    seq,
    partition,
    version: latin1OfBytes(version) as Version,
  }));
}
