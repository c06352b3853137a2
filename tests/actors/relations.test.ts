// Follows and blocks in one breath: what the facts say when both are on the disk is what the actor goes by in memory.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { relationBit } from '../../actors/messages.ts';
import type { AccountId } from '../../runtime/account-id.ts';
import { openTestCore, sessionsOf, type TestCore } from '../support/core.ts';

let tested: TestCore;

beforeEach(async () => {
  tested = await openTestCore();
});

afterEach(() => tested.close());

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function people(...handles: string[]): Promise<[AccountId, AccountId, AccountId]> {
  const [one, two, three] = await tested.accounts(...handles);
  if (one === undefined || two === undefined) throw new Error('two accounts');
  return [one, two, three ?? one];
}

function follow(account: AccountId, target: AccountId) {
  return tested.ask('follow', { account, target, boosts: true });
}

async function isFollowing(viewer: AccountId, id: AccountId): Promise<boolean> {
  const { bits } = await tested.ask('relationships', { viewer, ids: [id] });
  return ((bits[0] ?? 0) & relationBit.following) !== 0;
}

async function followersOf(id: AccountId): Promise<AccountId[]> {
  return (await tested.ask('followers', { id, maxId: null, sinceId: null, minId: null, limit: 40 })).accounts;
}

test('a post made while the follow and a read of home are on their way to the disk is in home', async () => {
  const [ada, bob] = await people('ada', 'bob');
  await tested.home(bob);
  const [, , id] = await Promise.all([
    follow(bob, ada),
    tested.home(bob),
    tested.post(ada, 'said meanwhile'),
  ]);
  await tested.quiet();
  expect(await tested.home(bob)).toEqual([id]);
});

test('a post made while an import of follows is on its way to the disk is in home', async () => {
  const [ada, bob] = await people('ada', 'bob');
  await tested.home(bob);
  const [, , id] = await Promise.all([
    tested.ask('adopt', { account: bob, follows: [ada], posts: [] }),
    tested.home(bob),
    tested.post(ada, 'said meanwhile'),
  ]);
  await tested.quiet();
  expect(await tested.home(bob)).toEqual([id]);
});

test('who is followed, left and followed in one breath is heard once', async () => {
  const [ada, bob] = await people('ada', 'bob');
  await tested.attach(bob, 7);
  await Promise.all([
    follow(bob, ada),
    tested.ask('unfollow', { account: bob, target: ada }),
    follow(bob, ada),
  ]);
  await tested.post(ada, 'once');
  await tested.quiet();
  expect(tested.gateway.itemsOf(7).flatMap(sessionsOf)).toEqual([7]);
});

test('a follow that comes while a block is on its way to the disk is refused', async () => {
  const [ada, bob] = await people('ada', 'bob');
  await tested.home(bob);
  const blocking = tested.ask('block', { account: ada, target: bob });
  const refused = tested.refused('follow', { account: bob, target: ada, boosts: true });
  expect((await refused).code).toBe('forbidden');
  await blocking;
  expect(await followersOf(ada)).toEqual([]);
});

test('an import that comes while a block is on its way to the disk makes no follow', async () => {
  const [ada, bob] = await people('ada', 'bob');
  await tested.home(bob);
  const blocking = tested.ask('block', { account: ada, target: bob });
  const adopted = await tested.ask('adopt', { account: bob, follows: [ada], posts: [] });
  expect(adopted).toEqual({ follows: 0, posts: 0, refused: 1 });
  await blocking;
  expect(await followersOf(ada)).toEqual([]);
});

test.each([
  ['who did not follow before', false],
  ['who followed before', true],
])(
  'a follow above a block and an unblock on their way to the disk holds, for somebody %s',
  async (_, before) => {
    // The block and the unblock wait for a commit under way; the follow comes sooner or later, up to after their delivery.
    for (let turns = 0; turns < 6; turns++) {
      const [ada, bob, carol] = await people(`ada${turns}`, `bob${turns}`, `carol${turns}`);
      if (before) await follow(bob, ada);
      await tested.attach(bob, 100 + turns);
      await tested.home(bob);
      const writes: Promise<unknown>[] = [tested.post(carol, 'a commit under way')];
      await turn();
      await turn();
      writes.push(tested.ask('block', { account: ada, target: bob }));
      writes.push(tested.ask('unblock', { account: ada, target: bob }));
      for (let passed = 0; passed < turns; passed++) await turn();
      const answer = await tested.core.handle(
        'follow',
        { account: bob, target: ada, boosts: true },
        tested.gateway,
        null,
      );
      await Promise.all(writes);
      await tested.quiet();
      const isAgreed = answer.outcome.ok;
      expect(await isFollowing(bob, ada)).toBe(isAgreed);
      const id = await tested.post(ada, 'heard');
      await tested.quiet();
      expect(await tested.home(bob)).toEqual(isAgreed ? [id] : []);
      expect(tested.gateway.itemsOf(100 + turns)).toHaveLength(isAgreed ? 1 : 0);
    }
  },
);

test('an import does not follow again whom the person has left, and changes nothing when it runs again', async () => {
  const [ada, bob, carol] = await people('ada', 'bob', 'carol');
  const adopt = () => tested.ask('adopt', { account: bob, follows: [ada, carol], posts: [] });
  expect(await adopt()).toEqual({ follows: 2, posts: 0, refused: 0 });
  await tested.ask('unfollow', { account: bob, target: ada });
  expect(await adopt()).toEqual({ follows: 0, posts: 0, refused: 0 });
  expect(await followersOf(ada)).toEqual([]);
  expect(await followersOf(carol)).toEqual([bob]);
  await follow(bob, ada);
  expect(await followersOf(ada)).toEqual([bob]);
});
