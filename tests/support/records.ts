// Plain records for tests to say what matters on top of: an account, a post, their rows; and a reader that finds nothing.
import type { AccountRow, StatusRow } from '../../actors/messages.ts';
import type { AccountId } from '../../runtime/account-id.ts';
import type { Reader } from '../../runtime/behaviours.ts';
import type { StatusId } from '../../runtime/status-id.ts';

export const noReader: Reader = {
  fact: () => null,
  view: () => undefined,
  facts: () => [],
  views: () => [],
  recent: () => [],
  find: () => [],
};

/** An account's own record, all but its handle. */
export const plainAccount = {
  createdMs: 1,
  displayName: '',
  note: '',
  bot: false,
  locked: false,
  discoverable: true,
  fields: [],
  visibility: 'public',
  sensitive: false,
  language: null,
} satisfies Omit<AccountRow, 'id' | 'handle' | 'followers' | 'following' | 'statuses' | 'lastStatusMs'>;

/** What a post says beside its text. */
export const plainPost = {
  visibility: 'public',
  sensitive: false,
  spoiler: '',
  language: null,
  replyTo: null,
  mentions: [],
  app: null,
} satisfies Omit<StatusRow, 'id' | 'text' | 'boostOf' | 'favourites' | 'boosts' | 'replies'>;

export function accountRowOf(id: AccountId, handle: string, more: Partial<AccountRow> = {}): AccountRow {
  const counts = { followers: 0, following: 0, statuses: 1, lastStatusMs: null };
  return { ...plainAccount, fields: [], id, handle, ...counts, ...more };
}

export function statusRowOf(id: StatusId, text: string): StatusRow {
  return { ...plainPost, mentions: [], id, text, boostOf: null, favourites: 0, boosts: 0, replies: 0 };
}
