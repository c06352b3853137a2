// Facts that came late: with versions up to which everything was held to have come. Whoever resumes from a cursor above such a version would never
// hear of it; so each is noted, under the server's account, by when it came.
import { serverAccount } from './account-id.ts';
import type { FoundView, Range, ViewWrite } from './behaviours.ts';
import { afterPrefix, type Key, keyOf } from './key.ts';
import { bytesOfLatin1, latin1OfBytes } from './status-id.ts';
import { makeVersion, type Version, versionBytes, versionMs } from './version.ts';

/** No kind of the product's own may be this one. */
const lateKind = 'L';

/** One core may hear of it so much later than another, at which somebody was who goes to the first. */
export const lateApartMs = 45_000;

export interface LateFact {
  key: Key;
  version: Version;
}

/** `arrived`: the version up to which the store had seen others. */
export function lateView({ key, version }: LateFact, arrived: Version): ViewWrite {
  return { key: keyOf(serverAccount, lateKind, arrived + version), value: bytesOfLatin1(version + key) };
}

/** Those that may have come when somebody with this cursor was away, and some from before. */
export function lateSince(cursor: Version, most: number): Range {
  const from = makeVersion(Math.max(0, versionMs(cursor) - lateApartMs), 0, 0);
  return {
    from: keyOf(serverAccount, lateKind, from),
    to: afterPrefix(keyOf(serverAccount, lateKind)),
    most,
  };
}

/** Those that came before this time. */
export function lateBefore(ms: number, most: number): Range {
  return {
    from: keyOf(serverAccount, lateKind),
    to: keyOf(serverAccount, lateKind, makeVersion(ms, 0, 0)),
    most,
  };
}

export function lateFactOf({ value }: Pick<FoundView, 'value'>): LateFact {
  const text = latin1OfBytes(value as Uint8Array);
  return { version: text.slice(0, versionBytes) as Version, key: text.slice(versionBytes) as Key };
}
