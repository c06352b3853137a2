// What a new core finds out about itself before it takes over: on a real store that another core has open.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { behaviours } from '../../actors/behaviours.ts';
import { accountFact, followFact } from '../../actors/facts.ts';
import type { Product } from '../../cluster/core-behaviours.ts';
import { rehearse } from '../../cluster/core-rehearsal.ts';
import { selfTest } from '../../cluster/core-self-test.ts';
import { partitionOf } from '../../runtime/account-id.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import { firstSchema } from '../../runtime/store-schema.ts';
import { openTestCore, type TestCore } from '../support/core.ts';

const product = behaviours as unknown as Product;
let core: TestCore;
beforeEach(async () => {
  core = await openTestCore();
  const handles = Array.from({ length: 40 }, (_, index) => `person${index}`);
  const accounts = await core.accounts(...handles);
  const [first] = accounts;
  if (first === undefined) throw new Error('nobody is there');
  for (const account of accounts.slice(1)) await core.ask('follow', { account, target: first, boosts: true });
  for (let count = 0; count < 5; count++) await core.post(first, `post ${count}`);
  await core.quiet();
});
afterEach(() => core.close());

function testOf(tested: Product) {
  return selfTest({
    product: tested,
    folder: core.folder,
    schema: firstSchema,
    nowMs: Date.now(),
    chance: () => 0.3,
  });
}

const rehearsalOf = (tested: Product) => ({
  product: tested,
  data: core.folder,
  node: 1,
  now: Date.now,
  chance: () => 0.5,
  rateLimit: { requests: 0, windowS: 300 },
  signUpsAnHour: 0,
  idleMs: 600_000,
  log: { info() {}, warn() {}, error() {} },
});

test('accounts and home timelines are read of the store that a core has open, and nothing of it changes', async () => {
  const before = core.core.store.position;
  const report = await testOf(product);
  expect(report).toMatchObject({ schema: 1, rebuilds: false });
  expect(report.accounts).toBeGreaterThanOrEqual(20);
  // Each of those but the author has all five.
  expect(report.statuses).toBeGreaterThanOrEqual(5 * (report.accounts - 1));
  expect(core.core.store.position).toBe(before);
});

test('who is known only by what they addressed to somebody here is not looked at', async () => {
  const { partitions } = core.core.store;
  // Of the others there is no more than that they follow this one.
  await partitions.place((partition) => partition === partitionOf(accountIdOf('person0')));
  await partitions.drop(partitions.unsettled().stale);
  expect(
    core.core.store.reader.fact(followFact(accountIdOf('person1'), accountIdOf('person0'))),
  ).not.toBeNull();
  expect(core.core.store.reader.fact(accountFact(accountIdOf('person1')))).toBeNull();
  expect(await testOf(product)).toMatchObject({ accounts: 1 });
});

test.each(['followers', 'statuses', 'notifications'])('a query that fails is found: %s', async (kind) => {
  const failing = {
    ...product,
    queries: {
      ...product.queries,
      [kind]: () => {
        throw new Error('it fails');
      },
    },
  };
  await expect(testOf(failing)).rejects.toThrow('it fails');
});

test('a query that is missing is found', async () => {
  const { judge: _judge, ...queries } = product.queries;
  await expect(testOf({ ...product, queries })).rejects.toThrow('its behaviours know no judge');
});

test('an actor that fails on facts, or never answers, is found', async () => {
  const load = () => {
    throw new Error('a record is not as it should be');
  };
  await expect(testOf({ ...product, user: { ...product.user, load } })).rejects.toThrow('a record is not');
  const receive: Product['user']['receive'] = (state) => [state, []];
  await expect(testOf({ ...product, user: { ...product.user, receive } })).rejects.toThrow('no answer came');
});

test('an answer that the link could not carry is found', async () => {
  const accounts = () => ({ ok: true as const, value: { rows: [{ id: 'no number' }] } });
  await expect(testOf({ ...product, queries: { ...product.queries, accounts } })).rejects.toThrow(
    'the self-test failed',
  );
});

test('other views than those on the disk are said to be derived anew', async () => {
  const report = await testOf({ ...product, viewsFormat: product.viewsFormat + 1 });
  expect(report).toMatchObject({ rebuilds: true, accounts: 0 });
});

test('a rehearsal passes, and nothing of it is left', async () => {
  await rehearse(rehearsalOf(product));
  expect(existsSync(join(core.folder, 'rehearsal'))).toBe(false);
});

test('a release that fails on its first post fails in the rehearsal', async () => {
  const derive: Product['derive'] = () => {
    throw new Error('no post can be derived');
  };
  await expect(rehearse(rehearsalOf({ ...product, derive }))).rejects.toThrow('the rehearsal failed');
  rmSync(join(core.folder, 'rehearsal'), { recursive: true, force: true });
});

test('a release that pushes nothing fails in the rehearsal', async () => {
  const route: Product['route'] = () => [];
  await expect(rehearse(rehearsalOf({ ...product, route }))).rejects.toThrow('nothing was pushed');
});
