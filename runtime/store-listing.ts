// Which statuses are listed: what a write changes in that, and what a rebuild finds of those that are not.
import type { Entry, FoundFact } from './behaviours.ts';
import type { Wire } from './fact.ts';
import { type Key, kindOf } from './key.ts';
import type { StatusId } from './status-id.ts';
import type { Batch, Listing } from './store-batch.ts';

type Listed = (key: Key, value: Wire | null) => StatusId | null;

export function listingOf(statusKind: string, listed: Listed) {
  return ({ key, value, before }: Entry): Listing | null => {
    if (kindOf(key) !== statusKind) return null;
    const isThere = value !== null;
    const wasThere = before !== null && before.value !== null;
    const add = isThere ? listed(key, value) : null;
    const former = wasThere ? listed(key, before.value) : null;
    const isHidden = isThere && add === null;
    const wasHidden = wasThere && former === null;
    const remove = former === add ? null : former;
    return { add, remove, isHidden: isHidden === wasHidden ? null : isHidden };
  };
}

/** Stages the mark of each status that is there but not listed. */
export function hiding(statusKind: string, listed: Listed) {
  return (facts: readonly FoundFact[], batch: Batch): void => {
    for (const { key, value } of facts) {
      if (kindOf(key) !== statusKind || value === null || listed(key, value) !== null) continue;
      batch.changes.push({ kind: 'put', table: 'unlisted', key, bytes: new Uint8Array(0) });
    }
  };
}
