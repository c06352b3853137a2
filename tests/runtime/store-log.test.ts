// The log: positions, lives, trimming, and what must leave it.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { restoreStore } from '../../runtime/store-backup.ts';
import { newFolder, openToyStore, submit, upTo, write } from './store-harness.ts';
import { gone, postFact, statusKey } from './toy-product.ts';
import { ada, status } from './toy-statuses.ts';

const secret = 'a text that is to be forgotten';

test('a deleted text leaves the log at the next trim, its tombstone stays', async () => {
  const { store } = await openToyStore(newFolder());
  const post = postFact(status(ada, 3), secret);
  await write(
    store,
    upTo(3).map((n) => postFact(status(ada, n), 'x')),
  );
  await write(store, [post]);
  await write(
    store,
    upTo(3).map((n) => postFact(status(ada, 4 + n), 'x')),
  );
  await write(store, [gone(post)], true);
  await store.catchUpSearch(10_000);
  expect(JSON.stringify(store.readLog(1, 100))).toContain(secret);

  await store.trimLog();

  const entries = store.readLog(1, 100);
  expect(JSON.stringify(entries)).not.toContain(secret);
  expect(entries.map(({ position }) => position)).toEqual([1, 2, 3, 5, 6, 7, 8]);
  expect(entries.at(-1)).toMatchObject({ key: post.key, value: null });
});

test('nothing leaves the log before the search index has taken it in', async () => {
  const { store } = await openToyStore(newFolder(), { limits: { logBytes: 0 } });
  const post = postFact(status(ada, 1), secret);
  await write(store, [post]);
  await write(store, [gone(post)], true);

  await store.trimLog();
  expect(store.readLog(1, 100)).toHaveLength(2);
  await store.catchUpSearch(10_000);
  await store.trimLog();

  expect(store.readLog(1, 100)).toEqual([]);
});

test('the oldest entries are dropped while the log is too long, and its size is known after reopening', async () => {
  const folder = newFolder();
  const first = await openToyStore(folder, { limits: { logBytes: 30_000 } });
  for (const turn of upTo(10)) {
    await write(
      first.store,
      upTo(500).map((n) => postFact(status(ada, turn * 500 + n), 'x'.repeat(50))),
    );
  }
  await first.store.catchUpSearch(10_000);
  await first.store.trimLog();
  const { logBytes } = first.store.statistics();
  const kept = first.store.readLog(1, 10_000);
  await first.store.close();

  expect(logBytes).toBeLessThanOrEqual(30_000);
  expect(logBytes).toBeGreaterThan(29_800);
  expect(kept.at(-1)?.position).toBe(5_000);
  expect(kept.map(({ position }) => position)).toEqual(upTo(kept.length).map((n) => 5_001 - kept.length + n));
  const { store } = await openToyStore(folder);
  expect(store.statistics().logBytes).toBe(logBytes);
  expect(store.readLog(0, 10_000)).toEqual(kept);
});

test('many replaced values are erased over several steps, each once', async () => {
  const { store } = await openToyStore(newFolder());
  for (const round of upTo(3)) {
    await write(
      store,
      upTo(1_500).map((n) => postFact(status(ada, n), `${secret} ${round}`)),
    );
  }
  await store.catchUpSearch(20_000);

  await store.trimLog();

  expect(store.readLog(1, 10_000)).toHaveLength(1_500);
  expect(store.readLog(1, 10_000).every(({ value }) => (value as string[])[0] === `${secret} 2`)).toBe(true);
  expect(store.statistics().logBytes).toBe(
    store.readLog(1, 10_000).reduce((sum, { size }) => sum + size + 14, 0),
  );
});

test('the log is read in runs from a position upwards, and only what is committed', async () => {
  const { store } = await openToyStore(newFolder());
  await write(
    store,
    upTo(10).map((n) => postFact(status(ada, n), `post ${n}`)),
  );
  const { done } = submit(store, [postFact(status(ada, 11), 'in flight')]);

  expect(store.readLog(4, 3).map(({ position, key }) => [position, key])).toEqual(
    [3, 4, 5].map((n) => [n + 1, statusKey(status(ada, n))]),
  );
  expect(store.readLog(9, 10)).toHaveLength(2);
  await done;
  expect(store.readLog(9, 10)).toHaveLength(3);
});

test('positions go on in another life of the store, and entries keep the incarnation they were written in', async () => {
  const folder = newFolder();
  const first = await openToyStore(join(folder, 'data'));
  await write(
    first.store,
    upTo(5).map((n) => postFact(status(ada, n), 'x')),
  );
  await first.store.backup(join(folder, 'backup'));
  await restoreStore(join(folder, 'backup'), join(folder, 'restored'));

  const { store } = await openToyStore(join(folder, 'restored'), { limits: { logBytes: 0 } });
  await write(
    store,
    upTo(5).map((n) => postFact(status(ada, 5 + n), 'y')),
  );

  expect(store.incarnation).not.toBe(first.store.incarnation);
  expect(store.readLog(1, 100).map(({ position, incarnation }) => [position, incarnation])).toEqual(
    upTo(10).map((n) => [n + 1, (n < 5 ? first : { store }).store.incarnation]),
  );
  expect(store.readLog(4, 4).map(({ position }) => position)).toEqual([4, 5, 6, 7]);
  await write(store, [gone(postFact(status(ada, 2), ''))], true);
  await store.catchUpSearch(10_000);
  await store.trimLog();
  expect(store.readLog(1, 100)).toEqual([]);
  await write(store, [postFact(status(ada, 20), 'z')]);
  expect(store.readLog(1, 100)).toMatchObject([{ position: 12, incarnation: store.incarnation }]);
});
