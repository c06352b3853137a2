// Facts of the product: their kinds, keys and records. What is true; what follows from it is in views.ts.
import { type AccountId, accountIdCodec, serverAccount } from '../runtime/account-id.ts';
import { bool, bytes, type Infer, list, oneOf, optional, struct, text, uint } from '../runtime/codec.ts';
import { accountKey, type Key, keyOf } from '../runtime/key.ts';
import { type StatusId, statusAuthor, statusIdCodec } from '../runtime/status-id.ts';

/** Raise it in the commit that changes keys or records so that what is stored reads otherwise; a field at the end that may be null does not. */
export const factsFormat = 1;

export const visibilityCodec = oneOf('public', 'unlisted', 'private', 'direct');
export type Visibility = Infer<typeof visibilityCodec>;

export const profileField = struct({ name: text(255), value: text(255) });

export const accountRecord = struct({
  handle: text(30),
  createdMs: uint,
  displayName: text(100),
  note: text(2000),
  bot: bool,
  locked: bool,
  discoverable: bool,
  fields: list(profileField, 4),
  /** Defaults for new posts. */
  visibility: visibilityCodec,
  sensitive: bool,
  language: optional(text(10)),
});
export type AccountRecord = Infer<typeof accountRecord>;

/** scrypt: N = 2^cost. */
export const credentialRecord = struct({
  salt: bytes(64),
  hash: bytes(64),
  cost: uint,
  blockSize: uint,
  parallel: uint,
  changedMs: uint,
});

export const appRecord = struct({
  name: text(200),
  website: optional(text(2000)),
  redirectUris: list(text(2000), 20),
  scopes: text(500),
  secret: text(100),
  createdMs: uint,
});
export type AppRecord = Infer<typeof appRecord>;

export const codeRecord = struct({
  app: text(100),
  redirectUri: text(2000),
  scopes: text(500),
  challenge: optional(text(200)),
  expiresMs: uint,
});

export const tokenRecord = struct({ app: text(100), scopes: text(500), createdMs: uint });

export const mention = struct({ account: accountIdCodec, handle: text(30) });
export type Mention = Infer<typeof mention>;

export const postRecord = struct({
  text: text(20_000),
  visibility: visibilityCodec,
  sensitive: bool,
  spoiler: text(2000),
  language: optional(text(10)),
  replyTo: optional(statusIdCodec),
  mentions: list(mention, 100),
  app: optional(struct({ name: text(200), website: optional(text(2000)) })),
});
export type PostRecord = Infer<typeof postRecord>;

/** A status is a post or a boost of one. On the wire: `[1, post]` or `[2, id of the boosted post]`. */
export const boostRecord = struct({ of: statusIdCodec, visibility: visibilityCodec });

export const relationRecord = struct({ createdMs: uint });
/** `quiet`: brought in by an import; nobody is notified of it. */
export const followRecord = struct({ createdMs: uint, boosts: bool, quiet: bool });
export const muteRecord = struct({ createdMs: uint, notifications: bool, untilMs: optional(uint) });
export const boostMarkRecord = struct({ boost: statusIdCodec });
export const onceRecord = struct({ status: statusIdCodec, createdMs: uint });
export const clearedRecord = struct({ upToMs: uint });

/** One letter a kind of fact. */
export const factKind = {
  account: 'a',
  credential: 'c',
  app: 'p',
  code: 'o',
  token: 't',
  status: 's',
  follow: 'f',
  block: 'b',
  mute: 'm',
  favourite: 'v',
  bookmark: 'k',
  boost: 'r',
  once: 'i',
  cleared: 'n',
  dismissed: 'd',
} as const;

export function accountFact(account: AccountId): Key {
  return keyOf(account, factKind.account);
}

/** The status's own key: its author comes first, then ms (6) and salt (2). */
export function statusFact(id: StatusId): Key {
  return keyOf(statusAuthor(id), factKind.status, statusRest(id));
}

/** ms (6 characters) and salt (2): what tells an author's statuses apart. */
export function statusRest(id: StatusId): string {
  return id.slice(0, 6) + String.fromCharCode(id.charCodeAt(12) & 15) + id.charAt(13);
}

export function followFact(follower: AccountId, followee: AccountId): Key {
  return keyOf(follower, factKind.follow, accountKey(followee));
}

export function blockFact(blocker: AccountId, blocked: AccountId): Key {
  return keyOf(blocker, factKind.block, accountKey(blocked));
}

export function muteFact(muter: AccountId, muted: AccountId): Key {
  return keyOf(muter, factKind.mute, accountKey(muted));
}

/** `id` is the app's number: 16 hexadecimal digits. */
export function appFact(id: string): Key {
  return keyOf(serverAccount, factKind.app, id);
}
