// A disk that is nearly full: what is refused, what is still taken.
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { newFolder, openToyStore, upTo, write } from './store-harness.ts';
import { gone, postFact } from './toy-product.ts';
import { ada, status } from './toy-statuses.ts';

const post = postFact(status(ada, 1), 'hello');
const published = { deletes: false, live: true };

test('on a disk that is nearly full posts are refused as read-only and deletes still work', async () => {
  let freePercent = 50;
  let nowMs = 1_000;
  const { store } = await openToyStore(newFolder(), { freePercent: () => freePercent, now: () => nowMs });
  await write(store, [post]);

  freePercent = 4.9;
  nowMs += 1_001;
  expect(store.submit([postFact(status(ada, 2), 'x')], published)).toMatchObject({
    ok: false,
    rejection: { code: 'read-only' },
  });
  expect(store.statistics()).toMatchObject({ readOnly: true, freePercent: 4.9 });
  await write(store, [gone(post)], true);
  expect(store.reader.fact(post.key)?.value).toBeNull();

  freePercent = 5;
  nowMs += 1_001;
  await write(store, [postFact(status(ada, 2), 'x')]);
  expect(store.statistics().readOnly).toBe(false);
});

test('the disk is looked at once a second at most', async () => {
  let looks = 0;
  let nowMs = 1_000;
  const freePercent = () => {
    looks++;
    return 50;
  };
  const { store } = await openToyStore(newFolder(), { freePercent, now: () => nowMs });
  const before = looks;

  for (const n of upTo(100)) {
    nowMs += 25;
    await write(store, [postFact(status(ada, n), 'x')]);
  }

  expect(looks - before).toBeGreaterThanOrEqual(2);
  expect(looks - before).toBeLessThanOrEqual(3);
});

test('the real disk is asked when no test says otherwise', async () => {
  const { store } = await openToyStore(newFolder());

  const { freePercent, readOnly, fileBytes } = store.statistics();

  expect(freePercent).toBeGreaterThan(0);
  expect(freePercent).toBeLessThan(100);
  expect(readOnly).toBe(freePercent < 5);
  expect(fileBytes).toBeGreaterThan(4_096);
});

test('the ballast goes overboard for a delete when hardly anything is left, and comes back with room', async () => {
  const folder = newFolder();
  const ballast = join(folder, 'ballast');
  let freePercent = 50;
  let nowMs = 1_000;
  const options = { freePercent: () => freePercent, now: () => nowMs, limits: { ballastBytes: 2 ** 21 } };
  const { store } = await openToyStore(folder, options);
  await write(store, [post]);
  expect(statSync(ballast).blocks * 512).toBeGreaterThanOrEqual(2 ** 21);

  freePercent = 4;
  nowMs += 1_001;
  await write(store, [gone(post)], true);
  expect(existsSync(ballast)).toBe(true);
  freePercent = 0;
  nowMs += 1_001;
  await write(store, [gone(post)], true);
  expect(existsSync(ballast)).toBe(false);

  await store.close();
  freePercent = 6;
  await (await openToyStore(folder, options)).store.close();
  expect(existsSync(ballast)).toBe(false);
  freePercent = 50;
  await openToyStore(folder, options);
  expect(statSync(ballast).size).toBe(2 ** 21);
});

test('a folder that cannot be a store is named, with the reason', async () => {
  const folder = newFolder();
  writeFileSync(join(folder, 'letter'), 'not a folder');
  mkdirSync(join(folder, 'other'));
  writeFileSync(join(folder, 'other', 'data.mdb'), 'x'.repeat(20_000));

  for (const name of ['letter', 'letter/below', 'other']) {
    const opening = openToyStore(join(folder, name));
    await expect(opening).rejects.toThrow(`the store in ${join(folder, name)} could not be opened: `);
  }
});

test('a store leaves nothing in its folder that it does not need', async () => {
  const folder = newFolder();
  await (await openToyStore(folder)).store.close();

  expect(readdirSync(folder).toSorted()).toEqual(['data.mdb', 'lock.mdb']);
});
