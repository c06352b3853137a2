// A page that is not complete yet says up to when it is: X-Complete-Through.
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createCacheMetrics } from '../../gateway/cache-metrics.ts';
import type { ApiRequest, Caller } from '../../gateway/endpoint.ts';
import { createFragments } from '../../gateway/fragments.ts';
import { createPageCache } from '../../gateway/page-cache.ts';
import { createStatusView } from '../../gateway/status-view.ts';
import { timelineEndpoints } from '../../gateway/timeline-endpoints.ts';
import { accountIdOf } from '../../runtime/handle.ts';

const caller: Caller = {
  token: 't',
  tokenId: 't',
  account: accountIdOf('ann'),
  clientId: '',
  scopes: new Set(['read']),
};
const throughMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

function headersOf(
  path: string,
  { by, completeThroughMs }: { by: Caller | null; completeThroughMs: number | null },
) {
  const metrics = createCacheMetrics(new Registry());
  const client = {
    call: () => Promise.reject(new Error('no rows are shown')),
    covered: () => () => true,
    linked: () => () => true,
    listen() {},
    isUp: true,
    close: async () => {},
  };
  const fragments = createFragments({ client, deleted: { has: () => false }, metrics, mostBytes: 1e6 });
  const pages = createPageCache({ metrics, covered: client.covered });
  const endpoints = timelineEndpoints({ client, fragments, pages, view: createStatusView(fragments) });
  const endpoint = endpoints.find((one) => one.path === path);
  const request = {
    method: 'GET',
    path,
    params: { tag: 'birds' },
    input: {},
    header: () => undefined,
    caller: by,
    origin: 'https://example.org',
    ask: async () => ({ ids: [], flags: new Uint8Array(), completeThroughMs }),
  } as unknown as ApiRequest;
  return endpoint?.handle(request).then(({ headers }) => headers['X-Complete-Through']);
}

const home = '/api/v1/timelines/home';
const everybody = '/api/v1/timelines/public';
const tag = '/api/v1/timelines/tag/:tag';

test.each([
  [home, caller],
  [everybody, caller],
  [everybody, null],
  [tag, null],
])('%s says up to when it is complete', async (path, by) => {
  expect(await headersOf(path, { by, completeThroughMs: throughMs })).toBe('2026-01-02T03:04:05.678Z');
  expect(await headersOf(path, { by, completeThroughMs: null }), 'complete now').toBeUndefined();
});
