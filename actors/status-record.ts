// The record of a status fact: a post, or a boost of one; and its way back from bytes that were checked when they were written.

import type { StoredFact } from '../runtime/behaviours.ts';
import { type Infer, union } from '../runtime/codec.ts';
import type { Wire } from '../runtime/fact.ts';
import { boostRecord, postRecord } from './facts.ts';

export const statusRecord = union({ post: postRecord, boost: boostRecord });
export type StatusRecord = Infer<typeof statusRecord>;

/** Null for a tombstone, and for nothing. */
export function statusOf(fact: StoredFact | null): StatusRecord | null {
  return fact === null || fact.value === null ? null : statusOfWire(fact.value);
}

/** Each committed status is asked about several times: derived, listed, routed, shown. It is decoded once. */
const decoded = new WeakMap<object, StatusRecord>();

export function statusOfWire(wire: Wire): StatusRecord {
  if (typeof wire !== 'object' || wire === null) return statusRecord.decode(wire);
  const known = decoded.get(wire);
  if (known !== undefined) return known;
  const record = statusRecord.decode(wire);
  decoded.set(wire, record);
  return record;
}
