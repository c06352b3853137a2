// The import on a real core: what it makes, and that a second one changes nothing.
import { expect, onTestFinished, test } from 'vitest';
import type { Answer, Ask, RequestKind } from '../../actors/messages.ts';
import type { Answered, CoreClient } from '../../cluster/core-client.ts';
import { graphOfFollows, pairStore } from '../../cluster/import-graph.ts';
import { importedSinceMs, postCount, textsFrom } from '../../cluster/import-posts.ts';
import { type ImportPlan, runImport } from '../../cluster/import-run.ts';
import { sampleGraph } from '../../cluster/sample-graph.ts';
import { samplePeople } from '../../cluster/sample-people.ts';
import { sampleTexts } from '../../cluster/sample-texts.ts';
import type { RejectionCode } from '../../runtime/behaviours.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import { statusAuthor, statusMs } from '../../runtime/status-id.ts';
import { openTestCore, type TestCore, testGateway, wholePage } from '../support/core.ts';

const todayMs = Date.UTC(2026, 10, 21, 15);
const midnight = Date.UTC(2026, 10, 21);

async function openCore(): Promise<TestCore> {
  const tested = await openTestCore();
  onTestFinished(() => tested.close());
  return tested;
}

/** A link's place is taken by a direct call. */
function clientOf(tested: TestCore): Pick<CoreClient, 'call'> {
  const operator = testGateway('import', 'operator');
  return {
    async call<K extends RequestKind>(kind: K, ask: Ask<K>): Promise<Answered<K>> {
      const { outcome } = await tested.core.handle(kind, ask, operator, null);
      return outcome.ok ? { ok: true, value: outcome.value as Answer<K> } : outcome;
    },
  };
}

function planOf(pairs: [string, string][], texts: string[] | null = null): ImportPlan {
  const store = pairStore();
  for (const pair of pairs) store.add(...pair);
  store.close();
  const graph = store.graph({ isMutual: false, isSwapped: false });
  return {
    graph,
    meanPosts: 5,
    displayNameOf: null,
    textsOf: texts === null ? null : (account) => textsFrom(texts, graph.handles[account] ?? ''),
  };
}

const quietly = { todayMs, onProgress() {} };

test('accounts, follows and posts are there afterwards, and the report counts them', async () => {
  const tested = await openCore();
  const plan = planOf(
    [
      ['ann', 'bob'],
      ['cyd', 'bob'],
      ['bob', 'ann'],
    ],
    ['one', 'two', 'three'],
  );
  const progress: { done: number; total: number }[] = [];
  const report = await runImport(clientOf(tested), plan, {
    todayMs,
    onProgress: (now) => progress.push(now),
  });
  const posts = ['ann', 'bob', 'cyd'].reduce((sum, handle) => sum + postCount(handle, 5), 0);
  expect(report).toMatchObject({
    accounts: { asked: 3, made: 3, refused: 0 },
    follows: { asked: 3, made: 3, refused: 0 },
    posts: { asked: posts, made: posts, refused: 0 },
    ownWords: 0,
  });
  expect(progress.at(-1)).toMatchObject({ done: progress.at(-1)?.total });

  const [bob] = (await tested.ask('accounts', { ids: [accountIdOf('bob')] })).rows;
  expect(bob).toMatchObject({ handle: 'bob', followers: 2, following: 1, statuses: postCount('bob', 5) });
  const written = await tested.ask('authorStatuses', {
    author: accountIdOf('bob'),
    viewer: null,
    ...wholePage,
    excludeReplies: false,
    excludeBoosts: false,
  });
  expect(written.ids.length).toBe(postCount('bob', 5));
  for (const id of written.ids) {
    expect(statusMs(id)).toBeGreaterThanOrEqual(midnight - 30 * 86_400_000);
    expect(statusMs(id)).toBeLessThan(midnight);
  }
  const { rows } = await tested.ask('statuses', { ids: written.ids });
  expect(rows.every((row) => ['one', 'two', 'three'].includes(row?.text ?? ''))).toBe(true);
  // Followers find them in their home.
  const home = await tested.home(accountIdOf('cyd'));
  expect(home.filter((id) => statusAuthor(id) === accountIdOf('bob'))).toEqual(written.ids);
});

test('a second import, on another day, changes nothing', async () => {
  const tested = await openCore();
  const people = samplePeople(60, '1');
  const graph = sampleGraph(
    people.map(({ handle }) => handle),
    '1',
  );
  const plan: ImportPlan = {
    graph,
    meanPosts: 5,
    displayNameOf: (account) => people[account]?.displayName ?? '',
    textsOf: (account) => sampleTexts({ handle: graph.handles[account] ?? '', friends: [], seed: '1' }),
  };
  const first = await runImport(clientOf(tested), plan, quietly);
  expect(first.follows.made).toBe(graph.targets.length);
  const position = tested.core.store.position;
  const second = await runImport(clientOf(tested), plan, { ...quietly, todayMs: todayMs + 10 * 86_400_000 });
  expect(tested.core.store.position).toBe(position);
  expect(second).toMatchObject({
    accounts: { asked: 60, made: 0, refused: 0 },
    follows: { asked: graph.targets.length, made: 0, refused: 0 },
    posts: { asked: first.posts.made, made: 0, refused: 0 },
  });
  const [someone] = (await tested.ask('accounts', { ids: [accountIdOf(people[0]?.handle ?? '')] })).rows;
  expect(someone?.displayName).toBe(people[0]?.displayName);
});

test('who signed up by themselves is followed and follows, but posts nothing', async () => {
  const tested = await openCore();
  await tested.ask('signUp', { handle: 'ann', password: 'a long password', displayName: 'Ann', ip: '::1' });
  const report = await runImport(clientOf(tested), planOf([['ann', 'bob']], ['one']), quietly);
  expect(report).toMatchObject({ accounts: { made: 1 }, follows: { made: 1 }, ownWords: 1 });
  const rows = (await tested.ask('accounts', { ids: [accountIdOf('ann'), accountIdOf('bob')] })).rows;
  expect(rows.map((row) => row?.statuses)).toEqual([0, postCount('bob', 5)]);
  expect(rows[0]).toMatchObject({ displayName: 'Ann', following: 1 });
});

test('a deleted account stays deleted, and what it was to do is counted as refused', async () => {
  const tested = await openCore();
  await tested.ask('signUp', { handle: 'ann', password: 'a long password', displayName: '', ip: '::1' });
  await tested.ask('deleteAccount', { account: accountIdOf('ann'), password: 'a long password', ip: '::1' });
  const report = await runImport(clientOf(tested), planOf([['ann', 'bob']], ['one']), quietly);
  expect(report).toMatchObject({
    accounts: { asked: 2, made: 1, refused: 1 },
    follows: { asked: 1, made: 0, refused: 1 },
    posts: { made: postCount('bob', 5), refused: postCount('ann', 5) },
  });
});

test('a block is respected', async () => {
  const tested = await openCore();
  const [ann, bob] = await tested.accounts('ann', 'bob');
  if (ann === undefined || bob === undefined) throw new Error('no accounts');
  await tested.ask('block', { account: bob, target: ann });
  const report = await runImport(clientOf(tested), planOf([['ann', 'bob']]), quietly);
  expect(report.follows).toEqual({ asked: 1, made: 0, refused: 1 });
});

test('who follows more than anybody may, but is followed by as many, keeps all follows', async () => {
  const tested = await openCore();
  const others = Array.from({ length: 5_200 }, (_, n) => `u${n}`);
  const follows = others.flatMap((_, n): [number, number][] => [
    [0, n + 1],
    [n + 1, 0],
  ]);
  const graph = graphOfFollows(['hub', ...others], follows);
  const report = await runImport(
    clientOf(tested),
    { graph, meanPosts: 0, textsOf: null, displayNameOf: null },
    quietly,
  );
  expect(report.follows).toEqual({ asked: 10_400, made: 10_400, refused: 0 });
});

function refusing(tested: TestCore, refusals: RejectionCode[]): Pick<CoreClient, 'call'> {
  const client = clientOf(tested);
  return {
    async call(kind, ask) {
      const code = refusals.shift();
      return code === undefined
        ? await client.call(kind, ask)
        : { ok: false, rejection: { code, message: 'not now' } };
    },
  };
}

test('a core that is starting again is asked again', async () => {
  const tested = await openCore();
  const report = await runImport(
    refusing(tested, ['unavailable', 'busy']),
    planOf([['ann', 'bob']], ['one']),
    quietly,
  );
  expect(report).toMatchObject({ accounts: { made: 2 }, follows: { made: 1 } });
});

test('a full disk ends the import in a line that says what to do', async () => {
  const tested = await openCore();
  await expect(runImport(refusing(tested, ['read-only']), planOf([['ann', 'bob']]), quietly)).rejects.toThrow(
    'The disk is nearly full, so the server takes nothing new: make room, then run the import again',
  );
});

test('accounts are made so long ago that their posts lie after it and before today', () => {
  expect(importedSinceMs(todayMs)).toBe(midnight - 31 * 86_400_000);
});
