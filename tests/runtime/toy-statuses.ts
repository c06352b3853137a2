// Status ids for the tests of the store, apart from the harness so that programs outside vitest can use them.
import type { AccountId } from '../../runtime/account-id.ts';
import { makeStatusId, type StatusId } from '../../runtime/status-id.ts';

export const ada = 1234567890123 as AccountId;
export const bo = 9876543210 as AccountId;

/** The n-th status of an author: each a second after the one before. */
export function status(author: AccountId, n: number): StatusId {
  return makeStatusId(1_700_000_000_000 + 1_000 * n, author, 5);
}
