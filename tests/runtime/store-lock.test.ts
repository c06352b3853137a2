// One program at a time on a data folder.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { expect, test } from 'vitest';
import { FolderInUseError, lockFolder } from '../../runtime/store-lock.ts';
import { newFolder, openToyStore, write } from './store-harness.ts';
import { startStoreProgram } from './store-program.ts';
import { postFact } from './toy-product.ts';
import { ada, status } from './toy-statuses.ts';

test('a second program is told which process holds the folder', async () => {
  const folder = newFolder();
  const holder = await startStoreProgram(folder, { mode: 'hold' });
  await holder.line('open');

  const error = await openToyStore(folder).catch((caught: unknown) => caught);

  expect(error).toBeInstanceOf(FolderInUseError);
  expect((error as FolderInUseError).pid).toBe(holder.pid);
  expect((error as FolderInUseError).message).toContain(`process ${holder.pid}`);
  await holder.kill();
});

test('the lock of a killed program does not block the next one', async () => {
  const folder = newFolder();
  const holder = await startStoreProgram(folder, { mode: 'hold' });
  await holder.line('open');

  await holder.kill();

  const { store } = await openToyStore(folder);
  expect(store.position).toBe(0);
});

test.each(['abstract', 'file'] as const)(
  'a lock of kind %s is held, let go of, and taken again',
  async (place) => {
    const folder = newFolder();
    const lock = await lockFolder(folder, { place });

    await expect(lockFolder(folder, { place })).rejects.toMatchObject({ pid: process.pid });
    await lock.release();

    const again = await lockFolder(folder, { place });
    await again.release();
  },
);

test('a socket file that a dead program left behind does not block', async () => {
  const folder = newFolder();
  const { dev, ino } = statSync(folder, { bigint: true });
  const path = join(tmpdir(), `murmuration-${dev}-${ino}.socket`);
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script]);
  expect(existsSync(path)).toBe(true);

  const lock = await lockFolder(folder, { place: 'file' });
  await expect(lockFolder(folder, { place: 'file' })).rejects.toThrow(FolderInUseError);
  await lock.release();
});

test('one program cannot open a folder twice, and can again after closing it', async () => {
  const folder = newFolder();
  const { store } = await openToyStore(folder);

  await expect(openToyStore(folder)).rejects.toThrow(`process ${process.pid}`);
  await store.close();

  await expect(openToyStore(folder)).resolves.toBeDefined();
});

test('a writer whose store was taken over under another incarnation writes nothing', async () => {
  const folder = newFolder();
  const { store, faults } = await openToyStore(folder);
  await write(store, [postFact(status(ada, 1), 'mine')]);
  const other = open({ path: folder, overlappingSync: false, encoding: 'binary' });
  const keyEncoder = { writeKey: writeLatin1, readKey: () => '' };
  const meta = other.openDB({ name: 'meta', useVersions: true, encoding: 'binary', keyEncoder } as never);
  await meta.put('incarnation', Buffer.from([0xc0]), 4_000_000_000);

  await expect(write(store, [postFact(status(ada, 2), 'lost')])).rejects.toThrow('taken over');

  expect(faults).toHaveLength(1);
  expect(store.reader.fact(postFact(status(ada, 2), '').key)).toBeNull();
  expect(store.position).toBe(1);
  expect(store.refusal({ deletes: true })?.code).toBe('unavailable');
  await store.close();
});

function writeLatin1(key: string, target: Buffer, start: number): number {
  return start + target.write(key, start, 'latin1');
}

test('a copy of the files is another life of the store: it gets an incarnation of its own', async () => {
  const folder = newFolder();
  const { store } = await openToyStore(join(folder, 'one'));
  await write(store, [postFact(status(ada, 1), 'x')]);
  const { incarnation } = store;
  await store.close();
  mkdirSync(join(folder, 'two'));
  cpSync(join(folder, 'one', 'data.mdb'), join(folder, 'two', 'data.mdb'));

  const copy = await openToyStore(join(folder, 'two'));
  const again = await openToyStore(join(folder, 'one'));

  expect(again.store.incarnation).toBe(incarnation);
  expect(copy.store.incarnation).not.toBe(incarnation);
  expect(copy.store.position).toBe(1);
});

test('who waits for a lock has it as soon as its holder lets go of it', async () => {
  const folder = newFolder();
  const holder = await lockFolder(folder);
  const waiting = lockFolder(folder, { withinMs: 20_000 });
  await expect(lockFolder(folder, { withinMs: 20 })).rejects.toThrow(FolderInUseError);
  await holder.release();
  await (await waiting).release();
});
