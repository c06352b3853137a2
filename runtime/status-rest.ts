// What tells an author's statuses apart: ms (6 characters) and salt (2). With the author in front it stands in keys, newest last.
import { type AccountId, serverAccount } from './account-id.ts';
import { type Key, keyOf, kindOf } from './key.ts';
import { makeStatusId, type StatusId, statusAuthor } from './status-id.ts';

export const statusRestLength = 8;

export function restOfStatus(id: StatusId): string {
  return id.slice(0, 6) + String.fromCharCode(id.charCodeAt(12) & 15, id.charCodeAt(13));
}

/** Above every rest of the same ms. */
const afterSalts = '\u0010';

/** The first rest that is not below `bound`, which may be another author's status, for a status of `author`. */
export function restOfStatusBelow(bound: StatusId, author: AccountId): string {
  const owner = statusAuthor(bound);
  if (owner === author) return restOfStatus(bound);
  const ms = bound.slice(0, 6);
  return owner > author ? ms + afterSalts : ms;
}

/**
 * The kind of the product's status facts. Throws when their keys are not `account | kind | rest of the status`: the store reads
 * ids from keys alone.
 */
export function statusKindOf(statusKey: (id: StatusId) => Key): string {
  const kind = kindOf(statusKey(makeStatusId(0, serverAccount, 0)));
  for (const id of [
    makeStatusId(1_234_567_890_123, 987_654_321 as AccountId, 4095),
    makeStatusId(1, 2 as AccountId, 3),
  ]) {
    if (statusKey(id) === keyOf(statusAuthor(id), kind, restOfStatus(id))) continue;
    throw new TypeError('statusKey must give account | kind | ms (6) | salt (2)');
  }
  return kind;
}
