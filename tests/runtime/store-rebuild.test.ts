// Views derived anew are the views that were there.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import { expect, test } from 'vitest';
import type { AccountId } from '../../runtime/account-id.ts';
import { afterPrefix, keyOf } from '../../runtime/key.ts';
import type { Store } from '../../runtime/store.ts';
import { newFolder, openToyStore, upTo, write } from './store-harness.ts';
import { followersView, followFact, gone, postFact, postsView, toyProduct } from './toy-product.ts';
import { ada, bo, status } from './toy-statuses.ts';

async function fill(store: Store): Promise<void> {
  const followers = upTo(1_200).map((n) => (n + 1) as AccountId);
  await write(
    store,
    followers.map((follower) => followFact(follower, ada)),
  );
  await write(
    store,
    upTo(900).map((n) => postFact(status(bo, n), `number ${n}`)),
  );
  await write(
    store,
    followers.slice(0, 200).map((follower) => gone(followFact(follower, ada))),
    true,
  );
  await write(store, [gone(postFact(status(bo, 7), ''))], true);
}

function views(store: Store) {
  return store.reader.views({ from: '\0', to: '\u00ff'.repeat(64), most: 100_000 });
}

test('views derived anew from the facts are the same views', async () => {
  const folder = newFolder();
  const { store } = await openToyStore(folder);
  await fill(store);

  const comparison = await store.compareRebuilt(join(folder, 'compare'));

  expect(comparison).toEqual({ views: 1_002, different: [] });
  expect(existsSync(join(folder, 'compare'))).toBe(false);
});

test('a comparison finds a view that is wrong, one that is missing and one too many', async () => {
  const folder = newFolder();
  let isPlanting = false;
  const { store } = await openToyStore(folder, {
    derive: (entry, read) => (isPlanting ? (entry.value as never) : toyProduct.derive(entry, read)),
  });
  await fill(store);
  isPlanting = true;
  const planted = [
    { key: postsView(bo), value: 3 },
    { key: keyOf(ada, 'F', keyOf(900 as AccountId, '').slice(0, 7)), value: null },
    { key: keyOf(bo, 'Z'), value: 1 },
  ];
  await write(store, [{ key: keyOf(1 as AccountId, 'x'), value: planted }]);
  isPlanting = false;

  const { different } = await store.compareRebuilt(join(folder, 'compare'));

  expect(different.toSorted()).toEqual(planted.map(({ key }) => key).toSorted());
});

test('a rebuild restores views that were lost, and the search index', async () => {
  const folder = newFolder();
  let isBroken = true;
  const { store } = await openToyStore(folder, {
    derive: (entry, read) => (isBroken ? [] : toyProduct.derive(entry, read)),
  });
  await fill(store);
  expect(views(store)).toEqual([]);
  isBroken = false;
  const progress: number[] = [];

  const report = await store.rebuild((facts) => progress.push(facts));

  expect(report.facts).toBe(2_100);
  expect(progress).toEqual([1_000, 2_000, 2_100]);
  expect(store.reader.view(followersView(ada))).toBe(1_000);
  expect(store.reader.view(postsView(bo))).toBe(899);
  expect(store.search({ words: ['number', '899'], below: null, above: null, most: 5 })).toEqual([
    status(bo, 899),
  ]);
  expect(store.search({ words: ['7'], below: null, above: null, most: 5 })).toEqual([]);
  expect(store.statistics().searchBehind).toBe(0);
  await write(store, [postFact(status(bo, 1_000), 'after')]);
  expect(store.reader.view(postsView(bo))).toBe(900);
  await write(store, [postFact(status(ada, 2), 'secret', 'direct'), postFact(status(ada, 1), 'open')]);
  await store.rebuild();
  await store.close();
  expect((await openToyStore(folder)).store.reader.recent(ada, null, 9)).toEqual([status(ada, 1)]);
});

test('nothing is taken in while views are being rebuilt', async () => {
  const { store } = await openToyStore(newFolder());
  await fill(store);

  const rebuilding = store.rebuild();
  const refused = store.submit([postFact(status(ada, 1), 'x')], { deletes: false, live: true });
  await rebuilding;

  expect(refused).toMatchObject({ ok: false, rejection: { code: 'unavailable' } });
  await write(store, [postFact(status(ada, 1), 'x')]);
});

test('a rebuild that was cut short is done again at the next opening', async () => {
  const folder = newFolder();
  let calls = 0;
  const first = await openToyStore(folder, {
    derive: (entry, read) => {
      if (++calls === 4_000) throw new Error('cut short');
      return toyProduct.derive(entry, read);
    },
  });
  await fill(first.store);
  await expect(first.store.rebuild()).rejects.toThrow('cut short');
  expect(first.store.reader.view(postsView(bo))).not.toBe(899);
  await first.store.close();

  const { store } = await openToyStore(folder);

  expect(store.reader.view(postsView(bo))).toBe(899);
  expect(
    store.reader.views({ from: keyOf(ada, 'F'), to: afterPrefix(keyOf(ada, 'F')), most: 5_000 }),
  ).toHaveLength(1_000);
  expect(await store.compareRebuilt(join(folder, 'compare'))).toEqual({ views: 1_002, different: [] });
});

test('closing calls a rebuild off; it is done again at the next opening', async () => {
  const folder = newFolder();
  const first = await openToyStore(folder);
  await fill(first.store);
  const rebuilding = first.store.rebuild().catch((error: unknown) => error);
  await first.store.close();
  expect(String(await rebuilding)).toContain('called off');

  const { store } = await openToyStore(folder);

  expect(await store.compareRebuilt(join(folder, 'compare'))).toEqual({ views: 1_002, different: [] });
});

test('views stand in a table of their own', async () => {
  const folder = newFolder();
  const { store } = await openToyStore(folder);
  await fill(store);
  await store.close();

  const raw = open({ path: folder, overlappingSync: false, encoding: 'binary', readOnly: true });
  const count = raw.openDB({ name: 'views', encoding: 'binary', keyEncoding: 'binary' }).getCount();
  await raw.close();

  expect(count).toBe(1_002);
});

test('views of another format are derived anew at opening', async () => {
  const folder = newFolder();
  const first = await openToyStore(folder, { derive: () => [] });
  await write(first.store, [postFact(status(ada, 1), 'x')]);
  await first.store.close();

  const same = await openToyStore(folder);
  expect(same.store.reader.view(postsView(ada))).toBeUndefined();
  await same.store.close();
  const { store } = await openToyStore(folder, { viewsFormat: 2 });

  expect(store.reader.view(postsView(ada))).toBe(1);
});
