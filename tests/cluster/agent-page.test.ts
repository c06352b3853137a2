// Waiting until a gateway shows the page it was told of: by its own word, of the process that runs now, and not for ever.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type PageWait, pageTaken } from '../../cluster/agent-page.ts';
import { type PageSaid, pageSaidFile } from '../../cluster/settings.ts';

let data: string;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'murmuration-page-'));
});
afterEach(() => rm(data, { recursive: true, force: true }));

const says = (said: PageSaid, index = 0) => writeFile(join(data, pageSaidFile(index)), JSON.stringify(said));
const taken = (change: Partial<PageWait> = {}) =>
  pageTaken({
    data,
    index: 0,
    page: '/new',
    pid: () => 7,
    withinMs: 60_000,
    isStopping: () => false,
    ...change,
  });

test('a gateway that says it shows the page does', async () => {
  const waiting = taken();
  await says({ pid: 7, page: '/new', failed: null });
  expect(await waiting).toBeNull();
});

test('a gateway that cannot show it says why', async () => {
  await says({ pid: 7, page: '/new', failed: 'EIO' });
  expect(await taken()).toBe('gateway 0 cannot show it: EIO');
});

test.each([
  ['of another page', { pid: 7, page: '/old', failed: null }, 0],
  ['of a process that is gone', { pid: 6, page: '/new', failed: null }, 0],
  ['of another gateway', { pid: 7, page: '/new', failed: null }, 1],
])('word %s counts for nothing, and it is not waited for for ever', async (_what, said, index) => {
  await says(said, index);
  expect(await taken({ withinMs: 0 })).toBe('gateway 0 does not say that it shows it');
});

test('a gateway that was started again meanwhile is asked as the process it is now', async () => {
  let pid: number | null = null;
  await says({ pid: 7, page: '/new', failed: null });
  const waiting = taken({ pid: () => pid });
  pid = 8;
  await says({ pid: 8, page: '/new', failed: null });
  expect(await waiting).toBeNull();
});

test('nobody waits for a page while the agent stops', async () => {
  expect(await taken({ isStopping: () => true })).toBe('the agent stops');
});
