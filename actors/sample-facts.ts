// Made-up facts of every kind, for trials: a handful of people who do everything once, and take most of it back.
import { type AccountId, firstAccountOf } from '../runtime/account-id.ts';
import type { FactWrite } from '../runtime/fact.ts';
import { keyOf } from '../runtime/key.ts';
import { makeStatusId, type StatusId } from '../runtime/status-id.ts';
import {
  accountFact,
  accountRecord,
  appFact,
  appRecord,
  blockFact,
  boostMarkRecord,
  clearedRecord,
  codeRecord,
  credentialRecord,
  factKind,
  followFact,
  followRecord,
  type Mention,
  muteFact,
  muteRecord,
  onceRecord,
  relationRecord,
  statusFact,
  tokenRecord,
  type Visibility,
} from './facts.ts';
import { statusRecord } from './status-record.ts';

/** A second before the first fact of a trial's world. */
const firstMs = 1_749_999_999_000;
const hourMs = 3_600_000;

function personOf(partition: number): AccountId {
  return (firstAccountOf(partition) + 7) as AccountId;
}

export const ada = personOf(0);
export const bob = personOf(17);
export const cyd = personOf(1023);
/** Deleted at the end. */
export const dan = personOf(300);
export const people: readonly AccountId[] = [ada, bob, cyd, dan];

export function sampleStatus(author: AccountId, n: number): StatusId {
  return makeStatusId(firstMs + n, author, n & 4095);
}

export const adasPost = sampleStatus(ada, 1);
export const bobsPost = sampleStatus(bob, 2);
export const bobsBoost = sampleStatus(bob, 3);
const deleted = sampleStatus(cyd, 4);

const named: Mention[] = [
  { account: ada, handle: 'ada' },
  { account: bob, handle: 'bob' },
];

interface Post {
  visibility?: Visibility;
  replyTo?: StatusId;
  spoiler?: string;
  mentions?: Mention[];
}

function post(
  id: StatusId,
  text: string,
  { visibility = 'public', replyTo, spoiler = '', mentions = [] }: Post = {},
) {
  const app = { name: 'app', website: null };
  const status = { text, visibility, sensitive: spoiler !== '', spoiler, language: 'en', mentions, app };
  const value = statusRecord.encode({ kind: 'post', ...status, replyTo: replyTo ?? null });
  return { key: statusFact(id), value };
}

function boost(id: StatusId, of: StatusId): FactWrite {
  return { key: statusFact(id), value: statusRecord.encode({ kind: 'boost', of, visibility: 'public' }) };
}

function follow(from: AccountId, to: AccountId, { boosts = true, quiet = false } = {}): FactWrite {
  return { key: followFact(from, to), value: followRecord.encode({ createdMs: firstMs, boosts, quiet }) };
}

function account(id: AccountId, handle: string): FactWrite {
  const value = accountRecord.encode({
    handle,
    createdMs: firstMs,
    displayName: `${handle} Ünïcode 🙂`,
    note: 'x'.repeat(2000),
    bot: false,
    locked: false,
    discoverable: true,
    fields: [{ name: 'home', value: 'https://example.org/' }],
    visibility: 'public',
    sensitive: false,
    language: null,
  });
  return { key: accountFact(id), value };
}

function secrets(): FactWrite[] {
  const salt = new Uint8Array(16);
  const credential = { salt, hash: salt, cost: 15, blockSize: 8, parallel: 1, changedMs: firstMs };
  const app = { name: 'app', website: null, redirectUris: ['urn:x'], scopes: 'read', secret: 's' };
  const code = { app: '0', redirectUri: 'urn:x', scopes: 'read', challenge: null, expiresMs: firstMs };
  return [
    { key: keyOf(ada, factKind.credential), value: credentialRecord.encode(credential) },
    { key: appFact('0123456789abcdef'), value: appRecord.encode({ ...app, createdMs: firstMs }) },
    { key: keyOf(ada, factKind.code, 'code'), value: codeRecord.encode(code) },
    {
      key: keyOf(ada, factKind.token, 'token'),
      value: tokenRecord.encode({ app: '0', scopes: 'read', createdMs: firstMs }),
    },
  ];
}

/** In the order in which they come: each is above those before it. */
export function sampleFacts(): FactWrite[] {
  const relation = relationRecord.encode({ createdMs: firstMs });
  const reply = sampleStatus(cyd, 7);
  const muteUntil = (untilMs: number | null) => ({ createdMs: firstMs, notifications: true, untilMs });
  const favourite = keyOf(bob, factKind.favourite, adasPost);
  return [
    ...people.map((id, n) => account(id, ['ada', 'bob', 'cyd', 'dan'][n] ?? '')),
    ...secrets(),
    follow(ada, bob),
    follow(bob, ada),
    follow(cyd, ada, { boosts: false }),
    follow(dan, ada, { quiet: true }),
    post(adasPost, 'Hello @bob #tag #Straße https://example.org/'),
    post(bobsPost, '', { spoiler: 'spoiler', visibility: 'unlisted' }),
    post(deleted, 'soon gone #tag @ada @bob', { mentions: named }),
    post(sampleStatus(ada, 5), 'to followers', { visibility: 'private', mentions: named }),
    post(sampleStatus(bob, 6), 'to one', { visibility: 'direct', mentions: named }),
    post(reply, `${'word '.repeat(100)}#tag`, { replyTo: adasPost, mentions: named }),
    post(sampleStatus(cyd, 8), 'on and on', { replyTo: reply }),
    boost(bobsBoost, adasPost),
    { key: keyOf(bob, factKind.boost, adasPost), value: boostMarkRecord.encode({ boost: bobsBoost }) },
    { key: favourite, value: [] },
    { key: keyOf(ada, factKind.favourite, adasPost), value: [] },
    { key: keyOf(ada, factKind.bookmark, bobsPost), value: [] },
    { key: muteFact(ada, cyd), value: muteRecord.encode(muteUntil(firstMs + hourMs)) },
    { key: muteFact(bob, cyd), value: muteRecord.encode(muteUntil(null)) },
    {
      key: keyOf(ada, factKind.once, 'key'),
      value: onceRecord.encode({ status: adasPost, createdMs: firstMs }),
    },
    { key: keyOf(ada, factKind.cleared), value: clearedRecord.encode({ upToMs: firstMs }) },
    { key: keyOf(ada, factKind.dismissed, '1'), value: [] },
    { key: blockFact(ada, dan), value: relation },
    { key: blockFact(bob, cyd), value: relation },
    { key: blockFact(bob, cyd), value: null },
    { key: statusFact(deleted), value: null },
    { key: favourite, value: null },
    { key: followFact(cyd, ada), value: null },
    follow(cyd, ada),
    { key: accountFact(dan), value: null },
  ];
}
