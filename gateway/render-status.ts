// Statuses as Mastodon's entity, in the pieces that are cached apart: the post itself, its author, what depends on the viewer. Pure.

import { type AccountRow, flag, type StatusRow } from '../actors/messages.ts';
import { tagsOf } from '../actors/text.ts';
import { printStatusId, type StatusId, statusAuthor, statusMs } from '../runtime/status-id.ts';
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
  const own = open(ownFields(row, author, origin));
  return { json: `${own},${body(row, origin)},"account":`, bodyAt: own.length + 1 };
}

/** A boost up to where the body of what it boosts goes; what comes after that body is the booster's account. */
export function renderBoostHead(row: StatusRow, author: Pick<AccountRow, 'handle'>, origin: string): string {
  return `${open(ownFields(row, author, origin))},`;
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

export function statusUrl(origin: string, handle: string, id: StatusId): string {
  return `${profileUrl(origin, handle)}/${printStatusId(id)}`;
}

function ownFields(row: StatusRow, { handle }: Pick<AccountRow, 'handle'>, origin: string) {
  const id = printStatusId(row.id);
  return {
    id,
    created_at: new Date(statusMs(row.id)).toISOString(),
    in_reply_to_id: row.replyTo === null ? null : printStatusId(row.replyTo),
    in_reply_to_account_id: row.replyTo === null ? null : String(statusAuthor(row.replyTo)),
    visibility: row.visibility,
    uri: `${origin}/users/${handle}/statuses/${id}`,
    url: statusUrl(origin, handle, row.id),
    edited_at: null,
    application: row.app,
  };
}

function body(row: StatusRow, origin: string): string {
  const fields = {
    sensitive: row.sensitive,
    spoiler_text: row.spoiler,
    language: row.language,
    content: renderContent(row.text, { origin, mentions: row.mentions }),
    replies_count: row.replies,
    reblogs_count: row.boosts,
    favourites_count: row.favourites,
    media_attachments: [],
    mentions: row.mentions.map(({ account, handle }) => ({
      id: String(account),
      username: handle,
      acct: handle,
      url: profileUrl(origin, handle),
    })),
    tags: tagsOf(row.text).map((name) => ({ name, url: tagUrl(origin, name) })),
    emojis: [],
    card: null,
    poll: null,
  };
  return JSON.stringify(fields).slice(1, -1);
}

/** `{...` without the closing brace. */
function open(fields: object): string {
  return JSON.stringify(fields).slice(0, -1);
}
