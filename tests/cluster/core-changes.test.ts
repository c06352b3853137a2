// What gateways are told has changed, and what they keep of public pages.
import { expect, test } from 'vitest';
import { behaviours } from '../../actors/behaviours.ts';
import { accountFact, statusFact } from '../../actors/facts.ts';
import type { Product } from '../../cluster/core-behaviours.ts';
import { changedBy } from '../../cluster/core-changes.ts';
import { createPageCache } from '../../gateway/page-cache.ts';
import type { Entry } from '../../runtime/behaviours.ts';
import { makeStatusId } from '../../runtime/status-id.ts';
import { makeVersion } from '../../runtime/version.ts';
import { here } from './pushing-scene.ts';

test('who posts and edits their profile in one transaction is not shown as before', async () => {
  const nowMs = 1_700_000_000_000;
  const id = makeStatusId(nowMs, here, 0);
  const entry = (key: string, counter: number): Entry =>
    ({ key, version: makeVersion(nowMs, counter, 1), value: null, before: null, live: true }) as never;
  // What an account's entry holds does not matter here, nor a post's but that it is there.
  const product = {
    touched: (one: Entry) => (behaviours as unknown as Product).touched(one),
    statusKey: () => '',
  } as unknown as Product;
  const told = [changedBy([entry(statusFact(id), 0), entry(accountFact(here), 1)], product)].flat();
  const pages = createPageCache({
    metrics: { lookups() {} } as never,
    covered: () => () => true,
    now: () => 0,
    wallNow: () => nowMs,
  });
  let made = 0;
  const asked = { caller: null, origin: '', path: '/api/v1/timelines/public', input: {} } as never;
  const get = () =>
    pages.get(asked, async () => {
      made++;
      return { response: {} as never, statuses: new Set(), accounts: new Set([here]) };
    });
  await get();
  for (const one of told) if (one !== null) pages.changed(one);
  await get();
  expect(made).toBe(2);
});
