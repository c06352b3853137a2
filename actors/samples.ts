// What a release brings along for the next one to be tried on: facts, states, a message and a read of every kind, and what answers are.

import type { AccountId } from '../runtime/account-id.ts';
import { firstAccountOf } from '../runtime/account-id.ts';
import type { Moment, Reader, RuntimeMessage } from '../runtime/behaviours.ts';
import type { StatusId } from '../runtime/status-id.ts';
import type { Samples } from '../runtime/trial.ts';
import { printCursor, type Version } from '../runtime/version.ts';
import { type Item, itemKey } from './items.ts';
import { type Ask, commands, queries } from './messages.ts';
import {
  ada,
  adasPost,
  bob,
  bobsBoost,
  bobsPost,
  cyd,
  dan,
  people,
  sampleFacts,
  sampleStatus,
} from './sample-facts.ts';
import { noneOf, withOne } from './small-map.ts';
import { timelineLength } from './timeline.ts';
import { type UserMessage, user } from './user.ts';
import { loadUser, type UserState } from './user-state.ts';

type Told = UserMessage | RuntimeMessage<Item>;

export const samples: Samples<UserState, UserMessage, Item> = {
  facts: sampleFacts,
  accounts: people,
  states: () => [loadUser(ada, nothing), quietState(), largeState(), oddState()],
  messages: sampleMessages,
  reads: () =>
    Object.entries(sampleReads).flatMap(([kind, asks]) => asks.map((ask: unknown) => ({ kind, ask }))),
  checkAnswer(kind, answer) {
    const declared = { ...queries, ...commands }[kind as keyof typeof queries];
    // Kinds of the core's own have no declared answer.
    if (declared === undefined) return;
    const { encode, decode } = declared.answer as {
      encode(value: unknown): unknown;
      decode(wire: unknown): unknown;
    };
    decode(encode(answer));
  },
  checkItem(item) {
    const { version, kind } = item as Partial<Item>;
    const isKnown = typeof version === 'string' && kind !== undefined && Object.hasOwn(itemKinds, kind);
    if (!isKnown || typeof itemKey(item as Item) !== 'string')
      throw new TypeError(`there is no item ${String(kind)}`);
  },
};

/** All, or this does not compile. */
const itemKinds: Record<Item['kind'], true> = {
  status: true,
  removed: true,
  notification: true,
  blocked: true,
  backfilled: true,
  resync: true,
};

const nothing: Reader = {
  fact: () => null,
  view: () => undefined,
  facts: () => [],
  views: () => [],
  recent: () => [],
  find: () => [],
};

const nowMs = 1_750_000_000_000;
const page = { maxId: null, sinceId: null, minId: null, limit: 40 } as const;
const versionPage = { maxId: null, sinceId: null, minId: null, limit: 40 } as const;

function manyAccounts(count: number): AccountId[] {
  return Array.from({ length: count }, (_, n) => (firstAccountOf(n % 1024) + 1000 + n) as AccountId);
}

function statusItem(author: AccountId, n: number, version: Version): Item {
  return { kind: 'status', version, id: sampleStatus(author, n), author, boostOf: null };
}

/** After some messages, so that whatever these leave behind is in it. */
function quietState(): UserState {
  let state = { ...loadUser(bob, nothing), isGone: false };
  const moment: Moment = { request: 0, nowMs, watermark: zero, hasAll: true, chance: 0.5 };
  const messages: UserMessage[] = [
    { kind: 'attach', account: bob, session: 1, since: null },
    { kind: 'mute', account: bob, target: cyd, notifications: true, durationS: 60 },
    { kind: 'home', account: bob, ...page },
  ];
  for (const message of messages) [state] = user.receive(state, message, moment, nothing);
  return state;
}

const zero = '\0'.repeat(12) as Version;

/** As large as one gets. */
function largeState(): UserState {
  const state = loadUser(ada, nothing);
  state.isGone = false;
  state.isSubscribed = true;
  state.built = 'yes';
  for (const author of manyAccounts(5000)) {
    state.followees = state.followees.with(author);
    if (author % 3 === 0) state.withoutBoosts = state.withoutBoosts.with(author);
    if (author % 5 === 0) state.mutes = withOne(state.mutes, author, { notifications: false, untilMs: null });
    if (author % 7 === 0) state.blockedBy = state.blockedBy.with(author);
  }
  for (let n = 0; n < timelineLength; n++) state.timeline.insert(sampleStatus(bob, 1000 + n));
  let marks = noneOf<StatusId, number>();
  for (let n = 0; n < 5000; n++) marks = withOne(marks, sampleStatus(cyd, n), 1 + (n % 7));
  state.marks = marks;
  state.reached = timelineLength;
  for (let number = 1; number <= 50; number++)
    state.sessions.push({ number, held: null, since: null, caught: null });
  return state;
}

/** In the middle of everything. */
function oddState(): UserState {
  const state = loadUser(cyd, nothing);
  state.isGone = false;
  state.marks = null;
  state.salt = 4095;
  state.lastStatusMs = nowMs;
  state.followees = state.followees.with(bob);
  state.blocks = state.blocks.with(dan);
  state.mutes = withOne(state.mutes, ada, { notifications: true, untilMs: nowMs + 1 });
  state.mutesEndMs = nowMs + 1;
  state.isSubscribed = true;
  state.built = 'building';
  state.buildTicket = 3;
  state.nextTicket = 5;
  state.waiting.push({ request: 1_000_000_000, ask: { account: cyd, ...page } });
  const held = Array.from({ length: 100 }, (_, n) => statusItem(bob, n, zero));
  const catching = { number: 8, held, since: zero, caught: null };
  const caught = { number: 9, held: null, since: zero, caught: { keys: new Set(['s']), upTo: zero } };
  state.sessions.push(catching, caught);
  state.catching = withOne(state.catching, 4, catching);
  return state;
}

/** Of every kind, or this does not compile; those that end things stand last. */
function sampleMessages(ms: number, version: Version): Told[] {
  const by = { account: ada };
  const target = { ...by, target: bob };
  const texts = ['Hello @bob #tag', ' ', 'x'.repeat(500), 'x'.repeat(501)];
  const row = { id: '7', kind: 'mention', from: bob, status: bobsPost, createdMs: ms } as const;
  const post = { spoiler: '', replyTo: null, mentions: [], app: null, once: null };
  const chosen = { visibility: null, sensitive: null, language: null };
  const items: Item[] = [
    statusItem(bob, 9, version),
    { ...statusItem(bob, 10, version), kind: 'status', boostOf: adasPost } as Item,
    { kind: 'removed', version, id: bobsPost, author: bob, isMention: false },
    { kind: 'notification', version, row },
    { kind: 'blocked', version, by: cyd, on: true },
    { kind: 'blocked', version, by: cyd, on: false },
    { kind: 'backfilled', version },
    { kind: 'resync', version },
  ];
  const of: { [K in Told['kind']]: Omit<Extract<Told, { kind: K }>, 'kind'>[] } = {
    attach: [
      { ...by, session: 1, since: null },
      { ...by, session: 2, since: printCursor(version) },
      { ...by, session: 2, since: 'no cursor' },
    ],
    home: [
      { ...by, ...page },
      { ...by, ...page, maxId: bobsPost, limit: 400 },
      { ...by, ...page, minId: adasPost },
    ],
    deliver: [
      { items, lost: false },
      { items: [], lost: true },
    ],
    gathered: [{ ticket: 999_999, statuses: [], found: [], failed: null }],
    publish: [
      ...texts.map((text) => ({ ...by, text, ...post, ...chosen })),
      { ...by, text: 'once', ...post, ...chosen, once: 'key' },
      {
        ...by,
        ...post,
        text: 'reply',
        visibility: 'direct',
        sensitive: true,
        language: 'en',
        spoiler: 'spoiler',
        replyTo: bobsPost,
        mentions: [{ account: bob, handle: 'bob' }],
      },
    ],
    boost: [{ ...by, of: bobsPost, visibility: 'public' }],
    unboost: [
      { ...by, of: bobsPost },
      { ...by, of: adasPost },
    ],
    deleteStatus: [
      { ...by, id: adasPost },
      { ...by, id: bobsBoost },
    ],
    mark: [
      { ...by, id: bobsPost, mark: 'favourite', on: true },
      { ...by, id: bobsPost, mark: 'bookmark', on: false },
    ],
    follow: [
      { ...target, boosts: true },
      { ...by, target: dan, boosts: false },
      { ...by, target: ada, boosts: true },
    ],
    mute: [
      { ...target, notifications: true, durationS: 60 },
      { ...target, notifications: false, durationS: 0 },
    ],
    unmute: [target],
    block: [target],
    unblock: [target],
    unfollow: [target],
    editProfile: [
      {
        ...by,
        displayName: 'x'.repeat(30),
        note: null,
        bot: true,
        locked: null,
        discoverable: null,
        fields: [],
        visibility: 'private',
        sensitive: true,
        language: 'de',
      },
    ],
    dismissNotification: [{ ...by, id: '7' }],
    clearNotifications: [by],
    adopt: [{ ...by, follows: manyAccounts(10), posts: [{ text: 'old', ms: ms - 1000, salt: 1 }] }],
    detach: [{ ...by, session: 1 }],
    idle: [{}],
    accountChanged: [{ ...by, exists: true }],
    retire: [by],
  };
  return Object.entries(of).flatMap(([kind, all]) => all.map((fields) => ({ kind, ...fields }) as Told));
}

const viewer = ada;
const ids = [adasPost, bobsPost, bobsBoost, sampleStatus(dan, 99)];

const sampleReads: { [K in keyof typeof queries]: Ask<K>[] } = {
  accounts: [{ ids: [...people] }],
  statuses: [{ ids }],
  judge: [
    { viewer, ids },
    { viewer: null, ids },
  ],
  authorStatuses: [
    { author: bob, viewer, ...page, excludeReplies: false, excludeBoosts: false },
    { author: cyd, viewer: null, ...page, excludeReplies: true, excludeBoosts: true },
  ],
  publicTimeline: [
    { viewer: null, tag: null, ...page },
    { viewer, tag: 'tag', ...page },
  ],
  replies: [{ id: adasPost, limit: 40 }],
  relationships: [{ viewer, ids: [...people] }],
  followers: [{ id: ada, ...versionPage }],
  following: [{ id: ada, ...versionPage }],
  blocked: [{ id: ada, ...versionPage }],
  muted: [{ id: ada, ...versionPage }],
  favouritedBy: [{ id: adasPost, viewer, ...versionPage }],
  boostedBy: [{ id: adasPost, viewer: null, ...versionPage }],
  marked: [
    { viewer, mark: 'bookmark', ...versionPage },
    { viewer, mark: 'favourite', ...versionPage },
  ],
  notifications: [{ viewer, ...versionPage, kinds: [], from: null }],
  searchAccounts: [{ q: 'a', limit: 40, offset: 0, viewer, following: false }],
  searchStatuses: [{ q: 'hello', viewer, author: null, ...page, offset: 0 }],
  searchTags: [{ q: 'ta', limit: 40, offset: 0 }],
  instance: [{}],
};
