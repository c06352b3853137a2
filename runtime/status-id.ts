// Status ids: `ms (48) | author (52) | salt (12)`. Inside a 14-character latin1 string that sorts by time; outside a decimal string.
import type { AccountId } from './account-id.ts';
import { type Codec, MalformedError } from './codec.ts';

declare const statusId: unique symbol;
/** 14 characters, one a byte: 6 bytes ms, then 52 bits of author and 12 bits of salt. Compares as its time does. */
export type StatusId = string & { readonly [statusId]: true };

export const statusIdBytes = 14;
/** The longest decimal form of a status id: 2^112 - 1. */
const decimalForm = /^[0-9]{1,34}$/;

/** `ms` 0..2^48-1, `author` 0..2^52-1, `salt` 0..4095. */
export function makeStatusId(ms: number, author: AccountId, salt: number): StatusId {
  const high = Math.floor(ms / 0x1000000);
  const low = ms % 0x1000000;
  // 52 author bits and 12 salt bits, as 32 + 32.
  const authorHigh = Math.floor(author / 0x100000);
  const tail = ((author % 0x100000) * 0x1000 + salt) >>> 0;
  return String.fromCharCode(
    (high >>> 16) & 255,
    (high >>> 8) & 255,
    high & 255,
    (low >>> 16) & 255,
    (low >>> 8) & 255,
    low & 255,
    (authorHigh >>> 24) & 255,
    (authorHigh >>> 16) & 255,
    (authorHigh >>> 8) & 255,
    authorHigh & 255,
    (tail >>> 24) & 255,
    (tail >>> 16) & 255,
    (tail >>> 8) & 255,
    tail & 255,
  ) as StatusId;
}

function word(id: string, at: number): number {
  return (
    id.charCodeAt(at) * 0x1000000 +
    ((id.charCodeAt(at + 1) << 16) | (id.charCodeAt(at + 2) << 8) | id.charCodeAt(at + 3))
  );
}

/** Milliseconds since 1970 at which the status was made. */
export function statusMs(id: StatusId): number {
  return word(id, 0) * 0x10000 + ((id.charCodeAt(4) << 8) | id.charCodeAt(5));
}

export function statusAuthor(id: StatusId): AccountId {
  return (word(id, 6) * 0x100000 + Math.floor(word(id, 10) / 0x1000)) as AccountId;
}

/** 0..4095. */
export function statusSalt(id: StatusId): number {
  return word(id, 10) & 0xfff;
}

/** The decimal string clients see. */
export function printStatusId(id: StatusId): string {
  return (
    (BigInt(word(id, 0)) << 80n) |
    (BigInt(word(id, 4)) << 48n) |
    (BigInt(word(id, 8)) << 16n) |
    BigInt((id.charCodeAt(12) << 8) | id.charCodeAt(13))
  ).toString();
}

/** Null when the text is no status id. */
export function parseStatusId(decimal: string): StatusId | null {
  if (!decimalForm.test(decimal)) return null;
  const value = BigInt(decimal);
  if (value >> 112n !== 0n) return null;
  const hex = value.toString(16).padStart(statusIdBytes * 2, '0');
  let id = '';
  for (let at = 0; at < hex.length; at += 2)
    id += String.fromCharCode(Number.parseInt(hex.slice(at, at + 2), 16));
  return id as StatusId;
}

/** For sorting ids newest first, and keys from the end. */
export function descending(one: string, other: string): number {
  return one < other ? 1 : one > other ? -1 : 0;
}

/** Latin1 characters as bytes, and back: how ids travel and how they stand in keys. */
export function bytesOfLatin1(characters: string): Uint8Array {
  const bytes = new Uint8Array(characters.length);
  for (let at = 0; at < characters.length; at++) bytes[at] = characters.charCodeAt(at);
  return bytes;
}

export function latin1OfBytes(bytes: Uint8Array, from = 0, to = bytes.length): string {
  let characters = '';
  for (let at = from; at < to; at++) characters += String.fromCharCode(bytes[at] ?? 0);
  return characters;
}

/** A status id as 14 bytes on the wire. */
export const statusIdCodec: Codec<StatusId> = {
  encode: bytesOfLatin1,
  decode(wire) {
    if (!(wire instanceof Uint8Array) || wire.length !== statusIdBytes)
      throw new MalformedError('', 'a status id');
    return latin1OfBytes(wire) as StatusId;
  },
};

/** Many status ids as one run of bytes: 14 each. */
export function statusIdsCodec(most: number): Codec<StatusId[]> {
  return {
    encode: (ids) => bytesOfLatin1(ids.join('')),
    decode(wire) {
      if (
        !(wire instanceof Uint8Array) ||
        wire.length % statusIdBytes !== 0 ||
        wire.length > most * statusIdBytes
      ) {
        throw new MalformedError('', `at most ${most} status ids`);
      }
      const characters = latin1OfBytes(wire);
      const ids: StatusId[] = [];
      for (let at = 0; at < characters.length; at += statusIdBytes) {
        ids.push(characters.slice(at, at + statusIdBytes) as StatusId);
      }
      return ids;
    },
  };
}
