// What clients of the simulation ask: a small product with posts, profiles and handles.
import type { AccountId } from '../../runtime/account-id.ts';
import { accountAt, type Key, keyOf } from '../../runtime/key.ts';
import type { Version } from '../../runtime/version.ts';

export interface Value {
  /** Who wrote it. */
  by: string;
  /** Partitions it is addressed to. */
  to: number[];
}

export type Ask =
  | { kind: 'write'; account: number; key: Key; value: Value | null }
  /** Only if nobody has it. */
  | { kind: 'claim'; account: number; key: Key; value: Value }
  | { kind: 'read'; account: number };

/** `arrived`: when it came, if it came late. */
export type Facts = Map<Key, { version: Version; isThere: boolean; arrived: Version | null }>;

export type Reply =
  | { kind: 'moved' }
  | { kind: 'full' }
  | { kind: 'taken' }
  | { kind: 'written'; version: Version }
  | { kind: 'read'; facts: Facts; node: number; term: number };

/** A live session at a node. */
export interface SimSession {
  id: number;
  account: number;
  followees: number[];
  cursor: Version;
  isLive: boolean;
  isGathered: boolean;
  /** Another one each time it attaches. */
  attachment: number;
  /** The authors come from everywhere once all have this version of the list. */
  waitsFor: number;
  held: { entry: { key: Key; version: Version; removed: boolean } }[];
}

export function postKey(account: number, number: number): Key {
  return keyOf(account as AccountId, 's', String(number).padStart(6, '0'));
}

export function profileKey(account: number): Key {
  return keyOf(account as AccountId, 'a');
}

export function handleKey(account: number): Key {
  return keyOf(account as AccountId, 'h');
}

export function authorOf(key: Key): number {
  return accountAt(key);
}

export function isPost(key: Key): boolean {
  return key.charAt(7) === 's';
}

/** What was packed here, by its bytes: nobody changes them, and every copy is asked for its addresses. */
const unpacked = new WeakMap<Uint8Array, Value>();

export function encodeValue(value: Value): Uint8Array {
  const packed = new TextEncoder().encode(JSON.stringify(value));
  unpacked.set(packed, value);
  return packed;
}

export function decodeValue(packed: Uint8Array): Value {
  return unpacked.get(packed) ?? (JSON.parse(new TextDecoder().decode(packed)) as Value);
}
