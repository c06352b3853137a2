// Backups of a running store, and restoring them.
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BackupError, restoreStore } from '../../runtime/store-backup.ts';
import { newFolder, openToyStore, submit, upTo, write } from './store-harness.ts';
import { postFact, postsView } from './toy-product.ts';
import { ada, bo, status } from './toy-statuses.ts';

test('a backup taken while posts are being written is restored whole, up to its position', async () => {
  const folder = newFolder();
  const { store } = await openToyStore(join(folder, 'data'));
  await write(
    store,
    upTo(2_000).map((n) => postFact(status(ada, n), `post ${n}`)),
  );
  const writing = { on: true };
  const writer = (async () => {
    for (let n = 0; writing.on; n++) await write(store, [postFact(status(bo, n), 'meanwhile')]);
  })();

  const report = await store.backup(join(folder, 'backup')).finally(() => {
    writing.on = false;
  });
  await writer;
  const restored = await restoreStore(join(folder, 'backup'), join(folder, 'restored'));

  expect(restored).toEqual(report);
  expect(readdirSync(join(folder, 'backup')).toSorted()).toEqual(['backup.json', 'data.mdb']);
  expect(readdirSync(folder).toSorted()).toEqual(['backup', 'data', 'restored']);
  const again = await openToyStore(join(folder, 'restored'));
  expect(again.store.position).toBe(report.position);
  expect(again.store.reader.view(postsView(ada))).toBe(2_000);
  expect(again.store.reader.view(postsView(bo)) ?? 0).toBe(report.position - 2_000);
  expect(again.store.incarnation).not.toBe(store.incarnation);
});

test('closing waits for a backup that is under way', async () => {
  const folder = newFolder();
  const { store } = await openToyStore(join(folder, 'data'));
  await write(
    store,
    upTo(2_000).map((n) => postFact(status(ada, n), `post ${n}`)),
  );

  const backup = store.backup(join(folder, 'backup'));
  await store.close();

  expect(await backup).toMatchObject({ position: 2_000 });
  expect(existsSync(join(folder, 'backup', 'backup.json'))).toBe(true);
});

test('the same backup may be restored twice, as two lives', async () => {
  const folder = newFolder();
  const { store } = await openToyStore(join(folder, 'data'));
  await write(store, [postFact(status(ada, 1), 'x')]);
  await store.backup(join(folder, 'backup'));

  await restoreStore(join(folder, 'backup'), join(folder, 'one'));
  await restoreStore(join(folder, 'backup'), join(folder, 'two'));

  const lives = [await openToyStore(join(folder, 'one')), await openToyStore(join(folder, 'two'))];
  expect(
    new Set([store, ...lives.map((life) => life.store)].map(({ incarnation }) => incarnation)).size,
  ).toBe(3);
});

test('a version given after restoring is above all that were backed up', async () => {
  const folder = newFolder();
  const { store } = await openToyStore(join(folder, 'data'), { now: () => 9_000 });
  const before = await write(store, [postFact(status(ada, 1), 'x')]);
  await store.backup(join(folder, 'backup'));
  await restoreStore(join(folder, 'backup'), join(folder, 'restored'));

  const again = await openToyStore(join(folder, 'restored'), { now: () => 1_000 });
  const after = submit(again.store, [postFact(status(ada, 2), 'y')]);

  expect(String(after.entries[0]?.version) > String(before.entries[0]?.version)).toBe(true);
  await after.done;
});

test('a folder with something in it is not written to', async () => {
  const folder = newFolder();
  const { store } = await openToyStore(join(folder, 'data'));
  mkdirSync(join(folder, 'full'));
  writeFileSync(join(folder, 'full', 'letter.txt'), 'mine');
  mkdirSync(join(folder, 'empty'));

  await expect(store.backup(join(folder, 'full'))).rejects.toThrow('is not empty');
  await expect(store.backup(join(folder, 'empty'))).resolves.toMatchObject({ position: 0 });
  await expect(restoreStore(join(folder, 'empty'), join(folder, 'full'))).rejects.toThrow('is not empty');

  expect(readdirSync(join(folder, 'full'))).toEqual(['letter.txt']);
  expect(readdirSync(folder).toSorted()).toEqual(['data', 'empty', 'full']);
});

test('what is no backup, or a damaged one, is named and nothing is restored', async () => {
  const folder = newFolder();
  const { store } = await openToyStore(join(folder, 'data'));
  await write(
    store,
    upTo(100).map((n) => postFact(status(ada, n), 'x'.repeat(500))),
  );
  const backup = join(folder, 'backup');
  const target = join(folder, 'restored');
  await expect(restoreStore(join(folder, 'data'), target)).rejects.toThrow('is no backup');

  await store.backup(backup);
  const note = readFileSync(join(backup, 'backup.json'), 'utf8');
  for (const bad of [
    '',
    '[]',
    '{}',
    note.replace('"position"', '"place"'),
    note.replace('"format": 1', '"format": 2'),
  ]) {
    writeFileSync(join(backup, 'backup.json'), bad);
    await expect(restoreStore(backup, target)).rejects.toBeInstanceOf(BackupError);
  }
  writeFileSync(join(backup, 'backup.json'), note);
  const data = readFileSync(join(backup, 'data.mdb'));
  data.writeUInt8(data.readUInt8(20_000) ^ 1, 20_000);
  writeFileSync(join(backup, 'data.mdb'), data);
  await expect(restoreStore(backup, target)).rejects.toThrow('is damaged');
  truncateSync(join(backup, 'data.mdb'), 8_192);
  await expect(restoreStore(backup, target)).rejects.toThrow('is damaged');

  expect(existsSync(target)).toBe(false);
  expect(readdirSync(folder).toSorted()).toEqual(['backup', 'data']);
});
