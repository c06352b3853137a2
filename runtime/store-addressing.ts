// To which other partitions a fact is addressed, as the log and tombstones keep it. Whom it is addressed to, the product knows.
import { type AccountId, partitionCount, partitionOf } from './account-id.ts';
import type { Addressing } from './behaviours.ts';
import { type Key, partitionOfKey } from './key.ts';
import { nowhere } from './wire-bytes.ts';

type Addressed = (change: Addressing) => readonly AccountId[];

/** Lists of one partition are the most frequent but the empty one: each is there once. */
const single: readonly (readonly number[])[] = Array.from({ length: partitionCount }, (_, partition) =>
  Object.freeze([partition]),
);

/** The partitions, beside its own, of those a fact is addressed to, and of those its former value or tombstone was. */
export function partitionsAddressed(addressed: Addressed, change: Addressing): readonly number[] {
  const accounts = addressed(change);
  const former = change.before?.to ?? nowhere;
  if (accounts.length === 0 && former.length === 0) return nowhere;
  const home = partitionOfKey(change.key);
  if (accounts.length === 1 && former.length === 0) {
    const [account] = accounts;
    const partition = account === undefined ? home : partitionOf(account);
    return partition === home ? nowhere : (single[partition] ?? nowhere);
  }
  return withoutHome([...accounts.map(partitionOf), ...former], home);
}

/** The partitions of both lists, each once. */
export function joined(one: readonly number[], other: readonly number[], key: Key): readonly number[] {
  if (one.length === 0) return other;
  if (other.length === 0) return one;
  return withoutHome([...one, ...other], partitionOfKey(key));
}

function withoutHome(partitions: readonly number[], home: number): readonly number[] {
  const others = new Set(partitions);
  others.delete(home);
  return others.size === 0 ? nowhere : [...others].sort((a, b) => a - b);
}
