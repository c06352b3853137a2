// DATA/core.link: written whole and private, read with suspicion.
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  type CoreAddress,
  linkFileName,
  linkFileVersion,
  newLinkKey,
  readLinkFile,
  removeLinkFile,
  writeLinkFile,
} from '../../cluster/link-file.ts';

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-link-file-'));
  path = join(folder, linkFileName);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function address(incarnation: string): CoreAddress {
  return { port: 4711, key: newLinkKey(), pid: 12, incarnation };
}

test('what was written is read again', async () => {
  const written = address('one');
  await writeLinkFile(path, written);
  const read = await readLinkFile(path);
  expect(read).toMatchObject({ port: 4711, pid: 12, incarnation: 'one' });
  expect(Buffer.compare(read.key, written.key)).toBe(0);
});

test('only its owner may read it, also where another file was before', async () => {
  await writeFile(path, 'old');
  await chmod(path, 0o644);
  await writeLinkFile(path, address('one'));
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('it is replaced in one step, and nothing is left beside it', async () => {
  await Promise.all(['a', 'b', 'c', 'd'].map((incarnation) => writeLinkFile(path, address(incarnation))));
  expect(await readdir(folder)).toEqual([linkFileName]);
  expect((await readLinkFile(path)).incarnation).toMatch(/^[abcd]$/);
});

test('an address that is none is not written', async () => {
  await expect(writeLinkFile(path, { ...address('one'), port: 0 })).rejects.toThrow();
  expect(await readdir(folder)).toEqual([]);
});

test('without a file the error names the folder on which no core runs', async () => {
  await expect(readLinkFile(path)).rejects.toMatchObject({
    reason: 'absent',
    message: `no core is running on ${folder}`,
  });
});

test.each([
  ['nothing', ''],
  ['no JSON', '{"port":'],
  ['no object', '7'],
  ['a port out of range', { port: 70_000 }],
  ['a short key', { key: 'abcd' }],
  ['a key that is not hexadecimal', { key: 'z'.repeat(64) }],
  ['a pid of 0', { pid: 0 }],
  ['something more', { more: true }],
])('a file with %s is malformed', async (_what, change) => {
  const good = { port: 4711, key: 'ab'.repeat(32), pid: 12, incarnation: 'one' };
  await writeFile(path, typeof change === 'string' ? change : JSON.stringify({ ...good, ...change }));
  await expect(readLinkFile(path)).rejects.toMatchObject({ name: 'LinkFileError', reason: 'malformed' });
});

test('the version changes with the file', async () => {
  const none = await linkFileVersion(path);
  await writeLinkFile(path, address('one'));
  const one = await linkFileVersion(path);
  expect(await linkFileVersion(path)).toBe(one);
  await writeLinkFile(path, address('two'));
  const two = await linkFileVersion(path);
  expect(none).toBe('');
  expect(new Set([none, one, two]).size).toBe(3);
});

test('a core that stops takes away its own file, and not its successor’s', async () => {
  await writeLinkFile(path, address('two'));
  const content = await readFile(path, 'utf8');
  await removeLinkFile(path, 'one');
  expect(await readFile(path, 'utf8')).toBe(content);
  await removeLinkFile(path, 'two');
  expect(await readdir(folder)).toEqual([]);
  await removeLinkFile(path, 'two');
});
