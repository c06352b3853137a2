// Where each kind of request goes, and whether it may be asked twice.
import { describe, expect, test } from 'vitest';
import { type Ask, type RequestKind, requests } from '../../actors/messages.ts';
import { newSecret } from '../../cluster/core-secrets.ts';
import { payerOf, routings, type Target } from '../../cluster/routing-requests.ts';
import { isSplit } from '../../cluster/routing-splitting.ts';
import { type AccountId, serverAccount } from '../../runtime/account-id.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import { keyOf } from '../../runtime/key.ts';
import { accountIn, postOf } from './routing-ends.ts';

const ann = accountIn(3);
const ben = accountIn(700);
const page = { maxId: null, sinceId: null, minId: null, limit: 20 };
const any: Target = { to: 'any' };
const own: Target = { to: 'own' };
const every: Target = { to: 'every' };
const at = (account: AccountId): Target => ({ to: 'account', account });
const each = (...accounts: AccountId[]): Target => ({ to: 'accounts', accounts });
const here = at(ann);
const server = at(serverAccount);
const ip = '192.0.2.1';
const password = 'secret words';
const handle = 'Carla';
const carla = at(accountIdOf('carla'));

/** For each kind, questions and where they go. The compiler keeps it total. */
const samples: { readonly [K in RequestKind]: readonly (readonly [Ask<K>, Target])[] } = {
  accounts: [[{ ids: [ann, ben] }, each(ann, ben)]],
  statuses: [[{ ids: [postOf(ben), postOf(ann), postOf(ben, 2)] }, each(ben, ann, ben)]],
  judge: [
    [{ viewer: ann, ids: [postOf(ben)] }, here],
    [{ viewer: null, ids: [postOf(ben), postOf(ann)] }, each(ben, ann)],
  ],
  authorStatuses: [
    [{ author: ben, viewer: ann, ...page, excludeReplies: false, excludeBoosts: false }, here],
    [{ author: ann, viewer: null, ...page, excludeReplies: false, excludeBoosts: false }, here],
  ],
  publicTimeline: [
    [{ viewer: ann, tag: null, ...page }, here],
    [{ viewer: null, tag: 'birds', ...page }, any],
  ],
  replies: [[{ id: postOf(ann), limit: 5 }, here]],
  relationships: [[{ viewer: ann, ids: [ben] }, here]],
  followers: [[{ id: ann, ...page }, here]],
  following: [[{ id: ann, ...page }, here]],
  blocked: [[{ id: ann, ...page }, here]],
  muted: [[{ id: ann, ...page }, here]],
  favouritedBy: [
    [{ id: postOf(ben), viewer: ann, ...page }, here],
    [{ id: postOf(ann), viewer: null, ...page }, here],
  ],
  boostedBy: [
    [{ id: postOf(ben), viewer: ann, ...page }, here],
    [{ id: postOf(ann), viewer: null, ...page }, here],
  ],
  marked: [[{ viewer: ann, mark: 'favourite', ...page }, here]],
  notifications: [[{ viewer: ann, ...page, kinds: [], from: ben }, here]],
  searchAccounts: [
    [{ q: 'a', limit: 5, offset: 0, viewer: ann, following: true }, here],
    [{ q: 'a', limit: 5, offset: 0, viewer: null, following: false }, any],
  ],
  searchStatuses: [
    [{ q: 'a', viewer: ann, author: ben, ...page, offset: 0 }, here],
    [{ q: 'a', viewer: null, author: ben, ...page, offset: 0 }, any],
  ],
  searchTags: [[{ q: 'a', limit: 5, offset: 0 }, any]],
  instance: [[{}, every]],

  home: [[{ account: ann, ...page }, here]],
  publish: [[post(null), here]],
  deleteStatus: [[{ account: ann, id: postOf(ann) }, here]],
  boost: [[{ account: ann, of: postOf(ben), visibility: 'public' }, here]],
  unboost: [[{ account: ann, of: postOf(ben) }, here]],
  mark: [[{ account: ann, id: postOf(ben), mark: 'bookmark', on: true }, here]],
  follow: [[{ account: ann, target: ben, boosts: true }, here]],
  unfollow: [[{ account: ann, target: ben }, here]],
  block: [[{ account: ann, target: ben }, here]],
  unblock: [[{ account: ann, target: ben }, here]],
  mute: [[{ account: ann, target: ben, notifications: true, durationS: 0 }, here]],
  unmute: [[{ account: ann, target: ben }, here]],
  editProfile: [[editOf(ann), here]],
  dismissNotification: [[{ account: ann, id: '1' }, here]],
  clearNotifications: [[{ account: ann }, here]],
  attach: [[{ account: ann, session: 1, since: null }, here]],
  detach: [[{ account: ann, session: 1 }, here]],
  adopt: [[{ account: ann, follows: [ben], posts: [] }, here]],

  admit: [[{}, any]],
  signUp: [[{ handle, password, displayName: '', ip }, carla]],
  logIn: [
    [{ handle, password, ip }, carla],
    [{ handle: ' @carla@example.org', password, ip }, carla],
  ],
  changePassword: [[{ account: ann, current: password, next: password, ip, keep: null }, here]],
  deleteAccount: [[{ account: ann, password, ip }, here]],
  createApp: [[{ name: 'a', website: null, redirectUris: [], scopes: '', ip }, server]],
  app: [[{ clientId: '0123456789abcdef' }, server]],
  createCode: [[{ account: ann, clientId: '', redirectUri: '', scopes: '', challenge: null }, here]],
  takeCode: [
    [{ code: newSecret(ann) }, here],
    [{ code: 'none of ours' }, any],
  ],
  createToken: [
    [{ account: ann, clientId: '', scopes: '' }, here],
    [{ account: null, clientId: '', scopes: '' }, server],
  ],
  authenticate: [
    [{ token: newSecret(ann) }, here],
    [{ token: newSecret(serverAccount) }, server],
    [{ token: 'none of ours' }, any],
  ],
  revoke: [[{ token: newSecret(ann) }, here]],
  adoptAccounts: [[{ handles: ['ann', 'ben'], createdMs: 1 }, each(accountIdOf('ann'), accountIdOf('ben'))]],
  issueToken: [[{ handle, scopes: '' }, carla]],
  setPassword: [[{ handle, password }, carla]],
  backup: [[{ folder: '/' }, own]],
  status: [[{}, own]],
  metrics: [[{}, own]],
  records: [
    [
      {
        needs: [
          { kind: 'fact', key: keyOf(ben, 'a') },
          { kind: 'views', from: keyOf(ann, 'f'), to: keyOf(ann, 'g'), most: 5, reverse: false },
          { kind: 'recent', author: ben, below: null, most: 5 },
        ],
      },
      each(ben, ann, ben),
    ],
  ],
  listings: [[{ needs: [{ kind: 'find', words: ['a'], below: null, above: null, most: 5 }] }, every]],
  newest: [[{ authors: [ann, ben], sinceMs: 0, most: 5 }, each(ann, ben)]],

  cluster: [[{ command: '{}' }, own]],
};

function post(once: string | null): Ask<'publish'> {
  return {
    account: ann,
    text: 'hello',
    visibility: null,
    sensitive: null,
    spoiler: '',
    language: null,
    replyTo: postOf(ben),
    mentions: [],
    app: null,
    once,
  };
}

function editOf(account: AccountId): Ask<'editProfile'> {
  const same = { displayName: null, note: null, bot: null, locked: null, discoverable: null };
  return { account, ...same, fields: null, visibility: null, sensitive: null, language: null };
}

const kinds = Object.keys(requests) as RequestKind[];

function targetsOf<K extends RequestKind>(kind: K): { found: Target[]; expected: Target[] } {
  const asks: readonly (readonly [Ask<K>, Target])[] = samples[kind];
  return {
    found: asks.map(([ask]) => routings[kind].target(ask, undefined)),
    expected: asks.map(([, target]) => target),
  };
}

describe('a request', () => {
  test.each(kinds)('%s goes to whom it is about', (kind) => {
    const { found, expected } = targetsOf(kind);
    expect(found.length).toBeGreaterThan(0);
    expect(found).toEqual(expected);
  });

  test('about many accounts is one that can be put together again', () => {
    const split = kinds.filter((kind) => targetsOf(kind).found.some(({ to }) => to === 'accounts'));
    expect(split).toEqual(kinds.filter(isSplit));
  });

  test('may be asked twice when it only reads, or names what it must not do twice', () => {
    const repeatable = (kind: RequestKind): boolean =>
      routings[kind].isRepeatable(samples[kind][0]?.[0] as never);
    expect(kinds.filter(repeatable)).toEqual([
      ...kinds.slice(0, kinds.indexOf('instance') + 1),
      ...['home', 'admit', 'app', 'authenticate', 'status', 'metrics', 'records', 'listings', 'newest'],
    ]);
    expect(routings.publish.isRepeatable(post('key'))).toBe(true);
  });

  test('is counted where its token is kept', () => {
    expect(payerOf({ limitKey: `${ann}.c2VjcmV0` })).toBe(ann);
    expect(payerOf({ limitKey: 'nobody' })).toBeNull();
    expect(payerOf(undefined)).toBeNull();
    expect(routings.admit.target({}, { limitKey: `${ann}.c2VjcmV0` })).toEqual(here);
  });
});
