// Everything a gateway and a core say to each other: each request with its answer, and what a core pushes. Declared once, here.
import { accountIdCodec } from '../runtime/account-id.ts';
import {
  bool,
  bytes,
  type Codec,
  type Infer,
  list,
  oneOf,
  optional,
  struct,
  text,
  uint,
  union,
} from '../runtime/codec.ts';
import { statusIdCodec, statusIdsCodec } from '../runtime/status-id.ts';
import { exchanges } from './exchanges.ts';
import { mention, profileField, visibilityCodec } from './facts.ts';

/** Raise it in the commit that changes what products and programs say to each other: messages, answers, items (items.ts). */
export const seamFormat = 1;

/** At most this many statuses in one answer, and in one question about statuses. */
export const mostStatuses = 400;
export const mostAccounts = 400;
/** Characters of a cursor. */
const cursor = text(24);

/** What all viewers see of an account. */
export const accountRow = struct({
  id: accountIdCodec,
  handle: text(30),
  createdMs: uint,
  displayName: text(100),
  note: text(2000),
  bot: bool,
  locked: bool,
  discoverable: bool,
  fields: list(profileField, 4),
  visibility: visibilityCodec,
  sensitive: bool,
  language: optional(text(10)),
  followers: uint,
  following: uint,
  statuses: uint,
  lastStatusMs: optional(uint),
});
export type AccountRow = Infer<typeof accountRow>;

/** What all viewers see of a status. For a boost, `boostOf` names the boosted post and the text is empty. */
export const statusRow = struct({
  id: statusIdCodec,
  text: text(20_000),
  visibility: visibilityCodec,
  sensitive: bool,
  spoiler: text(2000),
  language: optional(text(10)),
  replyTo: optional(statusIdCodec),
  mentions: list(mention, 100),
  app: optional(struct({ name: text(200), website: optional(text(2000)) })),
  boostOf: optional(statusIdCodec),
  favourites: uint,
  boosts: uint,
  replies: uint,
});
export type StatusRow = Infer<typeof statusRow>;

/** Bits of a viewer's own relation to a status. */
export const flag = { favourited: 1, boosted: 2, bookmarked: 4, muted: 8 } as const;
/** In place of flags: the viewer may not see it. */
export const hiddenFlag = 255;

/** `maxId` older than, `sinceId` newer than (the newest), `minId` immediately newer than; all exclusive; answers are newest first. */
const page = {
  maxId: optional(statusIdCodec),
  sinceId: optional(statusIdCodec),
  minId: optional(statusIdCodec),
  limit: uint,
};
/** Lists that are ordered by a version: ids are decimal strings of 64 bits. */
const versionPage = {
  maxId: optional(text(20)),
  sinceId: optional(text(20)),
  minId: optional(text(20)),
  limit: uint,
};

export const statusPage = struct({
  ids: statusIdsCodec(mostStatuses),
  /** One byte a status; empty where nobody asked as a viewer. */
  flags: bytes(mostStatuses),
  /** Milliseconds up to which the page is complete, or null when it is complete now. */
  completeThroughMs: optional(uint),
});

/** One relationship, as bits. */
export const relationBit = {
  following: 1,
  followedBy: 2,
  blocking: 4,
  blockedBy: 8,
  muting: 16,
  mutingNotifications: 32,
  showingBoosts: 64,
} as const;

export const notificationKind = oneOf('follow', 'mention', 'favourite', 'reblog');
export const notificationRow = struct({
  /** 64 bits in decimal: from the version of the fact that caused it. */
  id: text(20),
  kind: notificationKind,
  from: accountIdCodec,
  status: optional(statusIdCodec),
  createdMs: uint,
});
export type NotificationRow = Infer<typeof notificationRow>;

const accountsPage = struct({
  accounts: list(accountIdCodec, mostAccounts),
  /** What to give as `maxId` and `minId` for the pages beside this one: the order keys of the last and the first. */
  last: optional(text(20)),
  first: optional(text(20)),
});

const nothing = struct({});
const viewerOf = { viewer: accountIdCodec };

function request<Q, A>(declared: { ask: Codec<Q>; answer: Codec<A> }): { ask: Codec<Q>; answer: Codec<A> } {
  return declared;
}

/** Reads: answered from committed facts and views. They need no actor. */
export const queries = {
  /** Null for each account that is not there (or no more). */
  accounts: request({
    ask: struct({ ids: list(accountIdCodec, mostAccounts) }),
    answer: struct({ rows: list(optional(accountRow), mostAccounts) }),
  }),
  /** Rows as they are, whoever may see them: ask `judge` before showing one. Null: deleted, never there, or its author is gone. */
  statuses: request({
    ask: struct({ ids: statusIdsCodec(mostStatuses) }),
    answer: struct({ rows: list(optional(statusRow), mostStatuses) }),
  }),
  /** May this viewer (null: nobody logged in) see these? One byte each: flags, or `hiddenFlag`. Deleted ones are hidden. */
  judge: request({
    ask: struct({ viewer: optional(accountIdCodec), ids: statusIdsCodec(mostStatuses) }),
    answer: struct({ flags: bytes(mostStatuses) }),
  }),
  /** An account's statuses that the viewer may see. */
  authorStatuses: request({
    ask: struct({
      author: accountIdCodec,
      viewer: optional(accountIdCodec),
      ...page,
      excludeReplies: bool,
      excludeBoosts: bool,
    }),
    answer: statusPage,
  }),
  /** Public statuses, newest first; with a tag (lower case, without #), those that carry it. */
  publicTimeline: request({
    ask: struct({ viewer: optional(accountIdCodec), tag: optional(text(200)), ...page }),
    answer: statusPage,
  }),
  /** Direct answers to a status, oldest first, at most `limit`. */
  replies: request({
    ask: struct({ id: statusIdCodec, limit: uint }),
    answer: struct({ ids: statusIdsCodec(mostStatuses) }),
  }),
  relationships: request({
    ask: struct({ ...viewerOf, ids: list(accountIdCodec, mostAccounts) }),
    answer: struct({ bits: bytes(mostAccounts) }),
  }),
  followers: request({ ask: struct({ id: accountIdCodec, ...versionPage }), answer: accountsPage }),
  following: request({ ask: struct({ id: accountIdCodec, ...versionPage }), answer: accountsPage }),
  blocked: request({ ask: struct({ id: accountIdCodec, ...versionPage }), answer: accountsPage }),
  muted: request({ ask: struct({ id: accountIdCodec, ...versionPage }), answer: accountsPage }),
  /** Without those whom the viewer blocks, or who block the viewer. */
  favouritedBy: request({
    ask: struct({ id: statusIdCodec, viewer: optional(accountIdCodec), ...versionPage }),
    answer: accountsPage,
  }),
  /** Those whose boost the viewer may see. */
  boostedBy: request({
    ask: struct({ id: statusIdCodec, viewer: optional(accountIdCodec), ...versionPage }),
    answer: accountsPage,
  }),
  /** The viewer's own favourites or bookmarks, newest mark first. `last` and `first` as in `accountsPage`. */
  marked: request({
    ask: struct({ ...viewerOf, mark: oneOf('favourite', 'bookmark'), ...versionPage }),
    answer: struct({
      ids: statusIdsCodec(mostStatuses),
      last: optional(text(20)),
      first: optional(text(20)),
    }),
  }),
  notifications: request({
    ask: struct({
      ...viewerOf,
      ...versionPage,
      /** Empty: all kinds. */
      kinds: list(notificationKind, 4),
      from: optional(accountIdCodec),
    }),
    answer: struct({ rows: list(notificationRow, 200) }),
  }),
  /** By the beginning of the handle or of words of the display name. `viewer` + `following`: only those the viewer follows. */
  searchAccounts: request({
    ask: struct({
      q: text(500),
      limit: uint,
      offset: uint,
      viewer: optional(accountIdCodec),
      following: bool,
    }),
    answer: struct({ accounts: list(accountIdCodec, mostAccounts) }),
  }),
  /** All words must be there. Newest first. `limit` and `offset` count what the viewer may see. */
  searchStatuses: request({
    ask: struct({
      q: text(500),
      viewer: optional(accountIdCodec),
      author: optional(accountIdCodec),
      ...page,
      offset: uint,
    }),
    answer: statusPage,
  }),
  /** Tags that begin so, with the number of uses and of people in each of the last 7 days (today first). */
  searchTags: request({
    ask: struct({ q: text(200), limit: uint, offset: uint }),
    answer: struct({ tags: list(text(200), 100) }),
  }),
  /** Of what one core serves: several cores' answers add up. */
  instance: request({
    ask: nothing,
    answer: struct({ users: uint, statuses: uint, activeMonth: uint }),
  }),
} as const;

const by = { account: accountIdCodec };
const target = { ...by, target: accountIdCodec };

/** Commands: handled by the account's actor, one at a time. Answered when what they wrote is safe. */
export const commands = {
  home: request({ ask: struct({ ...by, ...page }), answer: statusPage }),
  publish: request({
    ask: struct({
      ...by,
      /** Already checked for length (500, URLs as 23) by the gateway and checked again here. */
      text: text(20_000),
      /** Null, here and below: as the account has chosen for all its posts. */
      visibility: optional(visibilityCodec),
      /** What has a spoiler is sensitive whatever stands here. */
      sensitive: optional(bool),
      spoiler: text(2000),
      language: optional(text(10)),
      replyTo: optional(statusIdCodec),
      /** Existing accounts named in the text. */
      mentions: list(mention, 100),
      app: optional(struct({ name: text(200), website: optional(text(2000)) })),
      /** From Idempotency-Key, with what tells tokens apart; null without. */
      once: optional(text(300)),
    }),
    /** The rows as they are now, filled in for gateways by the core after the fsync; null: gone already. */
    answer: struct({
      id: statusIdCodec,
      repeated: bool,
      row: optional(statusRow),
      author: optional(accountRow),
    }),
  }),
  /** The id may be a boost of one's own. Answers when no gateway shows it any more. */
  deleteStatus: request({ ask: struct({ ...by, id: statusIdCodec }), answer: nothing }),
  /** `unlisted` etc. narrow the boost's own visibility. The post must be public or unlisted. Boosting twice gives the first boost's id. */
  boost: request({
    ask: struct({ ...by, of: statusIdCodec, visibility: visibilityCodec }),
    answer: struct({ id: statusIdCodec }),
  }),
  unboost: request({ ask: struct({ ...by, of: statusIdCodec }), answer: nothing }),
  mark: request({
    ask: struct({ ...by, id: statusIdCodec, mark: oneOf('favourite', 'bookmark'), on: bool }),
    answer: nothing,
  }),
  /** The target must exist (the gateway has looked). 403 when it blocks the account. */
  follow: request({ ask: struct({ ...target, boosts: bool }), answer: nothing }),
  unfollow: request({ ask: struct(target), answer: nothing }),
  block: request({ ask: struct(target), answer: nothing }),
  unblock: request({ ask: struct(target), answer: nothing }),
  mute: request({ ask: struct({ ...target, notifications: bool, durationS: uint }), answer: nothing }),
  unmute: request({ ask: struct(target), answer: nothing }),
  /** Null leaves a field as it is. */
  editProfile: request({
    ask: struct({
      ...by,
      displayName: optional(text(100)),
      note: optional(text(2000)),
      bot: optional(bool),
      locked: optional(bool),
      discoverable: optional(bool),
      fields: optional(list(profileField, 4)),
      visibility: optional(visibilityCodec),
      sensitive: optional(bool),
      language: optional(text(10)),
    }),
    answer: nothing,
  }),
  dismissNotification: request({ ask: struct({ ...by, id: text(20) }), answer: nothing }),
  clearNotifications: request({ ask: struct(by), answer: nothing }),
  /**
   * A live session: its number is the gateway's choice, unique on its link. With `since`, what was missed is pushed first, oldest
   * first, or a resync. Answers with the cursor of now.
   */
  attach: request({
    ask: struct({ ...by, session: uint, since: optional(cursor) }),
    answer: struct({ cursor }),
  }),
  detach: request({ ask: struct({ ...by, session: uint }), answer: nothing }),
  /** From the importer: facts by the same rules, not pushed to anyone. Those that are there already are left out and not counted. */
  adopt: request({
    ask: struct({
      ...by,
      follows: list(accountIdCodec, 20_000),
      posts: list(struct({ text: text(20_000), ms: uint, salt: uint }), 1000),
    }),
    answer: struct({ follows: uint, posts: uint, refused: uint }),
  }),
} as const;

/** What the core's host does itself: secrets, apps, tokens, the whole. */
export const services = {
  /** Counts a request against `limit` and nothing else: for answers a gateway can give alone. */
  admit: request({ ask: nothing, answer: nothing }),
  /**
   * The handle is free, or `taken`. Empty password: none until one is set. Throttled by `ip`: an IPv4 address or, here and below, the
   * /64 of an IPv6 one.
   */
  signUp: request({
    ask: struct({ handle: text(30), password: text(1000), displayName: text(100), ip: text(64) }),
    answer: struct({ account: accountIdCodec }),
  }),
  /** Wrong handle or password: `unauthorized`, indistinguishably. Throttled by `ip` and by handle. */
  logIn: request({
    ask: struct({ handle: text(100), password: text(1000), ip: text(64) }),
    answer: struct({ account: accountIdCodec }),
  }),
  /** Revokes the account's tokens, but not the one with the id `keep`. Answers when no gateway takes them any more. */
  changePassword: request({
    ask: struct({
      ...by,
      current: text(1000),
      next: text(1000),
      ip: text(64),
      keep: optional(text(100)),
    }),
    answer: nothing,
  }),
  deleteAccount: request({ ask: struct({ ...by, password: text(1000), ip: text(64) }), answer: nothing }),
  createApp: request({
    ask: struct({
      name: text(200),
      website: optional(text(2000)),
      redirectUris: list(text(2000), 20),
      scopes: text(500),
      ip: text(64),
    }),
    answer: struct({ clientId: text(100), clientSecret: text(100) }),
  }),
  app: request({
    ask: struct({ clientId: text(100) }),
    answer: struct({
      name: text(200),
      website: optional(text(2000)),
      redirectUris: list(text(2000), 20),
      scopes: text(500),
      clientSecret: text(100),
    }),
  }),
  createCode: request({
    ask: struct({
      ...by,
      clientId: text(100),
      redirectUri: text(2000),
      scopes: text(500),
      challenge: optional(text(200)),
    }),
    answer: struct({ code: text(200) }),
  }),
  /** A code works once; a second use is `invalid`, and so is an expired one. The gateway compares redirect URI, app and PKCE challenge. */
  takeCode: request({
    ask: struct({ code: text(200) }),
    answer: struct({
      ...by,
      clientId: text(100),
      redirectUri: text(2000),
      scopes: text(500),
      challenge: optional(text(200)),
    }),
  }),
  /** Null account: a token of the app alone. */
  createToken: request({
    ask: struct({ account: optional(accountIdCodec), clientId: text(100), scopes: text(500) }),
    answer: struct({ token: text(200), createdMs: uint }),
  }),
  /** `unauthorized` when unknown or revoked. A gateway may keep the answer until `forgotten` names its `tokenId`. */
  authenticate: request({
    ask: struct({ token: text(200) }),
    answer: struct({
      tokenId: text(100),
      account: optional(accountIdCodec),
      clientId: text(100),
      scopes: text(500),
    }),
  }),
  /** Answers when no gateway takes it any more. Unknown tokens are fine. */
  revoke: request({ ask: struct({ token: text(200) }), answer: nothing }),
  /** Importer and operator: makes accounts without a password; those that exist are left. Answers how many were made. */
  adoptAccounts: request({
    ask: struct({ handles: list(text(30), 5000), createdMs: uint }),
    answer: struct({ made: uint }),
  }),
  /** Operator: a token for a handle, for tests and load tools. */
  issueToken: request({
    ask: struct({ handle: text(30), scopes: text(500) }),
    answer: struct({ token: text(200) }),
  }),
  /**
   * Operator: sets the password of an account that has none, or has lost its own, and revokes its tokens. `not-found` without the
   * account.
   */
  setPassword: request({ ask: struct({ handle: text(30), password: text(1000) }), answer: nothing }),
  /** Operator: copies the whole store, as of one moment, into a folder that is empty or absent. */
  backup: request({ ask: struct({ folder: text(4000) }), answer: struct({ bytes: uint, position: uint }) }),
  /** Operator: what the core knows of itself, as JSON. */
  status: request({ ask: nothing, answer: struct({ json: text(1_000_000) }) }),
  /** All metrics of the core and of every gateway linked to it, in Prometheus' text form. */
  metrics: request({ ask: nothing, answer: struct({ text: text(4_000_000) }) }),
} as const;

/** What the process around a core answers, not the core itself. */
export const surrounding = {
  /** Operator: a command to the cluster (cluster/mesh-commands.ts) and its answer, both as JSON. */
  cluster: request({ ask: struct({ command: text(10_000) }), answer: struct({ json: text(4_000_000) }) }),
} as const;

export const requests = { ...queries, ...commands, ...services, ...exchanges, ...surrounding } as const;
export type RequestKind = keyof typeof requests;
export type Ask<K extends RequestKind> = Infer<(typeof requests)[K]['ask']>;
export type Answer<K extends RequestKind> = Infer<(typeof requests)[K]['answer']>;

/** An account's command, as its actor receives it. */
export type Command = { [K in keyof typeof commands]: { kind: K } & Ask<K> }[keyof typeof commands];

const sessions = bytes(4_000_000);
const shared = { sessions, topics: list(text(210), 100), cursor, version: optional(cursor) };

/**
 * What a core pushes to a gateway: rows once, then the numbers of the sessions they are for (4 bytes each, big-endian).
 * Each item carries the cursor that its frame shows: whoever has received this frame has received everything of its stream up to
 * that cursor. (It is the item's, not the tick's: a client that drops between two frames of a tick must get the second one.)
 * `version` is the item's own, and may be above that cursor; it is left out where nothing older can come: then the cursor is the version.
 */
export const pushed = union({
  /** A status for `user` streams, and for the topics named. `boosted` is the row of the boosted post. */
  update: struct({
    row: statusRow,
    author: accountRow,
    boosted: optional(statusRow),
    boostedAuthor: optional(accountRow),
    ...shared,
  }),
  deleted: struct({ id: statusIdCodec, ...shared }),
  notified: struct({
    notification: notificationRow,
    account: accountRow,
    status: optional(statusRow),
    author: optional(accountRow),
    sessions,
    cursor,
    version: optional(cursor),
  }),
  /** These sessions' cursors are too old or unknown: they must read their timelines anew. */
  resync: struct({ sessions }),
});
export type Pushed = Infer<typeof pushed>;

/** One tick of a core for one gateway. Its cursor holds for every attached session once the items are sent: what to attach again with. */
export const tick = struct({ items: list(pushed, 100_000), cursor });
export type Tick = Infer<typeof tick>;

/**
 * Rows that changed: a gateway drops what it rendered of them. `tokens` are revoked: it closes their sockets, too. `deleted` are
 * gone for good: it shows them no more, whatever other cores, which may not have heard of it yet, send of them.
 */
export const changed = struct({
  statuses: statusIdsCodec(100_000),
  accounts: list(accountIdCodec, 100_000),
  tokens: list(text(100), 100_000),
  deleted: optional(statusIdsCodec(100_000)),
});
type SaidChanged = Infer<typeof changed>;
/** Without `deleted`: nothing is. */
export type Changed = Omit<SaidChanged, 'deleted'> & Partial<Pick<SaidChanged, 'deleted'>>;
