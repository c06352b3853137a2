// Texts and who posts them when: files of both kinds, and posts that do not change from one import to the next.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { filesAt, isBinary, readLines } from '../../cluster/import-file.ts';
import { importedSinceMs, isImported, postCount, postsOf, textsFrom } from '../../cluster/import-posts.ts';
import { readTexts, type TextsRead } from '../../cluster/import-texts.ts';

async function folderOf(files: Record<string, string | Uint8Array>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'murmuration-texts-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}

async function textsIn(content: string | Uint8Array): Promise<TextsRead> {
  const folder = await folderOf({ file: content });
  const read: TextsRead = { texts: [], tooLong: 0, unreadable: 0 };
  await readTexts(readLines(join(folder, 'file')), read);
  return read;
}

test('a file of plain lines gives a text a line', async () => {
  expect((await textsIn('one\n\n two \nthree %\n')).texts).toEqual(['one', 'two', 'three %']);
});

test('a fortune file gives the texts between lines of a single %', async () => {
  const { texts } = await textsIn('one\n\ttwo\n%\nthree\n%\n%\nfour  \n');
  expect(texts).toEqual(['one\n  two', 'three', 'four']);
});

test('a compressed file is told by its bytes, not by its name', async () => {
  expect((await textsIn(gzipSync('one\ntwo\n'))).texts).toEqual(['one', 'two']);
});

test('texts over 500 characters and texts that are not UTF-8 are left out and counted; 500 fit', async () => {
  const fits = '🐦'.repeat(500);
  const content = Buffer.concat([
    Buffer.from(`${fits}\n${'x'.repeat(501)}\n`),
    Buffer.from([0x66, 0xfc, 0x72, 0x0a]),
  ]);
  expect(await textsIn(content)).toEqual({ texts: [fits], tooLong: 1, unreadable: 1 });
});

test('underlining by overstriking and other control characters are taken out', async () => {
  expect((await textsIn('_\bb_\bi_\bg\u001b bird\n')).texts).toEqual(['big bird']);
});

test('a folder gives its files without indexes, second names, hidden files and folders', async () => {
  const folder = await folderOf({ b: 'x', a: 'y', 'a.dat': 'z', '.hidden': 'h' });
  await symlink('a', join(folder, 'a.u8'));
  await mkdir(join(folder, 'off'));
  expect(await filesAt(folder)).toEqual([join(folder, 'a'), join(folder, 'b')]);
});

test('a binary file is known by its zero bytes, also under compression', async () => {
  const folder = await folderOf({
    bytes: Buffer.from([1, 0, 2]),
    packed: gzipSync(Buffer.from([1, 0, 2])),
    text: 'a',
  });
  expect(await isBinary(join(folder, 'bytes'))).toBe(true);
  expect(await isBinary(join(folder, 'packed'))).toBe(true);
  expect(await isBinary(join(folder, 'text'))).toBe(false);
});

test('a damaged or absent file is named in one line', async () => {
  const folder = await folderOf({ 'cut.gz': gzipSync('a,b\n'.repeat(10_000)).subarray(0, 60) });
  const drain = async (path: string) => {
    for await (const _ of readLines(path));
  };
  await expect(drain(join(folder, 'cut.gz'))).rejects.toThrow('cut.gz is a damaged gzip file');
  await expect(drain(join(folder, 'none'))).rejects.toThrow(`There is no file ${folder}/none.`);
  await expect(drain(folder)).rejects.toThrow(`${folder} is a folder, not a file.`);
});

test('a file without line ends is refused before it fills the memory', async () => {
  const folder = await folderOf({ file: 'x'.repeat(200_000) });
  const drain = async () => {
    for await (const _ of readLines(join(folder, 'file')));
  };
  await expect(drain()).rejects.toThrow('characters: is it text?');
});

const noon = Date.UTC(2026, 10, 21, 12);
const createdMs = importedSinceMs(noon);

test('posts lie in the 30 days before the day of the import, oldest first, with ids that differ', () => {
  const posts = postsOf({ handle: 'ann', createdMs, mean: 50, textOf: String });
  const midnight = Date.UTC(2026, 10, 21);
  expect(posts.length).toBe(postCount('ann', 50));
  expect(posts.length).toBeGreaterThan(10);
  for (const [n, { ms, salt }] of posts.entries()) {
    expect(ms).toBeGreaterThanOrEqual(Math.max(midnight - 30 * 86_400_000, posts[n - 1]?.ms ?? 0));
    expect(ms).toBeLessThan(midnight);
    expect(salt).toBeLessThan(4096);
  }
  expect(new Set(posts.map(({ ms, salt }) => `${ms} ${salt}`)).size).toBe(posts.length);
});

test('the same account posts the same at the same times in every import; case does not matter', () => {
  const make = (handle: string) =>
    postsOf({ handle, createdMs, mean: 5, textOf: textsFrom(['a', 'b', 'c'], handle) });
  expect(make('ann')).toEqual(make('ANN'));
  expect(make('ann')).not.toEqual(make('bob'));
});

test('the number of posts is about what was asked for on average, and heavy-tailed', () => {
  const counts = Array.from({ length: 20_000 }, (_, n) => postCount(`u${n}`, 5)).sort((a, b) => a - b);
  const mean = counts.reduce((sum, count) => sum + count) / counts.length;
  expect(mean).toBeGreaterThan(4);
  expect(mean).toBeLessThan(6);
  expect(counts[10_000]).toBeLessThanOrEqual(4);
  expect(counts.at(-20)).toBeGreaterThan(50);
  expect(postCount('ann', 0)).toBe(0);
});

test('an account that an import made is told from one that signed up', () => {
  expect(isImported(createdMs)).toBe(true);
  expect(isImported(noon + 1)).toBe(false);
});
