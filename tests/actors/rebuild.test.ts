// Views follow from facts: whatever happened, deriving them anew gives the same records; and counts are sizes of sets.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { factKind } from '../../actors/facts.ts';
import type { AccountId } from '../../runtime/account-id.ts';
import { keyOf } from '../../runtime/key.ts';
import type { StatusId } from '../../runtime/status-id.ts';
import { openTestCore, type TestCore, wholePage } from '../support/core.ts';

const people = ['ada', 'bob', 'carol', 'dave'] as const;
const person = fc.nat({ max: people.length - 1 });
const act = fc.oneof(
  fc.record({
    kind: fc.constant('post' as const),
    by: person,
    to: person,
    how: fc.constantFrom('public', 'unlisted', 'private', 'direct'),
  }),
  fc.record({
    kind: fc.constantFrom('follow', 'unfollow', 'block', 'unblock', 'mute', 'unmute' as const),
    by: person,
    to: person,
  }),
  fc.record({
    kind: fc.constantFrom(
      'favourite',
      'unfavourite',
      'boost',
      'unboost',
      'bookmark',
      'reply',
      'delete' as const,
    ),
    by: person,
    status: fc.nat({ max: 20 }),
  }),
);
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

async function perform(tested: TestCore, accounts: AccountId[], posted: StatusId[], one: Act): Promise<void> {
  const account = accounts[one.by];
  if (account === undefined) throw new Error('an account');
  if (one.kind === 'post') {
    const named = accounts[one.to];
    const mentions = named === undefined ? [] : [{ account: named, handle: people[one.to] ?? '' }];
    posted.push(
      await tested.post(account, `a #tag for @${people[one.to]} #other`, { visibility: one.how, mentions }),
    );
    return;
  }
  if ('to' in one) {
    const target = accounts[one.to];
    if (target === undefined) throw new Error('a target');
    const extra = { boosts: true, notifications: true, durationS: 0 };
    await tested.core.handle(one.kind, { account, target, ...extra } as never, tested.gateway, null);
    return;
  }
  const id = posted[one.status % Math.max(1, posted.length)];
  if (id === undefined) return;
  switch (one.kind) {
    case 'reply':
      posted.push(await tested.post(account, 'an answer', { replyTo: id }));
      return;
    case 'delete':
      for (const author of accounts)
        await tested.core.handle('deleteStatus', { account: author, id }, tested.gateway, null);
      return;
    case 'boost':
      await tested.ask('boost', { account, of: id, visibility: 'public' });
      return;
    case 'unboost':
      await tested.ask('unboost', { account, of: id });
      return;
    default:
      await tested.ask('mark', {
        account,
        id,
        mark: one.kind === 'bookmark' ? 'bookmark' : 'favourite',
        on: one.kind !== 'unfavourite',
      });
  }
}

async function expectCountsToBeSizes(
  tested: TestCore,
  accounts: AccountId[],
  posted: StatusId[],
): Promise<void> {
  const versionPage = { maxId: null, sinceId: null, minId: null, limit: 80 };
  const { rows } = await tested.ask('accounts', { ids: accounts });
  for (const row of rows) {
    if (row === null) throw new Error('all are there');
    const followers = (await tested.ask('followers', { id: row.id, ...versionPage })).accounts;
    const following = (await tested.ask('following', { id: row.id, ...versionPage })).accounts;
    expect([row.followers, row.following]).toEqual([followers.length, following.length]);
    const bits = await Promise.all(
      accounts.map(
        async (other) => (await tested.ask('relationships', { viewer: other, ids: [row.id] })).bits[0] ?? 0,
      ),
    );
    expect(new Set(followers)).toEqual(
      new Set(accounts.filter((_, place) => ((bits[place] ?? 0) & 1) !== 0)),
    );
  }
  const found = await tested.ask('statuses', { ids: posted });
  for (const row of found.rows) {
    if (row === null) continue;
    const { ids } = await tested.ask('replies', { id: row.id, limit: 80 });
    const favourites = (await tested.ask('favouritedBy', { id: row.id, viewer: null, ...versionPage }))
      .accounts;
    // Who boosted is shown by each boost's own visibility, so that no one viewer need see all: the facts do.
    const boosts = accounts.filter((account) => {
      const fact = tested.core.store.reader.fact(keyOf(account, factKind.boost, row.id));
      return fact !== null && fact.value !== null;
    });
    expect([row.replies, row.favourites, row.boosts]).toEqual([ids.length, favourites.length, boosts.length]);
  }
}

test('whatever people did, views derived anew from the facts are the same records', {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 60 }), async (acts) => {
      const tested = await openTestCore();
      const scratch = mkdtempSync(join(tmpdir(), 'murmuration-rebuilt-'));
      try {
        const accounts = await tested.accounts(...people);
        const posted: StatusId[] = [];
        for (const one of acts) await perform(tested, accounts, posted, one);
        await expectCountsToBeSizes(tested, accounts, posted);
        const compared = await tested.core.store.compareRebuilt(join(scratch, 'views'));
        expect(compared.different).toEqual([]);
        expect(compared.views).toBeGreaterThan(people.length);
      } finally {
        await tested.close();
        rmSync(scratch, { recursive: true, force: true });
      }
    }),
    { numRuns: 25 },
  );
});

test('a rebuild of a store gives every reader the same answers', async () => {
  const tested = await openTestCore();
  const [ada, bob] = await tested.accounts('ada', 'bob');
  if (ada === undefined || bob === undefined) throw new Error('two');
  await tested.ask('follow', { account: bob, target: ada, boosts: true });
  const ids = [await tested.post(ada, 'first #tag'), await tested.post(ada, 'second word')];
  await tested.ask('mark', { account: bob, id: ids[0] as StatusId, mark: 'favourite', on: true });
  const asked = async () => [
    await tested.ask('publicTimeline', { viewer: null, tag: 'tag', ...wholePage }),
    await tested.ask('searchStatuses', { q: 'word', viewer: null, author: null, ...wholePage, offset: 0 }),
    await tested.ask('statuses', { ids }),
    await tested.ask('accounts', { ids: [ada, bob] }),
    await tested.home(bob),
  ];
  const before = await asked();
  const report = await tested.core.store.rebuild();
  expect(report.facts).toBeGreaterThan(5);
  expect(await asked()).toEqual(before);
  await tested.close();
});
