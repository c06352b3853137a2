// Statuses for tests of the page: as the server sends them, with little said.
import type { Account, Status } from '../../gateway/page/entities.ts';

export function account(id: string): Account {
  return {
    id,
    acct: `bird${id}`,
    username: `bird${id}`,
    display_name: '',
    note: '',
    url: null,
    bot: false,
    created_at: '2026-01-01T00:00:00.000Z',
    followers_count: 0,
    following_count: 0,
    statuses_count: 0,
  };
}

export function status(id: number | string, part: Partial<Status> = {}): Status {
  return {
    id: String(id),
    created_at: '2026-01-01T00:00:00.000Z',
    edited_at: null,
    account: account('1'),
    content: '<p>A thought.</p>',
    visibility: 'public',
    sensitive: false,
    spoiler_text: '',
    url: null,
    language: null,
    in_reply_to_id: null,
    in_reply_to_account_id: null,
    mentions: [],
    tags: [],
    replies_count: 0,
    reblogs_count: 0,
    favourites_count: 0,
    favourited: false,
    reblogged: false,
    bookmarked: false,
    reblog: null,
    ...part,
  };
}
