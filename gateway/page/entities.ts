// The Mastodon entities as far as the page uses them: one shape each, from which the type comes.
import {
  boolean,
  list,
  number,
  oneOf,
  orNull,
  otherwise,
  record,
  type Shape,
  type Shaped,
  string,
} from './shape.ts';

export const visibilities = ['public', 'unlisted', 'private', 'direct'] as const;
export type Visibility = (typeof visibilities)[number];

const accountFields = {
  id: string,
  acct: string,
  username: string,
  display_name: otherwise(string, ''),
  note: otherwise(string, ''),
  url: orNull(string),
  bot: otherwise(boolean, false),
  created_at: string,
  followers_count: otherwise(number, 0),
  following_count: otherwise(number, 0),
  statuses_count: otherwise(number, 0),
};
export const account = record(accountFields);
export type Account = Shaped<typeof account>;

export const ownAccount = record({
  ...accountFields,
  source: record({ note: otherwise(string, ''), privacy: oneOf(visibilities, 'public') }),
});
export type OwnAccount = Shaped<typeof ownAccount>;

const mention = record({ id: string, acct: string, username: string, url: string });
const tag = record({ name: string, url: otherwise(string, '') });
export type Mention = Shaped<typeof mention>;
export type Tag = Shaped<typeof tag>;

const statusFields = {
  id: string,
  created_at: string,
  edited_at: orNull(string),
  account,
  content: string,
  visibility: oneOf(visibilities, 'private'),
  sensitive: otherwise(boolean, false),
  spoiler_text: otherwise(string, ''),
  url: orNull(string),
  language: orNull(string),
  in_reply_to_id: orNull(string),
  in_reply_to_account_id: orNull(string),
  mentions: list(mention),
  tags: list(tag),
  replies_count: otherwise(number, 0),
  reblogs_count: otherwise(number, 0),
  favourites_count: otherwise(number, 0),
  favourited: otherwise(boolean, false),
  reblogged: otherwise(boolean, false),
  bookmarked: otherwise(boolean, false),
};
const plainStatus = record(statusFields);
/** A post that stands for itself: not a boost. */
export type Post = Shaped<typeof plainStatus>;
/** An entry of a timeline: a post, or a boost that carries one. */
export type Status = Post & { readonly reblog: Post | null };

export const status: Shape<Status> = record({ ...statusFields, reblog: orNull(plainStatus) });

/** What a status shows: the post itself, or the one it boosts. */
export function postOf(entry: Status): Post {
  return entry.reblog ?? entry;
}

export const context = record({ ancestors: list(status), descendants: list(status) });
export type Context = Shaped<typeof context>;

export const relationship = record({
  id: string,
  following: boolean,
  followed_by: boolean,
  blocking: boolean,
  blocked_by: otherwise(boolean, false),
  muting: boolean,
  requested: otherwise(boolean, false),
});
export type Relationship = Shaped<typeof relationship>;

export const notification = record({
  id: string,
  type: string,
  created_at: string,
  account,
  status: orNull(status),
});
export type Notification = Shaped<typeof notification>;

export const searchResult = record({ accounts: list(account), statuses: list(status), hashtags: list(tag) });
export type SearchResult = Shaped<typeof searchResult>;

export const application = record({ client_id: string, client_secret: string });
export type Application = Shaped<typeof application>;

export const grant = record({ access_token: string });

export const instance = record({
  title: string,
  description: otherwise(string, ''),
  rules: otherwise(list(record({ id: string, text: string })), []),
  registrations: record({ enabled: otherwise(boolean, true) }),
  configuration: record({
    statuses: record({
      max_characters: otherwise(number, 500),
      characters_reserved_per_url: otherwise(number, 23),
    }),
  }),
});
export type Instance = Shaped<typeof instance>;
