// Whole answers for nobody in particular: made once a moment, dropped when anything in them changes.
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { createCacheMetrics } from '../../gateway/cache-metrics.ts';
import { jsonAnswer } from '../../gateway/json-pieces.ts';
import { type Asked, type CachedPage, createPageCache } from '../../gateway/page-cache.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import { makeStatusId } from '../../runtime/status-id.ts';

const author = accountIdOf('alice');
const shown = makeStatusId(1, author, 1);
const other = makeStatusId(2, author, 1);
const nothing = { statuses: [], accounts: [] };

function pages(isUp = () => true) {
  let made = 0;
  const clock = { nowMs: 0, wallMs: 1_000_000 };
  const page = (): CachedPage => ({
    response: jsonAnswer(++made),
    statuses: new Set([shown]),
    accounts: new Set([author]),
  });
  const cache = createPageCache({
    metrics: createCacheMetrics(new Registry()),
    covered: () => () => isUp(),
    now: () => clock.nowMs,
    wallNow: () => clock.wallMs,
  });
  const read = async (make = async () => page(), request: Partial<Asked> = {}) => {
    const asked = { caller: null, origin: 'http://here', path: '/page', input: {}, ...request };
    const { body } = await cache.get(asked, make);
    return body.kind === 'json' ? body.value : null;
  };
  const readOf = (request: Partial<Asked>) => read(async () => page(), request);
  return { cache, read, readOf, page, clock };
}

it('a page is made once in five seconds, whoever asks', async () => {
  const { read, clock } = pages();
  expect([await read(), await read()]).toEqual([1, 1]);
  clock.nowMs = 4999;
  expect(await read()).toBe(1);
  clock.nowMs = 5000;
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

it('a page stays when somebody whom it shows posts, and goes when they delete a post just made', async () => {
  const { cache, read, clock } = pages();
  const fresh = makeStatusId(clock.wallMs - 1000, author, 1);
  await read();
  cache.changed({ statuses: [fresh], accounts: [author], deleted: [] });
  expect(await read()).toBe(1);
  cache.changed({ statuses: [fresh], accounts: [author], deleted: [fresh] });
  expect(await read()).toBe(2);
});

it('a page goes when somebody whom it shows changes while an older post of theirs is marked', async () => {
  const { cache, read, clock } = pages();
  await read();
  cache.changed({ statuses: [makeStatusId(clock.wallMs - 2000, author, 1)], accounts: [author] });
  expect(await read()).toBe(2);
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

it('pages of other paths, inputs and origins are others', async () => {
  const { readOf } = pages();
  const others = [{}, { path: '/other' }, { input: { limit: '3' } }, { origin: 'http://there' }];
  for (const [place, other] of others.entries()) expect(await readOf(other)).toBe(place + 1);
  for (const [place, other] of others.entries()) expect(await readOf(other)).toBe(place + 1);
});

it('what somebody asks who is logged in is not kept, nor answered from what is', async () => {
  const { read, readOf } = pages();
  const caller = {
    tokenId: 'id',
    token: 'token',
    account: author,
    clientId: 'client',
    scopes: new Set<string>(),
  };
  expect(await read()).toBe(1);
  expect(await readOf({ caller })).toBe(2);
  expect(await readOf({ caller })).toBe(3);
  expect(await read()).toBe(1);
});

it('a long question is not kept', async () => {
  const { readOf } = pages();
  const long = { input: { q: 'x'.repeat(500) } };
  expect([await readOf(long), await readOf(long)]).toEqual([1, 2]);
});

it('of more pages in five seconds than are kept, the oldest go', async () => {
  const { readOf } = pages();
  const nth = (place: number) => readOf({ input: { q: `${place}` } });
  for (let place = 1; place <= 257; place++) await nth(place);
  expect([await nth(257), await nth(2), await nth(1)]).toEqual([257, 2, 258]);
});
