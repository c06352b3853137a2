// Handles: the names of accounts, and the ids they hash to.
import { createHash } from 'node:crypto';
import { type AccountId, firstAccountOf, partitionOf } from './account-id.ts';

/** Letters, digits and underscores, at most 30; case is kept for show and ignored for identity. */
export const handleForm = /^[A-Za-z0-9_]{1,30}$/;

/** 52 bits of SHA-256 of the lower-case handle; never the first account of a partition, the server's among them. */
export function accountIdOf(handle: string): AccountId {
  const hash = createHash('sha256').update(handle.toLowerCase()).digest();
  const id = (hash.readUIntBE(0, 4) * 0x100000 + (hash.readUIntBE(4, 3) >>> 4)) as AccountId;
  return id === firstAccountOf(partitionOf(id)) ? ((id + 1) as AccountId) : id;
}
