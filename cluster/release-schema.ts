// Which releases can follow one another on one store, by the schemas of state that they read and write. Pure: what a store bears is the
// store's to read.
import type { ReleaseManifest } from './release-manifest.ts';

type OfRelease = Pick<ReleaseManifest, 'stateSchema'>;

/** The release that runs now could not open what the next one leaves: whoever goes there does not come back. */
export function needsOneWay(now: OfRelease, next: OfRelease): boolean {
  const { reads } = now.stateSchema;
  const { writes } = next.stateSchema;
  return writes < reads.min || reads.max < writes;
}
