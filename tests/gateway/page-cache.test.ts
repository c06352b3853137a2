// Whole answers for nobody in particular: made once a moment, dropped when anything in them changes.
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { createCacheMetrics } from '../../gateway/cache-metrics.ts';
import { jsonAnswer } from '../../gateway/json-pieces.ts';
import { type CachedPage, createPageCache } from '../../gateway/page-cache.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import { makeStatusId } from '../../runtime/status-id.ts';

const author = accountIdOf('alice');
const shown = makeStatusId(1, author, 1);
const other = makeStatusId(2, author, 1);
const nothing = { statuses: [], accounts: [] };

function pages(isUp = () => true) {
  let made = 0;
  const clock = { nowMs: 0 };
  const page = (): CachedPage => ({
    response: jsonAnswer(++made),
    statuses: new Set([shown]),
    accounts: new Set([author]),
  });
  const cache = createPageCache({
    metrics: createCacheMetrics(new Registry()),
    covered: () => () => isUp(),
    now: () => clock.nowMs,
  });
  const read = async (make = async () => page()) => {
    const { body } = await cache.get('key', make);
    return body.kind === 'json' ? body.value : null;
  };
  return { cache, read, page, clock };
}

it('a page is made once a second, whoever asks', async () => {
  const { read, clock } = pages();
  expect([await read(), await read()]).toEqual([1, 1]);
  clock.nowMs = 999;
  expect(await read()).toBe(1);
  clock.nowMs = 1000;
  expect(await read()).toBe(2);
});

it('a page goes when a status or an author in it changes, and stays when others do', async () => {
  const { cache, read } = pages();
  await read();
  cache.changed({ ...nothing, statuses: [other] });
  expect(await read()).toBe(1);
  cache.changed({ ...nothing, statuses: [shown] });
  expect(await read()).toBe(2);
  cache.changed({ ...nothing, accounts: [author] });
  expect(await read()).toBe(3);
});

it('a page in which something changes while it is made is shown to those who asked before, and not kept', async () => {
  const { cache, read, page } = pages();
  let finish = (): void => {};
  const slow = read(async () => {
    const old = page();
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    return old;
  });
  const joined = read();
  cache.changed({ ...nothing, statuses: [shown] });
  const later = await read();
  finish();
  expect([await slow, await joined, later]).toEqual([1, 1, 2]);
  expect(await read()).toBe(2);
});

it('nothing is shown from memory while the lease is out', async () => {
  let isUp = true;
  const { read } = pages(() => isUp);
  await read();
  isUp = false;
  expect(await read()).toBe(2);
});

it('all is forgotten when the link is gone', async () => {
  const { cache, read } = pages();
  await read();
  cache.clear();
  expect(await read()).toBe(2);
});
