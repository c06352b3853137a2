// What comes to a core late, with a version that everybody's cursor is above: who resumes from such a cursor is told of it all the same.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { statusFact } from '../../actors/facts.ts';
import type { Pushed } from '../../actors/messages.ts';
import type { AccountId } from '../../runtime/account-id.ts';
import type { Key } from '../../runtime/key.ts';
import { noVersion, parseCursor, type Version } from '../../runtime/version.ts';
import { openTestCore, type TestCore } from '../support/core.ts';

const handles = ['ada', 'bob', 'carol'];
/** By the clock of the core that the facts come from. */
const earlierMs = 10_000;

let tested: TestCore;
let origin: TestCore;
let [ada, bob, carol]: AccountId[] = [];

beforeEach(async () => {
  tested = await openTestCore();
  origin = await openTestCore({ node: 2, now: () => Date.now() - earlierMs });
  [ada, bob, carol] = await tested.accounts(...handles);
  await origin.accounts(...handles);
  for (const core of [tested, origin])
    await core.ask('follow', { account: of(carol), target: of(ada), boosts: true });
});

afterEach(async () => {
  await Promise.all([tested.close(), origin.close()]);
});

function of(account: AccountId | undefined): AccountId {
  if (account === undefined) throw new Error('an account');
  return account;
}

/** Above all that is ever given. */
const lastVersion = '\u00ff'.repeat(12) as Version;

/** What stands under the key at the other core comes, when everything up to `late` was held to have come. Null: it is news to others anyway. */
async function comes(key: Key, late: Version | undefined | null): Promise<void> {
  const [fact] = origin.core.store.scan.factsOf([key]);
  if (fact === undefined) throw new Error('no such fact');
  const adopted = tested.core.store.adopt({
    copies: [{ ...fact, seq: 1, live: true }],
    from: { kind: 'copy', origin: 2, incarnation: 7 },
    positions: [],
    ...(late === undefined ? {} : { late: (of) => (of === key ? (late ?? noVersion) : lastVersion) }),
    isNewsToOthers: late === null,
  });
  if (!adopted.ok) throw new Error(adopted.rejection.message);
  await adopted.value.done;
}

/** Carol's cursor, which is above all that comes from the other core; nobody is attached. */
async function away(): Promise<string> {
  await tested.post(of(ada), 'in time');
  return await tested.attach(of(carol), 1).then(async (cursor) => {
    await tested.ask('detach', { account: of(carol), session: 1 });
    return cursor;
  });
}

async function resumedFrom(since: string, session = 2): Promise<Pushed[]> {
  await tested.attach(of(carol), session, since);
  await tested.quiet();
  return tested.gateway.itemsOf(session);
}

const versionOf = (cursor: string): Version => parseCursor(cursor) as Version;

describe('who resumes from a cursor above it', () => {
  test('is sent a post that came late, and not what came in time', async () => {
    const cursor = await away();
    const late = await origin.post(of(ada), 'late');
    const inTime = await origin.post(of(ada), 'the cursor says that it was sent');
    await comes(statusFact(late), versionOf(cursor));
    await comes(statusFact(inTime), undefined);
    expect(await resumedFrom(cursor)).toMatchObject([{ kind: 'update', row: { id: late } }]);
  });

  test('is sent what names them, and its notification', async () => {
    const cursor = await away();
    const id = await origin.post(of(bob), 'for @carol', {
      visibility: 'direct',
      mentions: [{ account: of(carol), handle: 'carol' }],
    });
    await comes(statusFact(id), versionOf(cursor));
    const items = await resumedFrom(cursor);
    expect(items.map(({ kind }) => kind)).toEqual(['notified']);
  });

  test('is not shown what followees wrote to others, nor what others wrote', async () => {
    const cursor = await away();
    const direct = await origin.post(of(ada), 'for @bob', {
      visibility: 'direct',
      mentions: [{ account: of(bob), handle: 'bob' }],
    });
    const strangers = await origin.post(of(bob), 'for nobody here');
    for (const id of [direct, strangers]) await comes(statusFact(id), versionOf(cursor));
    expect(await resumedFrom(cursor)).toEqual([]);
  });

  test('is told of a deletion that came late', async () => {
    const id = await origin.post(of(ada), 'soon gone');
    await comes(statusFact(id), undefined);
    const cursor = await away();
    await origin.ask('deleteStatus', { account: of(ada), id });
    await comes(statusFact(id), versionOf(cursor));
    expect(await resumedFrom(cursor)).toMatchObject([{ kind: 'deleted', id }]);
  });

  test('is sent it again for three quarters of a minute, and not after that', async () => {
    const cursor = await away();
    const late = await origin.post(of(ada), 'late');
    await comes(statusFact(late), versionOf(cursor));
    const later = (ms: number): string =>
      (versionMsOf(cursor) + ms).toString(16).padStart(12, '0') + cursor.slice(12);
    expect(await resumedFrom(later(40_000))).toMatchObject([{ kind: 'update', row: { id: late } }]);
    expect(await resumedFrom(later(50_000), 3)).toEqual([]);
  });
});

function versionMsOf(cursor: string): number {
  return Number.parseInt(cursor.slice(0, 12), 16);
}

test('what may be news to others is noted, whatever was held to have come', async () => {
  const cursor = await away();
  const late = await origin.post(of(ada), 'late');
  await comes(statusFact(late), null);
  expect(await resumedFrom(cursor)).toMatchObject([{ kind: 'update', row: { id: late } }]);
});

test('what has come late is forgotten after a day', async () => {
  const cursor = await away();
  const { store } = tested.core;
  const late = await origin.post(of(ada), 'late');
  await comes(statusFact(late), versionOf(cursor));
  await store.noteLate([], Date.now() + 24 * 3_600_000);
  expect(await resumedFrom(cursor)).toHaveLength(1);
  await store.noteLate([], Date.now() + 26 * 3_600_000);
  expect(await resumedFrom(cursor, 3)).toEqual([]);
});
