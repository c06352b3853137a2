// A home that is built anew holds what deliveries would have left in it: the same filter, whenever that filter has changed.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AccountId } from '../../runtime/account-id.ts';
import { makeStatusId, type StatusId } from '../../runtime/status-id.ts';
import { openTestCore, type TestCore } from '../support/core.ts';

let tested: TestCore;
let nowMs: number;
/** Ada reads; bob is followed and boosts what carol says. */
let ada: AccountId;
let bob: AccountId;
let carol: AccountId;

beforeEach(async () => {
  nowMs = Date.now();
  tested = await openTestCore({ now: () => nowMs });
  const made = await tested.accounts('ada', 'bob', 'carol', 'dave');
  [ada, bob, carol] = made as [AccountId, AccountId, AccountId];
});

afterEach(() => tested.close());

function follow(target: AccountId, boosts = true) {
  return tested.ask('follow', { account: ada, target, boosts });
}

function mute(target: AccountId, durationS = 0) {
  return tested.ask('mute', { account: ada, target, notifications: true, durationS });
}

/** Bob boosts something that carol has just said. */
async function boosted(): Promise<StatusId> {
  const of = await tested.post(carol, 'worth boosting');
  const { id } = await tested.ask('boost', { account: bob, of, visibility: 'public' });
  await tested.quiet();
  return id;
}

test('a first build leaves out the boosts of somebody whose boosts are not wanted', async () => {
  await follow(bob, false);
  await boosted();
  const id = await tested.post(bob, 'a post');
  expect(await tested.home(ada)).toEqual([id]);
});

test.each(['mute', 'block', 'blocked'] as const)(
  'a build leaves out boosts of an author: %s',
  async (how) => {
    await follow(bob);
    if (how === 'mute') await mute(carol);
    if (how === 'block') await tested.ask('block', { account: ada, target: carol });
    if (how === 'blocked') await tested.ask('block', { account: carol, target: ada });
    await boosted();
    const id = await tested.post(bob, 'a post');
    expect(await tested.home(ada)).toEqual([id]);
  },
);

test('boosts that are in the timeline leave it with a mute, with a block, and with "no boosts"', async () => {
  const other = await tested.post(bob, 'a post');
  await follow(bob);
  const id = await boosted();
  const gone = async () => expect(await tested.home(ada)).toEqual([other]);
  const back = async () => expect(await tested.home(ada)).toEqual([id, other]);
  await back();
  await mute(carol);
  await gone();
  await tested.ask('unmute', { account: ada, target: carol });
  await back();
  await tested.ask('block', { account: ada, target: carol });
  await gone();
  await tested.ask('unblock', { account: ada, target: carol });
  await back();
  await tested.ask('block', { account: carol, target: ada });
  await gone();
  await tested.ask('unblock', { account: carol, target: ada });
  await back();
  await follow(bob, false);
  await gone();
  await follow(bob, true);
  await back();
});

test('what was kept out by a block comes back with the unblock, also when the reader was the blocked one', async () => {
  await follow(bob);
  await tested.home(ada);
  await tested.ask('block', { account: ada, target: carol });
  const first = await boosted();
  await tested.ask('unblock', { account: ada, target: carol });
  expect(await tested.home(ada)).toEqual([first]);
  await tested.ask('block', { account: carol, target: ada });
  const second = await boosted();
  expect(await tested.home(ada)).toEqual([]);
  await tested.ask('unblock', { account: carol, target: ada });
  expect(await tested.home(ada)).toEqual([second, first]);
});

test('boosts that were not wanted come when they are wanted again', async () => {
  await follow(bob, false);
  await tested.home(ada);
  const id = await boosted();
  expect(await tested.home(ada)).toEqual([]);
  await follow(bob, true);
  expect(await tested.home(ada)).toEqual([id]);
});

test('when a mute has run out, what came before and meanwhile is there, whether or not more has come', async () => {
  await follow(bob);
  const before = await tested.post(bob, 'before');
  await tested.home(ada);
  await mute(bob, 60);
  nowMs += 1;
  const during = await tested.post(bob, 'during');
  await tested.quiet();
  expect(await tested.home(ada)).toEqual([]);
  nowMs += 61_000;
  expect(await tested.home(ada)).toEqual([during, before]);
  await mute(bob, 60);
  nowMs += 61_000;
  const after = await tested.post(bob, 'after');
  await tested.quiet();
  expect(await tested.home(ada)).toEqual([after, during, before]);
});

test('a mute made longer before its end lasts, and ends later', async () => {
  await follow(bob);
  const id = await tested.post(bob, 'a post');
  await mute(bob, 60);
  await mute(bob, 600);
  nowMs += 61_000;
  expect(await tested.home(ada)).toEqual([]);
  nowMs += 600_000;
  expect(await tested.home(ada)).toEqual([id]);
});

test('a mute that runs out while the actor was loaded with it ends, too', async () => {
  await follow(bob);
  const id = await tested.post(bob, 'a post');
  await mute(bob, 60);
  nowMs += 30_000;
  const folder = tested.folder;
  await tested.core.close();
  tested = await openTestCore({ now: () => nowMs, folder });
  expect(await tested.home(ada)).toEqual([]);
  nowMs += 31_000;
  expect(await tested.home(ada)).toEqual([id]);
});

/** Gives an author so many posts, a second between them. Newest first. */
async function manyPosts(author: AccountId, count: number, untilMs: number): Promise<StatusId[]> {
  const posts = Array.from({ length: count }, (_, place) => ({
    text: `post ${place}`,
    ms: untilMs - place * 1000,
    salt: 1,
  }));
  await tested.ask('adopt', { account: author, follows: [], posts });
  return posts.map(({ ms, salt }) => makeStatusId(ms, author, salt));
}

async function wholeHome(): Promise<StatusId[]> {
  const ids: StatusId[] = [];
  for (let maxId: StatusId | null = null; ; ) {
    const page: StatusId[] = await tested.home(ada, { maxId, limit: 80 });
    ids.push(...page);
    maxId = page.at(-1) ?? null;
    if (maxId === null) return ids;
  }
}

test('a full timeline that has lost much by deletes is filled again from below', async () => {
  await follow(bob);
  const ids = await manyPosts(bob, 900, nowMs - 1000);
  expect(await wholeHome()).toEqual(ids.slice(0, 800));
  await Promise.all(ids.slice(0, 400).map((id) => tested.ask('deleteStatus', { account: bob, id })));
  await tested.quiet();
  expect(await wholeHome()).toEqual(ids.slice(400));
});

test('a timeline that has become full by deliveries is filled again when its busiest author is left', async () => {
  await follow(bob);
  await follow(carol);
  const old = await manyPosts(bob, 200, nowMs - 1_000_000);
  await manyPosts(carol, 590, nowMs - 1000);
  await wholeHome();
  const live: StatusId[] = [];
  for (let place = 0; place < 100; place++) live.unshift(await tested.post(bob, `live ${place}`));
  await tested.quiet();
  expect(await wholeHome()).toHaveLength(800);
  await tested.ask('unfollow', { account: ada, target: carol });
  expect(await wholeHome()).toEqual([...live, ...old]);
});

test('a flood of what is not wanted does not push the rest out of a build', async () => {
  const dave = (await tested.accounts('dave'))[0] as AccountId;
  await follow(carol);
  await follow(dave);
  await follow(bob, false);
  const wanted = await manyPosts(carol, 10, nowMs - 2_000_000);
  const worth = await manyPosts(carol, 900, nowMs - 3_000_000);
  await manyPosts(dave, 850, nowMs - 1000);
  await mute(dave);
  await Promise.all(worth.map((of) => tested.ask('boost', { account: bob, of, visibility: 'public' })));
  await tested.quiet();
  expect(await wholeHome()).toEqual([...wanted, ...worth].slice(0, 800));
});

test('posts that are imported while their readers are awake are in their homes, and are told to nobody', async () => {
  await follow(bob);
  const live = await tested.post(bob, 'live');
  await tested.attach(ada, 1);
  expect(await tested.home(ada)).toEqual([live]);
  const posts = [1, 2, 3].map((n) => ({ text: `of before ${n}`, ms: nowMs - n * 1000, salt: n }));
  await tested.ask('adopt', { account: bob, follows: [], posts });
  await tested.quiet();
  const older = posts.map(({ ms, salt }) => makeStatusId(ms, bob, salt));
  expect(await tested.home(ada)).toEqual([live, ...older]);
  expect(tested.gateway.itemsOf(1)).toEqual([]);
});
