// Which releases can follow one another on one store, by the schemas of state that they read and write. Pure: what a store bears is the
// store's to read.
import type { ReleaseManifest } from './release-manifest.ts';

export type SchemaRange = ReleaseManifest['stateSchema'];
type OfRelease = Pick<ReleaseManifest, 'stateSchema'>;

/** Can a release open a store that bears this mark? */
export function canOpen(mark: number, { stateSchema: { reads } }: OfRelease): boolean {
  return reads.min <= mark && mark <= reads.max;
}

/**
 * Whether `to` can open what a store has become once `from` has run on it. `mark`: what the store bore before that, where it is known: a mark
 * never goes down.
 */
export function canGoBack(from: OfRelease, to: OfRelease, mark = from.stateSchema.writes): boolean {
  return canOpen(Math.max(mark, from.stateSchema.writes), to);
}

/** The release that runs now could not open what the next one leaves: whoever goes there does not come back. */
export function needsOneWay(manifestNow: OfRelease, manifestNext: OfRelease): boolean {
  return !canGoBack(manifestNext, manifestNow);
}
