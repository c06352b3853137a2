// The record of a status fact: a post, or a boost of one; and its way back from bytes that were checked when they were written.
import { type Infer, union } from '../runtime/codec.ts';
import type { StoredFact } from '../runtime/behaviours.ts';
import type { Wire } from '../runtime/fact.ts';
import { boostRecord, postRecord } from './facts.ts';

export const statusRecord = union({ post: postRecord, boost: boostRecord });
export type StatusRecord = Infer<typeof statusRecord>;

/** Null for a tombstone, and for nothing. */
export function statusOf(fact: StoredFact | null): StatusRecord | null {
  return fact === null || fact.value === null ? null : statusOfWire(fact.value);
}

export function statusOfWire(wire: Wire): StatusRecord {
  return statusRecord.decode(wire);
}
