// The watermark on the disk, about as it was: after a restart nobody's cursor goes back to the beginning of time.
import { noVersion, parseCursor, printCursor, type Version } from '../runtime/version.ts';
import type { ReplicaStore } from './replica-ports.ts';

const watermarkName = 'watermark';

/** What this life of the store has written down; of another life it says nothing. */
export function keptWatermark(store: Pick<ReplicaStore, 'kept' | 'incarnation'>): Version {
  const kept = store.kept(watermarkName);
  const [incarnation, cursor] = Array.isArray(kept) ? (kept as [number, string]) : [0, ''];
  return incarnation === store.incarnation ? (parseCursor(cursor) ?? noVersion) : noVersion;
}

export function keepWatermark(store: Pick<ReplicaStore, 'keep' | 'incarnation'>, watermark: Version): void {
  store.keep([[watermarkName, [store.incarnation, printCursor(watermark)]]], () => {});
}
