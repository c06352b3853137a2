// What a node is called by its public key: its number on links and in the ring, and its fingerprint for people.
import { createHash } from 'node:crypto';

export const nodeNumberMost = 2 ** 31 - 1;

/** The first 31 bits of SHA-256 of the public key; 1 for the one key in two milliards that would be 0. */
export function nodeNumberOf(publicKey: Uint8Array): number {
  const number = createHash('sha256').update(publicKey).digest().readUInt32BE(0) >>> 1;
  return number === 0 ? 1 : number;
}

/** SHA-256 of the public key, in hexadecimal: what two people compare. */
export function fingerprintOf(publicKey: Uint8Array): string {
  return createHash('sha256').update(publicKey).digest('hex');
}
