// Deliveries racing with follows, blocks, mutes, deletes and sleep: what reaches a timeline and a session, and what does not.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTestCore, type TestCore, testGateway, wholePage } from '../support/core.ts';
import { until } from '../support/until.ts';

let tested: TestCore;

beforeEach(async () => {
  tested = await openTestCore();
});

afterEach(() => tested.close());

async function adaFollowedByBob() {
  const [ada, bob] = await tested.accounts('ada', 'bob');
  if (ada === undefined || bob === undefined) throw new Error('two accounts');
  await tested.ask('follow', { account: bob, target: ada, boosts: true });
  return { ada, bob };
}

test('a post is in the home of its author and of a follower, and nobody else is started for it', async () => {
  const { ada, bob } = await adaFollowedByBob();
  const [carol] = await tested.accounts('carol');
  const id = await tested.post(ada, 'hello');
  expect(await tested.home(ada)).toEqual([id]);
  expect(await tested.home(bob)).toEqual([id]);
  expect(await tested.home(carol ?? ada)).toEqual([]);
});

test('a live session gets the post of a followee once, and its own', async () => {
  const { ada, bob } = await adaFollowedByBob();
  await tested.attach(bob, 7);
  const first = await tested.post(ada, 'one');
  const second = await tested.post(bob, 'two');
  await tested.quiet();
  const items = tested.gateway.itemsOf(7);
  expect(items.map((item) => item.kind === 'update' && item.row.id)).toEqual([first, second]);
});

test('a follower who is not awake costs nothing at delivery, and has the post when reading', async () => {
  const { ada, bob } = await adaFollowedByBob();
  const before = (await status()).deliveries;
  const id = await tested.post(ada, 'hello');
  await tested.quiet();
  expect((await status()).deliveries).toBe(before);
  expect(await tested.home(bob)).toEqual([id]);
});

async function status(): Promise<{ deliveries: number; actorsAwake: number }> {
  return JSON.parse((await tested.ask('status', {})).json);
}

test('a post that is on its way when its author is unfollowed is not delivered', async () => {
  const { ada, bob } = await adaFollowedByBob();
  await tested.attach(bob, 7);
  await tested.home(bob);
  const posting = tested.post(ada, 'too late');
  const unfollowing = tested.ask('unfollow', { account: bob, target: ada });
  await Promise.all([posting, unfollowing]);
  await tested.quiet();
  expect(tested.gateway.itemsOf(7)).toEqual([]);
  expect(await tested.home(bob)).toEqual([]);
});

test('unfollowing takes the posts out of the timeline, following again brings them back', async () => {
  const { ada, bob } = await adaFollowedByBob();
  const id = await tested.post(ada, 'hello');
  expect(await tested.home(bob)).toEqual([id]);
  await tested.ask('unfollow', { account: bob, target: ada });
  expect(await tested.home(bob)).toEqual([]);
  await tested.ask('follow', { account: bob, target: ada, boosts: true });
  expect(await tested.home(bob)).toEqual([id]);
});

test('a block by the author ends the follow, empties the timeline, and outlives an unblock', async () => {
  const { ada, bob } = await adaFollowedByBob();
  await tested.attach(bob, 7);
  await tested.post(ada, 'before');
  await tested.home(bob);
  await tested.ask('block', { account: ada, target: bob });
  await tested.quiet();
  await tested.post(ada, 'after');
  await tested.quiet();
  expect(await tested.home(bob)).toEqual([]);
  expect(tested.gateway.itemsOf(7)).toHaveLength(1);
  expect((await tested.refused('follow', { account: bob, target: ada, boosts: true })).code).toBe(
    'forbidden',
  );

  await tested.ask('unblock', { account: ada, target: bob });
  await tested.post(ada, 'still not followed');
  await tested.quiet();
  expect(await tested.home(bob)).toEqual([]);
  const { rows } = await tested.ask('accounts', { ids: [ada, bob] });
  expect(rows.map((row) => [row?.followers, row?.following])).toEqual([
    [0, 0],
    [0, 0],
  ]);
});

test('a block that comes while the blocked is asleep holds when they wake', async () => {
  const { ada, bob } = await adaFollowedByBob();
  await tested.post(ada, 'hidden');
  await tested.ask('block', { account: ada, target: bob });
  expect(await tested.home(bob)).toEqual([]);
});

test('blocking somebody one follows hides their posts and ends the follow', async () => {
  const { ada, bob } = await adaFollowedByBob();
  const id = await tested.post(ada, 'hello');
  expect(await tested.home(bob)).toEqual([id]);
  await tested.ask('block', { account: bob, target: ada });
  expect(await tested.home(bob)).toEqual([]);
  expect((await tested.ask('judge', { viewer: bob, ids: [id] })).flags).toEqual(Uint8Array.of(255));
});

test('a muted author is not delivered and not notified about, and comes back when unmuted', async () => {
  const { ada, bob } = await adaFollowedByBob();
  await tested.attach(bob, 7);
  await tested.ask('mute', { account: bob, target: ada, notifications: true, durationS: 0 });
  const id = await tested.post(ada, 'quiet @bob', { mentions: [{ account: bob, handle: 'bob' }] });
  await tested.quiet();
  expect(tested.gateway.itemsOf(7)).toEqual([]);
  expect(await tested.home(bob)).toEqual([]);
  const ask = { viewer: bob, maxId: null, sinceId: null, minId: null, limit: 40, kinds: [], from: null };
  expect((await tested.ask('notifications', ask)).rows).toEqual([]);
  await tested.ask('unmute', { account: bob, target: ada });
  expect(await tested.home(bob)).toEqual([id]);
});

test('a mute with an end is over when its time has come', async () => {
  await tested.close();
  let nowMs = Date.now();
  tested = await openTestCore({ now: () => nowMs });
  const { ada, bob } = await adaFollowedByBob();
  await tested.attach(bob, 7);
  await tested.ask('mute', { account: bob, target: ada, notifications: true, durationS: 60 });
  await tested.post(ada, 'muted');
  await tested.quiet();
  nowMs += 61_000;
  const id = await tested.post(ada, 'heard');
  await tested.quiet();
  expect(tested.gateway.itemsOf(7).map((item) => item.kind === 'update' && item.row.id)).toEqual([id]);
});

test('a deleted post leaves timelines and rows before the delete is acknowledged, and sessions are told', async () => {
  const { ada, bob } = await adaFollowedByBob();
  await tested.attach(bob, 7);
  const id = await tested.post(ada, 'gone soon');
  await tested.home(bob);
  await tested.quiet();
  await tested.ask('deleteStatus', { account: ada, id });
  expect((await tested.ask('statuses', { ids: [id] })).rows).toEqual([null]);
  expect(await tested.home(bob)).toEqual([]);
  await tested.quiet();
  expect(tested.gateway.itemsOf(7).map(({ kind }) => kind)).toEqual(['update', 'deleted']);
  expect(tested.gateway.changes.some(({ statuses }) => statuses.includes(id))).toBe(true);
});

test('a delete is not acknowledged while a gateway may still show the post', async () => {
  const { ada } = await adaFollowedByBob();
  const id = await tested.post(ada, 'gone soon');
  tested.gateway.holdFences();
  let isAcknowledged = false;
  const deleting = tested.ask('deleteStatus', { account: ada, id }).then(() => {
    isAcknowledged = true;
  });
  await until(async () => (await tested.ask('statuses', { ids: [id] })).rows[0] === null);
  await tested.quiet();
  expect(isAcknowledged).toBe(false);
  tested.gateway.releaseFences();
  await deleting;
  expect(isAcknowledged).toBe(true);
});

test('what rows show of a change is on every gateway before the change is acknowledged', async () => {
  const { ada, bob } = await adaFollowedByBob();
  const id = await tested.post(ada, 'liked soon');
  const [carol] = await tested.accounts('carol');
  if (carol === undefined) throw new Error('no account');
  const unchanged = {
    note: null,
    bot: null,
    locked: null,
    discoverable: null,
    fields: null,
    visibility: null,
    sensitive: null,
    language: null,
  };
  const changes: [string, () => Promise<unknown>][] = [
    ['editProfile', () => tested.ask('editProfile', { account: bob, displayName: 'Bob', ...unchanged })],
    ['favourite', () => tested.ask('mark', { account: bob, id, mark: 'favourite', on: true })],
    ['unfavourite', () => tested.ask('mark', { account: bob, id, mark: 'favourite', on: false })],
    ['boost', () => tested.ask('boost', { account: bob, of: id, visibility: 'public' })],
    ['follow', () => tested.ask('follow', { account: bob, target: carol, boosts: true })],
    ['unfollow', () => tested.ask('unfollow', { account: bob, target: carol })],
    ['block', () => tested.ask('block', { account: bob, target: carol })],
    ['unblock', () => tested.ask('unblock', { account: bob, target: carol })],
  ];
  const order: string[] = [];
  for (const [name, change] of changes) {
    tested.gateway.holdFences();
    const before = tested.core.store.position;
    const changing = change().then(() => order.push(`${name} acknowledged`));
    await until(() => tested.core.store.position > before, { what: `${name} to be on the disk` });
    await tested.quiet();
    order.push(`${name} seen by the gateways`);
    tested.gateway.releaseFences();
    await changing;
  }
  expect(order).toEqual(
    changes.flatMap(([name]) => [`${name} seen by the gateways`, `${name} acknowledged`]),
  );
});

test('a post that is deleted while it is on its way is in no frame', async () => {
  const { ada, bob } = await adaFollowedByBob();
  await tested.attach(bob, 7);
  const id = await tested.post(ada, 'never shown');
  await tested.ask('deleteStatus', { account: ada, id });
  const shown = tested.gateway.itemsOf(7).filter((item) => item.kind === 'update');
  await tested.quiet();
  // Frames begun before the acknowledgement may show it; none after.
  expect(tested.gateway.itemsOf(7).filter((item) => item.kind === 'update')).toEqual(shown);
});

test('an idle actor stops and lets go of its authors; its home is complete when it wakes', async () => {
  await tested.close();
  let nowMs = Date.now();
  tested = await openTestCore({ now: () => nowMs, idleMs: 600_000 });
  const { ada, bob } = await adaFollowedByBob();
  const first = await tested.post(ada, 'one');
  await tested.home(bob);
  nowMs += 599_000;
  tested.core.stopIdle();
  await tested.quiet();
  expect((await status()).actorsAwake).toBeGreaterThan(0);
  nowMs += 2_000;
  tested.core.stopIdle();
  await tested.quiet();
  expect((await status()).actorsAwake).toBe(0);
  const second = await tested.post(ada, 'two');
  expect(await tested.home(bob)).toEqual([second, first]);
});

test('thousands of idle actors stop some at a time, and nobody else waits for all of them', async () => {
  await tested.close();
  let nowMs = Date.now();
  tested = await openTestCore({ now: () => nowMs, idleMs: 600_000 });
  const accounts = await tested.accounts(...Array.from({ length: 2500 }, (_, user) => `idle${user}`));
  for (const account of accounts) await tested.home(account);
  const awake = (): number => tested.core.behaviours.codes.reduce((sum, { actors }) => sum + actors, 0);
  nowMs += 601_000;
  const before = awake();
  expect(before).toBeGreaterThanOrEqual(2500);
  tested.core.stopIdle();
  expect(awake()).toBeLessThan(before);
  expect(awake()).toBeGreaterThanOrEqual(before - 1000);
  await until(() => awake() === 0);
});

test('a user with a live session stays awake however long nothing comes', async () => {
  await tested.close();
  let nowMs = Date.now();
  tested = await openTestCore({ now: () => nowMs });
  const { ada, bob } = await adaFollowedByBob();
  await tested.attach(bob, 7);
  nowMs += 3_600_000;
  tested.core.stopIdle();
  await tested.quiet();
  const id = await tested.post(ada, 'hello');
  await tested.quiet();
  expect(tested.gateway.itemsOf(7).map((item) => item.kind === 'update' && item.row.id)).toEqual([id]);
});

test('a user whose gateway has gone stays awake as long as anybody to whom nothing comes', async () => {
  await tested.close();
  let nowMs = Date.now();
  tested = await openTestCore({ now: () => nowMs, idleMs: 600_000 });
  const { bob } = await adaFollowedByBob();
  await tested.attach(bob, 7);
  nowMs += 3_600_000;
  tested.core.peerGone(tested.gateway);
  const awake = (): number => tested.core.behaviours.codes.reduce((sum, { actors }) => sum + actors, 0);
  nowMs += 599_000;
  tested.core.stopIdle();
  await tested.quiet();
  expect(awake()).toBe(1);
  nowMs += 2000;
  tested.core.stopIdle();
  await until(() => awake() === 0);
});

test('a private post reaches followers alone, a direct one those it names', async () => {
  const { ada, bob } = await adaFollowedByBob();
  const [carol] = await tested.accounts('carol');
  if (carol === undefined) throw new Error('carol');
  await tested.attach(bob, 7);
  await tested.attach(carol, 8);
  const quiet = await tested.post(ada, 'for followers', { visibility: 'private' });
  const direct = await tested.post(ada, 'for @carol', {
    visibility: 'direct',
    mentions: [{ account: carol, handle: 'carol' }],
  });
  await tested.quiet();
  expect(tested.gateway.itemsOf(7).map((item) => item.kind === 'update' && item.row.id)).toEqual([quiet]);
  expect(tested.gateway.itemsOf(8).map(({ kind }) => kind)).toEqual(['notified']);
  const seenBy = async (viewer: typeof bob | null) => [
    ...(await tested.ask('judge', { viewer, ids: [quiet, direct] })).flags,
  ];
  expect(await seenBy(bob)).toEqual([0, 255]);
  expect(await seenBy(carol)).toEqual([255, 0]);
  expect(await seenBy(null)).toEqual([255, 255]);
  expect(await tested.home(ada)).toEqual([direct, quiet]);
  expect(await tested.home(bob)).toEqual([quiet]);
});

test('boosts come to followers, except from those whose boosts are not wanted and of those who are muted', async () => {
  const { ada, bob } = await adaFollowedByBob();
  const [carol] = await tested.accounts('carol');
  if (carol === undefined) throw new Error('carol');
  await tested.attach(bob, 7);
  const original = await tested.post(carol, 'worth boosting');
  const { id } = await tested.ask('boost', { account: ada, of: original, visibility: 'public' });
  await tested.quiet();
  expect(tested.gateway.itemsOf(7).map((item) => item.kind === 'update' && item.boosted?.id)).toEqual([
    original,
  ]);
  expect(await tested.home(bob)).toEqual([id]);
  expect((await tested.ask('boost', { account: ada, of: original, visibility: 'public' })).id).toBe(id);

  await tested.ask('follow', { account: bob, target: ada, boosts: false });
  const other = await tested.post(carol, 'another');
  await tested.ask('boost', { account: ada, of: other, visibility: 'public' });
  await tested.quiet();
  expect(tested.gateway.itemsOf(7)).toHaveLength(1);
});

test('a follow limit holds, and grows with the followers', async () => {
  const [star] = await tested.accounts('star');
  if (star === undefined) throw new Error('star');
  const handles = Array.from({ length: 5_001 }, (_, place) => `fan${place}`);
  const fans = await tested.accounts(...handles.slice(0, 5000));
  fans.push(...(await tested.accounts(...handles.slice(5000))));
  const adopted = await tested.ask('adopt', { account: star, follows: fans, posts: [] });
  expect(adopted).toEqual({ follows: 5000, posts: 0, refused: 1 });
  const last = fans.at(-1);
  if (last === undefined) throw new Error('a last fan');
  expect((await tested.refused('follow', { account: star, target: last, boosts: true })).code).toBe(
    'invalid',
  );
});

test('a tick goes to every gateway with the sessions it holds, and topics to those that listen', async () => {
  const { ada, bob } = await adaFollowedByBob();
  const other = testGateway('gateway-1');
  tested.peers.add(other);
  other.topics.add('public');
  other.topics.add('tag:news');
  await tested.attach(bob, 7);
  const id = await tested.post(ada, 'breaking #News');
  await tested.quiet();
  expect(tested.gateway.itemsOf(7)).toHaveLength(1);
  const [update] = other.ticks.flatMap(({ items }) => items);
  expect(update).toMatchObject({
    kind: 'update',
    row: { id },
    topics: expect.arrayContaining(['public', 'tag:news']),
  });
  expect(update?.sessions.length).toBe(0);
});

test('the same idempotency key gives the same post, and one post only', async () => {
  const { ada } = await adaFollowedByBob();
  const both = await Promise.all([
    tested.post(ada, 'once', { once: 'k' }),
    tested.post(ada, 'once', { once: 'k' }),
  ]);
  expect(both[0]).toBe(both[1]);
  expect(await tested.home(ada)).toEqual([both[0]]);
  await tested.ask('publish', {
    ...{ account: ada, text: 'again', visibility: 'public', sensitive: false, spoiler: '', language: null },
    ...{ replyTo: null, mentions: [], app: null, once: 'other' },
  });
  expect((await tested.home(ada, wholePage)).length).toBe(2);
});

test('a deleted account is gone at once with all it wrote, and its name is never given out again', async () => {
  const { ada, bob } = await adaFollowedByBob();
  await tested.ask('setPassword', { handle: 'ada', password: 'a long password' });
  const id = await tested.post(ada, 'my last words');
  await tested.home(bob);
  await tested.ask('deleteAccount', { account: ada, password: 'a long password', ip: 'here' });
  expect((await tested.ask('accounts', { ids: [ada] })).rows).toEqual([null]);
  expect((await tested.ask('statuses', { ids: [id] })).rows).toEqual([null]);
  const again = { handle: 'ADA', password: 'another password', displayName: '', ip: 'here' };
  expect((await tested.refused('signUp', again)).code).toBe('taken');
  expect((await tested.refused('publish', { ...publishAs(ada) })).code).toBe('unauthorized');
});

function publishAs(account: Parameters<TestCore['post']>[0]) {
  return {
    ...{ account, text: 'x', visibility: 'public' as const, sensitive: false, spoiler: '', language: null },
    ...{ replyTo: null, mentions: [], app: null, once: null },
  };
}
