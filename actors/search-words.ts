// The words by which a status is found. Only posts that are not direct; whoever searches sees only what they may see.
import type { FoundFact } from '../runtime/behaviours.ts';
import { kindOf } from '../runtime/key.ts';
import { factKind } from './facts.ts';
import { statusOfWire } from './status-record.ts';
import { wordsOf } from './words.ts';

export function searchWords({ key, value }: FoundFact): string[] {
  if (value === null || kindOf(key) !== factKind.status) return [];
  const status = statusOfWire(value);
  return status.kind === 'boost' || status.visibility === 'direct'
    ? []
    : wordsOf(`${status.spoiler} ${status.text}`);
}
