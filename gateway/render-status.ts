// Statuses as Mastodon's entity, in the pieces that are cached apart: the post itself, its author, what depends on the viewer. Pure.

import { type AccountRow, flag, type StatusRow } from '../actors/messages.ts';
import { tagsOf } from '../actors/text.ts';
import { printStatusId, statusAuthor, statusMs } from '../runtime/status-id.ts';
import { renderAccount } from './render-account.ts';
import { profileUrl, renderContent, tagUrl } from './render-content.ts';

/** The JSON of a status up to its account: `head + account + tail`. */
export interface StatusHead {
  json: string;
  /** Where the part begins that a boost of it repeats: content, counts, mentions. In UTF-16 units. */
  bodyAt: number;
}

/** `author` is the status's own. For a boost, see `renderBoostHead`. */
export function renderStatusHead(
  row: StatusRow,
  author: Pick<AccountRow, 'handle'>,
  origin: string,
): StatusHead {
  const own = renderBoostHead(row, author, origin);
  return { json: `${own}${body(row, origin)},"account":`, bodyAt: own.length };
}

/**
 * A boost up to where the body of what it boosts goes; what comes after that body is the booster's account.
 * Written by hand, for it is done for each post that is read for the first time: origins, handles and ids need no escaping.
 */
export function renderBoostHead(
  row: StatusRow,
  { handle }: Pick<AccountRow, 'handle'>,
  origin: string,
): string {
  const id = printStatusId(row.id);
  const replyTo = row.replyTo === null ? 'null' : `"${printStatusId(row.replyTo)}"`;
  const repliedTo = row.replyTo === null ? 'null' : `"${statusAuthor(row.replyTo)}"`;
  return (
    `{"id":"${id}","created_at":"${new Date(statusMs(row.id)).toISOString()}","in_reply_to_id":${replyTo}` +
    `,"in_reply_to_account_id":${repliedTo},"visibility":"${row.visibility}"` +
    `,"uri":"${origin}/users/${handle}/statuses/${id}","url":"${origin}/@${handle}/${id}"` +
    `,"edited_at":null,"application":${row.app === null ? 'null' : JSON.stringify(row.app)},`
  );
}

/** What stands between a status's account and its viewer's part. */
export const noReblog = ',"reblog":null';
export const reblogBegins = ',"reblog":';
/** The end of a status for nobody in particular. */
export const anonymousTail = '}';

/** The end of a status for a viewer: Mastodon leaves these out when nobody is logged in. */
export function viewerTail(flags: number): string {
  return (
    `,"favourited":${(flags & flag.favourited) !== 0},"reblogged":${(flags & flag.boosted) !== 0}` +
    `,"muted":${(flags & flag.muted) !== 0},"bookmarked":${(flags & flag.bookmarked) !== 0},"pinned":false,"filtered":[]}`
  );
}

export interface WholeStatus {
  row: StatusRow;
  author: AccountRow;
  /** What it boosts, with its author; null for a post. */
  boosted: { row: StatusRow; author: AccountRow } | null;
}

/** A status in one string, from its rows. `flags` null: for nobody in particular. */
export function renderStatus(status: WholeStatus, origin: string, flags: number | null): string {
  const tail = flags === null ? anonymousTail : viewerTail(flags);
  const account = JSON.stringify(renderAccount(status.author, origin));
  if (status.boosted === null) {
    return renderStatusHead(status.row, status.author, origin).json + account + noReblog + tail;
  }
  const { row, author } = status.boosted;
  const { json, bodyAt } = renderStatusHead(row, author, origin);
  const inner = json + JSON.stringify(renderAccount(author, origin)) + noReblog + tail;
  return (
    renderBoostHead(status.row, status.author, origin) +
    json.slice(bodyAt) +
    account +
    reblogBegins +
    inner +
    tail
  );
}

function body(row: StatusRow, origin: string): string {
  const content = renderContent(row.text, { origin, mentions: row.mentions });
  const mentions = row.mentions.map(({ account, handle }) => ({
    id: String(account),
    username: handle,
    acct: handle,
    url: profileUrl(origin, handle),
  }));
  const tags = tagsOf(row.text).map((name) => ({ name, url: tagUrl(origin, name) }));
  return (
    `"sensitive":${row.sensitive},"spoiler_text":${JSON.stringify(row.spoiler)},"language":${JSON.stringify(row.language)}` +
    `,"content":${JSON.stringify(content)},"replies_count":${row.replies},"reblogs_count":${row.boosts}` +
    `,"favourites_count":${row.favourites},"media_attachments":[],"mentions":${listOf(mentions)}` +
    `,"tags":${listOf(tags)},"emojis":[],"card":null,"poll":null`
  );
}

function listOf(entries: readonly object[]): string {
  return entries.length === 0 ? '[]' : JSON.stringify(entries);
}
