// Wire values as bytes, and the byte forms of what the store keeps. Which table they stand in is the store's concern.
import { Packr } from 'msgpackr';
import type { StoredFact } from './behaviours.ts';
import type { Wire } from './fact.ts';
import type { Key } from './key.ts';
import { type Version, versionBytes } from './version.ts';

/** Plain msgpack: no record extension, and bytes are copied out of whatever they were read from. */
const packr = new Packr({
  useRecords: false,
  encodeUndefinedAsNil: true,
  copyBuffers: true,
  mapsAsObjects: true,
});

// msgpackr packs into pieces as large as this one, one after the other: see `piece` below.
packr.useBuffer(Buffer.allocUnsafeSlow(64 * 1024));

export function packWire(value: Wire): Buffer {
  return packr.pack(value);
}

/** The value in `bytes` from `start` to `end`. Throws on bytes that are no msgpack. */
export function unpackWire(bytes: Uint8Array, start = 0, end = bytes.length): Wire {
  return packr.unpack(bytes, { start, end });
}

const tombstone = 0;
const present = 1;

/** Small values share one piece of memory: many pieces of their own would keep the garbage collector busy. */
const slabBytes = 256 * 1024;
let slab = Buffer.allocUnsafeSlow(slabBytes);
let used = 0;

function piece(length: number): Buffer {
  if (length > slabBytes / 8) return Buffer.allocUnsafeSlow(length);
  if (used + length > slabBytes) {
    slab = Buffer.allocUnsafeSlow(slabBytes);
    used = 0;
  }
  used += length;
  return slab.subarray(used - length, used);
}

/** No partition at all: shared, because most facts concern nobody but their account. */
export const nowhere: readonly number[] = Object.freeze([]);

/**
 * `encodeStored` of fact.ts, without its detours: this one runs for every write. A tombstone keeps after its mark, two bytes each, the
 * partitions `to` its former value was addressed: nothing else tells them any more.
 */
export function factBytes(version: Version, packed: Uint8Array | null, to: readonly number[]): Buffer {
  const bytes = piece(versionBytes + 1 + (packed === null ? 2 * to.length : packed.length));
  writeLatin1(bytes, version, 0);
  bytes[versionBytes] = packed === null ? tombstone : present;
  if (packed !== null) bytes.set(packed, versionBytes + 1);
  else writePartitions(bytes, to, versionBytes + 1);
  return bytes;
}

export function factOf(bytes: Buffer, end: number): StoredFact {
  const version = versionAt(bytes, 0);
  if (isPresent(bytes)) return { version, value: unpackWire(bytes, versionBytes + 1, end) };
  return end > versionBytes + 1
    ? { version, value: null, to: partitionsAt(bytes, versionBytes + 1, end) }
    : { version, value: null };
}

/** A fact with its value as it is packed: for those who carry it on without looking. */
export interface PackedFact {
  version: Version;
  /** Null for a tombstone. */
  packed: Uint8Array | null;
  /** Of a tombstone: the partitions its former value was addressed to, beside its own. */
  to: readonly number[];
}

export function packedFactOf(bytes: Buffer, end: number): PackedFact {
  const version = versionOf(bytes);
  return isPresent(bytes)
    ? { version, packed: Uint8Array.prototype.slice.call(bytes, versionBytes + 1, end), to: nowhere }
    : { version, packed: null, to: partitionsAt(bytes, versionBytes + 1, end) };
}

export function versionOf(bytes: Uint8Array): Version {
  return versionAt(bytes, 0);
}

function writePartitions(bytes: Uint8Array, to: readonly number[], start: number): number {
  let at = start;
  for (const partition of to) {
    bytes[at++] = partition >>> 8;
    bytes[at++] = partition & 255;
  }
  return at;
}

function partitionsAt(bytes: Uint8Array, from: number, to: number): readonly number[] {
  if (from >= to) return nowhere;
  const partitions: number[] = [];
  for (let at = from; at < to; at += 2) partitions.push(((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0));
  return partitions;
}

/** Whether the bytes of a fact hold a value; false for a tombstone. */
export function isPresent(bytes: Uint8Array): boolean {
  return bytes[versionBytes] === present;
}

/** An entry of the log without its place in it. */
export interface LoggedFact extends StoredFact {
  key: Key;
  live: boolean;
  /** The partitions beside its own that it, or its former value, is addressed to. */
  to: readonly number[];
  /** Bytes it takes in the log, without its place. */
  size: number;
}

/** An entry of the log with its value as it is packed, without its place. */
export interface LoggedCopy extends PackedFact {
  key: Key;
  live: boolean;
  size: number;
}

const arrayOfFour = 0x94;
const arrayOfFive = 0x95;
const bin8 = 0xc4;
const bin16 = 0xc5;
const nil = 0xc0;
const no = 0xc2;
const yes = 0xc3;

/**
 * msgpack of `[version, key, value, live]`, or `[version, key, to, value, live]` when it is addressed to other partitions, made of the
 * value's own msgpack so that it is packed once. Which of the two it is, the first byte tells.
 */
export function logBytes(
  version: Version,
  key: Key,
  { packed, live, to }: { packed: Uint8Array | null; live: boolean; to: readonly number[] },
): Buffer {
  const valueLength = packed === null ? 1 : packed.length;
  const toLength = to.length === 0 ? 0 : 3 + 2 * to.length;
  const bytes = piece(1 + 2 + versionBytes + 3 + key.length + toLength + valueLength + 1);
  let at = 0;
  bytes[at++] = to.length === 0 ? arrayOfFour : arrayOfFive;
  bytes[at++] = bin8;
  bytes[at++] = versionBytes;
  at = writeLatin1(bytes, version, at);
  bytes[at++] = bin16;
  bytes[at++] = key.length >>> 8;
  bytes[at++] = key.length & 255;
  at = writeLatin1(bytes, key, at);
  if (to.length > 0) {
    bytes[at++] = bin16;
    bytes[at++] = (2 * to.length) >>> 8;
    bytes[at++] = (2 * to.length) & 255;
    at = writePartitions(bytes, to, at);
  }
  if (packed === null) bytes[at++] = nil;
  else {
    bytes.set(packed, at);
    at += packed.length;
  }
  bytes[at] = live ? yes : no;
  return bytes;
}

const keyAt = 6 + versionBytes;

export function loggedOf(bytes: Buffer, end: number): LoggedFact {
  const toAt = keyAt + twoBytesAt(bytes, keyAt - 2);
  const valueAt = afterPartitions(bytes, toAt);
  return {
    version: versionAt(bytes, 3),
    key: latin1(bytes, keyAt, toAt),
    value: unpackWire(bytes, valueAt, end - 1),
    live: bytes[end - 1] === yes,
    to: partitionsAt(bytes, toAt + 3, valueAt),
    size: end,
  };
}

export function loggedVersionOf(bytes: Uint8Array): Version {
  return versionAt(bytes, 3);
}

export function loggedCopyOf(bytes: Buffer, end: number): LoggedCopy {
  const toAt = keyAt + twoBytesAt(bytes, keyAt - 2);
  const valueAt = afterPartitions(bytes, toAt);
  const isTombstone = bytes[valueAt] === nil && valueAt === end - 2;
  return {
    version: loggedVersionOf(bytes),
    key: latin1(bytes, keyAt, toAt),
    packed: isTombstone ? null : Uint8Array.prototype.slice.call(bytes, valueAt, end - 1),
    live: bytes[end - 1] === yes,
    to: partitionsAt(bytes, toAt + 3, valueAt),
    size: end,
  };
}

function afterPartitions(bytes: Uint8Array, at: number): number {
  return bytes[0] === arrayOfFive ? at + 3 + twoBytesAt(bytes, at + 1) : at;
}

function twoBytesAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

/** What stands between `from` and `to`, one character a byte. */
export function latin1(bytes: Buffer, from: number, to: number): string {
  return bytes.toString('latin1', from, to);
}

/** Gives back where it stopped. A loop: below 32 characters it beats the call into native code. */
export function writeLatin1(bytes: Uint8Array, characters: string, start: number): number {
  for (let at = 0; at < characters.length; at++) bytes[start + at] = characters.charCodeAt(at);
  return start + characters.length;
}

/** Three times as quick as `latin1` for its length. */
function versionAt(bytes: Uint8Array, at: number): Version {
  return String.fromCharCode(
    bytes[at] ?? 0,
    bytes[at + 1] ?? 0,
    bytes[at + 2] ?? 0,
    bytes[at + 3] ?? 0,
    bytes[at + 4] ?? 0,
    bytes[at + 5] ?? 0,
    bytes[at + 6] ?? 0,
    bytes[at + 7] ?? 0,
    bytes[at + 8] ?? 0,
    bytes[at + 9] ?? 0,
    bytes[at + 10] ?? 0,
    bytes[at + 11] ?? 0,
  ) as Version;
}

/** 0..2^32-1, big-endian: sorts as the number does. */
export function fourChars(value: number): string {
  return String.fromCharCode((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

/** 0..2^48-1, big-endian. */
export function sixChars(value: number): string {
  const high = Math.floor(value / 0x100000000);
  const low = value >>> 0;
  return String.fromCharCode(
    (high >>> 8) & 255,
    high & 255,
    (low >>> 24) & 255,
    (low >>> 16) & 255,
    (low >>> 8) & 255,
    low & 255,
  );
}

/** The number in `length` characters. */
export function numberAt(characters: string, at: number, length: number): number {
  let value = 0;
  for (let index = at; index < at + length; index++) value = value * 256 + characters.charCodeAt(index);
  return value;
}
