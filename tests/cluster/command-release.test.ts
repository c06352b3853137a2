// `murmuration release`: what its commands say, make and refuse, from the key to a release that somebody else can check.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { readTorrentFile } from '../../cluster/torrent-file.ts';
import { runCommand } from '../support/server.ts';
import { smallFiles, smallManifest, writeRelease } from '../support/small-release.ts';

let home = '';
let key = '';
let folder = '';
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'murmuration-release-'));
  key = join(home, 'keys', 'release.key');
  folder = join(home, 'sparrow');
  onTestFinished(() => rm(home, { recursive: true, force: true }));
});

async function release(...args: string[]): Promise<{ exit: string; out: string; complained: string }> {
  const run = runCommand(['release', ...args], { env: { MURMURATION_RELEASE_KEY: key } });
  const exit = await run.ended;
  return { exit, out: run.stdout(), complained: run.stderr() };
}

test('a key is made once, shown, and rotated', async () => {
  const made = await release('key', 'new');
  expect(made).toMatchObject({ exit: 'code 0', out: expect.stringMatching(/^[0-9a-f]{64}\n$/) });
  expect((await stat(key)).mode & 0o777).toBe(0o600);
  expect(await release('key', 'new')).toMatchObject({
    exit: 'code 1',
    complained: expect.stringMatching(/release\.key is there already\.\n$/),
  });
  expect((await release('key', 'show')).out).toBe(made.out);
  const rotated = await release('rotate');
  expect(rotated.out).toMatch(/^[0-9a-f]{64}\n$/);
  expect(rotated.out).not.toBe(made.out);
  expect(await release('key', 'show')).toMatchObject({ out: rotated.out, complained: `after ${made.out}` });
  expect((await readdir(join(home, 'keys'))).sort()).toEqual(['release.key', 'release.key.before-1']);
});

test('without a key it says how to make one', async () => {
  const id = await writeRelease(folder);
  expect(id).toMatch(/^[0-9a-f]{64}$/);
  expect(await release('sign', folder)).toMatchObject({
    exit: 'code 1',
    complained: expect.stringContaining('make one with "murmuration release key new"'),
  });
});

test('a release is signed, shown and checked, and nothing passes that was changed since', async () => {
  const id = await writeRelease(folder);
  const publicKey = (await release('key', 'new')).out.trim();
  expect((await release('show', folder)).out).toMatch(/signed +no\n/);
  expect(await release('verify', folder, '--key', publicKey)).toMatchObject({
    exit: 'code 1',
    complained: expect.stringContaining('Nobody has signed it'),
  });
  expect((await release('sign', folder)).exit).toBe('code 0');
  const shown = (await release('show', folder)).out;
  expect(shown).toContain(`sparrow 1.2.3-${id.slice(0, 12)} in ${folder}`);
  expect(shown).toContain(`signed     with ${publicKey}`);
  const torrent = readTorrentFile(await readFile(`${folder}.torrent`));
  expect(shown).toContain(Buffer.from(torrent.hash).toString('hex'));
  expect(await release('verify', folder, '--key', publicKey)).toMatchObject({ exit: 'code 0' });

  expect(await release('verify', folder, '--key', 'a'.repeat(64))).toMatchObject({
    exit: 'code 1',
    complained: expect.stringContaining('but with another key'),
  });
  expect((await release('verify', folder, '--key', 'short')).exit).toBe('code 2');
  const statement = JSON.parse(await readFile(`${folder}.signed.json`, 'utf8'));
  await writeFile(`${folder}.signed.json`, JSON.stringify({ ...statement, version: '9.9.9' }));
  expect((await release('verify', folder, '--key', publicKey)).complained).toContain('not that key’s');
  await writeFile(`${folder}.signed.json`, JSON.stringify({ ...statement, more: 1 }));
  expect((await release('verify', folder, '--key', publicKey)).complained).toContain('no signed statement');
  await writeFile(`${folder}.signed.json`, JSON.stringify(statement));
  await writeFile(join(folder, 'core.mjs'), '// other\n');
  expect((await release('verify', folder, '--key', publicKey)).complained).toMatch(
    /no whole release: core\.mjs has \d+ bytes/,
  );
  await writeRelease(folder, smallFiles, smallManifest(smallFiles, { version: '1.2.4' }));
  expect((await release('verify', folder, '--key', publicKey)).complained).toContain('of another release');
});

test('this checkout is built, with its torrent, and what it moves against another is printed', async () => {
  const parent = await writeRelease(join(home, 'parent'));
  const built = await release('build', '--out', folder, '--parent', join(home, 'parent'));
  expect(built).toMatchObject({ exit: 'code 0' });
  expect(built.out).toContain(`parent     ${parent}`);
  expect(built.out).toMatch(/changes +behaviours, core, gateway, page\n/);
  expect(built.out).toMatch(/Moves [\d.,]+ KiB of [\d.,]+ KiB \([\d.]+ %\) against 1\.2\.3-/);
  expect((await readdir(home)).sort()).toEqual(['parent', 'sparrow', 'sparrow.torrent']);
  expect((await release('build', '--out', folder, '--parent', home)).complained).toContain(
    'no whole release',
  );
});

test('a folder that is none, and a command that is none, are refused in a line', async () => {
  expect(await release('show', join(home, 'nowhere'))).toMatchObject({
    exit: 'code 1',
    complained: expect.stringMatching(
      /^error: .*nowhere cannot be read \(ENOENT\): is it a release folder\?\n$/,
    ),
  });
  expect(await release('key', 'nu')).toMatchObject({
    exit: 'code 2',
    complained: expect.stringContaining('Usage: murmuration release key'),
  });
});
