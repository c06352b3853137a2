// Pushes that wait in a core for a gateway that is behind, and people who do not want them any more.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AccountId } from '../../runtime/account-id.ts';
import { openTestCore, type TestCore } from '../support/core.ts';
import { until } from '../support/until.ts';

let tested: TestCore;
let ann: AccountId;
let ben: AccountId;
let cat: AccountId;

beforeEach(async () => {
  tested = await openTestCore();
  [ann, ben, cat] = (await tested.accounts('ann', 'ben', 'cat')) as [AccountId, AccountId, AccountId];
  for (const account of [ann, cat]) {
    await tested.ask('follow', { account, target: ben, boosts: true });
  }
  await tested.attach(ann, 1);
  await tested.attach(cat, 2);
  await tested.quiet();
});

afterEach(() => tested.close());

const kindsOf = (session: number): string[] => tested.gateway.itemsOf(session).map(({ kind }) => kind);

async function pushesWaiting(): Promise<number> {
  const text = await tested.core.metrics.text([]);
  return Number(/^murmuration_pushes_waiting\{.*\} (\d+)$/m.exec(text)?.[1]);
}

/** What is waiting goes out. */
async function catchUp(): Promise<void> {
  tested.gateway.isBehind = false;
  await until(() => tested.core.isQuiet);
}

test.each(['block', 'mute', 'unfollow'] as const)(
  'after %s nothing that waited comes, and the stream is told so',
  async (kind) => {
    tested.gateway.isBehind = true;
    await tested.post(ben, 'still wanted');
    await tested.ask(kind, { account: ann, target: ben, notifications: true, durationS: 0 } as never);
    expect([kindsOf(1), kindsOf(2)]).toEqual([[], []]);
    expect(await pushesWaiting()).toBeGreaterThan(0);
    await catchUp();
    expect([kindsOf(1), kindsOf(2)]).toEqual([['resync'], ['update']]);
    expect(await pushesWaiting()).toBe(0);
  },
);

test('the stream goes on after it', async () => {
  await tested.ask('follow', { account: ann, target: cat, boosts: true });
  await tested.quiet();
  tested.gateway.isBehind = true;
  await tested.post(ben, 'still wanted');
  await tested.ask('unfollow', { account: ann, target: ben });
  const id = await tested.post(cat, 'wanted');
  await catchUp();
  expect(kindsOf(1)).toEqual(['resync', 'update']);
  expect(tested.gateway.itemsOf(1).at(-1)).toMatchObject({ row: { id } });
  await tested.ask('detach', { account: ann, session: 1 });
  await tested.post(cat, 'for nobody');
  await tested.quiet();
  expect(kindsOf(1)).toEqual(['resync', 'update']);
});

test('while nothing waits nobody has to read anew', async () => {
  await tested.post(ben, 'wanted');
  await tested.quiet();
  await tested.ask('unfollow', { account: ann, target: ben });
  await tested.quiet();
  expect(kindsOf(1)).toEqual(['update']);
});

test('a post that is deleted while it waits is not shown', async () => {
  tested.gateway.isBehind = true;
  const id = await tested.post(ben, 'gone in a moment');
  await tested.ask('deleteStatus', { account: ben, id } as never);
  await catchUp();
  expect(kindsOf(1)).not.toContain('update');
});

test('nothing comes after it either when what waited is on its way out, a while at a time', async () => {
  const { gateway } = tested;
  const { pushTick } = gateway;
  gateway.pushTick = (tick) => {
    pushTick(tick);
    const endMs = performance.now() + 6;
    while (performance.now() < endMs);
  };
  gateway.isBehind = true;
  for (let count = 0; count < 60; count++) await tested.post(ben, `still wanted ${count}`);
  gateway.isBehind = false;
  await until(() => kindsOf(1).length > 0);
  await tested.ask('unfollow', { account: ann, target: ben });
  const before = kindsOf(1).filter((kind) => kind === 'update').length;
  expect(before).toBeLessThan(60);
  await until(() => tested.core.isQuiet);
  expect(kindsOf(1).filter((kind) => kind === 'update').length).toBe(before);
  expect(kindsOf(1)).toContain('resync');
});

test('after a block the blocked one is not shown what waited either', async () => {
  tested.gateway.isBehind = true;
  await tested.post(ben, 'still wanted');
  await tested.ask('block', { account: ben, target: cat } as never);
  await catchUp();
  expect([kindsOf(1), kindsOf(2)]).toEqual([['update'], ['resync']]);
});
