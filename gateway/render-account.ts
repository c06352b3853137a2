// Accounts as Mastodon's entities: Account for everybody, CredentialAccount for its owner. Pure.
import type { AccountRow } from '../actors/messages.ts';
import { profileUrl, renderContent, renderLine } from './render-content.ts';

/** Mastodon's Account, with every field that is always there. */
export function renderAccount(row: AccountRow, origin: string) {
  const id = String(row.id);
  const avatar = `${origin}/avatars/${id}.png`;
  const header = `${origin}/headers/missing.png`;
  const text = { origin, mentions: [] };
  return {
    id,
    username: row.handle,
    acct: row.handle,
    display_name: row.displayName,
    locked: row.locked,
    bot: row.bot,
    discoverable: row.discoverable,
    indexable: row.discoverable,
    group: false,
    created_at: new Date(row.createdMs).toISOString(),
    note: renderContent(row.note, text),
    url: profileUrl(origin, row.handle),
    uri: `${origin}/users/${row.handle}`,
    avatar,
    avatar_static: avatar,
    header,
    header_static: header,
    followers_count: row.followers,
    following_count: row.following,
    statuses_count: row.statuses,
    last_status_at: row.lastStatusMs === null ? null : new Date(row.lastStatusMs).toISOString().slice(0, 10),
    emojis: [],
    roles: [],
    fields: row.fields.map(({ name, value }) => ({
      name,
      value: renderLine(value, text),
      verified_at: null,
    })),
  };
}

/** What an account's owner sees: the texts as they were typed, and the defaults for new posts. */
export function renderCredentialAccount(row: AccountRow, origin: string) {
  return {
    ...renderAccount(row, origin),
    source: {
      privacy: row.visibility,
      sensitive: row.sensitive,
      language: row.language,
      note: row.note,
      fields: row.fields.map(({ name, value }) => ({ name, value, verified_at: null })),
      follow_requests_count: 0,
      discoverable: row.discoverable,
      indexable: row.discoverable,
    },
    role: { id: '-99', name: '', permissions: '0', color: '', highlighted: false },
  };
}
