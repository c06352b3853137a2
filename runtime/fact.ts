// A fact: `(key, version, value)`. A null value is a tombstone. Merging keeps the higher version.

import type { Key } from './key.ts';
import { bytesOfLatin1, latin1OfBytes } from './status-id.ts';
import { type Version, versionBytes } from './version.ts';

export interface Fact {
  key: Key;
  version: Version;
  value: Uint8Array | null;
}

/** A plain value msgpack can carry: what a codec encodes to. The store packs it. */
export type Wire = unknown;

/** A fact as asked for: the store gives it its version. */
export interface FactWrite {
  key: Key;
  value: Wire | null;
  /** The key can't be there yet: nobody looks. */
  isNew?: true;
}

/** What a fact is stored as under its key: version (12 bytes), 1 or 0 (a value or a tombstone), the value. */
export function encodeStored(version: Version, value: Uint8Array | null): Uint8Array {
  const stored = new Uint8Array(versionBytes + 1 + (value?.length ?? 0));
  stored.set(bytesOfLatin1(version));
  if (value !== null) {
    stored[versionBytes] = 1;
    stored.set(value, versionBytes + 1);
  }
  return stored;
}

export function storedVersion(stored: Uint8Array): Version {
  return latin1OfBytes(stored, 0, versionBytes) as Version;
}

/** Null for a tombstone. The bytes are a view into `stored`. */
export function storedValue(stored: Uint8Array): Uint8Array | null {
  return stored[versionBytes] === 1 ? stored.subarray(versionBytes + 1) : null;
}

/** Commutative, associative, idempotent: the higher version; equal versions are the same fact. */
export function mergeFacts(one: Fact | null, other: Fact | null): Fact | null {
  if (one === null) return other;
  if (other === null) return one;
  return other.version > one.version ? other : one;
}
