// Keys of facts and views: `account (7 bytes) | kind (1 character) | rest`, so that an account's records, and a partition's, are one range.
import { type AccountId, firstAccountOf, partitionCount } from './account-id.ts';

/** Latin1 characters, one a byte. LMDB sees the bytes; maps in memory see the string. */
export type Key = string;

/** Seven characters, big-endian: sorts as the number does. */
export function accountKey(account: AccountId): string {
  const high = Math.floor(account / 0x1000000);
  const low = account % 0x1000000;
  return String.fromCharCode(
    (high >>> 24) & 255,
    (high >>> 16) & 255,
    (high >>> 8) & 255,
    high & 255,
    (low >>> 16) & 255,
    (low >>> 8) & 255,
    low & 255,
  );
}

/** The account whose characters stand at `at` in a key. */
export function accountAt(key: Key, at = 0): AccountId {
  let value = 0;
  for (let index = at; index < at + 7; index++) value = value * 256 + key.charCodeAt(index);
  return value as AccountId;
}

export const accountKeyLength = 7;

/** The partition of the account that a key begins with: the top 10 of its 52 bits. */
export function partitionOfKey(key: Key): number {
  return (key.charCodeAt(0) << 6) | (key.charCodeAt(1) >> 2);
}

/** Where a partition's keys begin; after the last partition, the first key that is no longer an account's. */
export function partitionStart(partition: number): Key {
  return partition < partitionCount ? accountKey(firstAccountOf(partition)) : '\u0010';
}

/** The kind character of a fact's or view's key. */
export function kindOf(key: Key): string {
  return key.charAt(accountKeyLength);
}

export function restOf(key: Key): string {
  return key.slice(accountKeyLength + 1);
}

export function keyOf(account: AccountId, kind: string, rest = ''): Key {
  return accountKey(account) + kind + rest;
}

/** The first key after every key that starts with `prefix`. */
export function afterPrefix(prefix: Key): Key {
  for (let at = prefix.length - 1; at >= 0; at--) {
    const code = prefix.charCodeAt(at);
    if (code < 255) return prefix.slice(0, at) + String.fromCharCode(code + 1);
  }
  return '\u00ff'.repeat(prefix.length + 1);
}
