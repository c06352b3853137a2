// What a node takes for a release: judged before it is fetched, looked at byte for byte before it leaves staging, kept in few copies.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { encodeManifest } from '../../cluster/release-manifest.ts';
import { openReleaseStore, type ReleaseStore } from '../../cluster/release-store.ts';
import { keptPath } from '../../cluster/swarm-order.ts';
import { packageRoot } from '../support/server.ts';
import { makeSmall, type SmallRelease, smallFiles, smallManifest } from '../support/small-release.ts';

let home = '';
let store: ReleaseStore;
const logged: string[] = [];
const log = {
  info: () => {},
  warn: (_fields: object, text: string) => {
    logged.push(text);
  },
};

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'murmuration-store-'));
  logged.length = 0;
  store = await open();
  onTestFinished(() => rm(home, { recursive: true, force: true }));
});

const open = () =>
  openReleaseStore({ data: join(home, 'data'), root: packageRoot, agentVersion: '0.1.0', log });

const make = (name: string, files = smallFiles, manifest = smallManifest(files)) =>
  makeSmall(join(home, 'made', name), files, manifest);

/** As the swarm leaves it. */
async function fetched(
  made: SmallRelease,
  spoil: (staging: string) => Promise<unknown> = async () => {},
): Promise<string> {
  const staging = store.stagingOf(made.info.hash);
  await rm(staging, { recursive: true, force: true });
  await mkdir(dirname(staging), { recursive: true });
  await rename(made.folder, staging);
  await writeFile(keptPath(staging), 'pieces');
  await spoil(staging);
  return staging;
}

describe('what was fetched', () => {
  test('is taken out of staging, whole, with its torrent beside it, and nothing is left behind', async () => {
    const made = await make('one');
    await fetched(made);
    const taken = await store.take(made.info, made.pointer);
    expect(taken).toMatchObject({ ok: true, value: { id: made.id, label: `1.2.3-${made.id.slice(0, 12)}` } });
    expect((await readdir(store.folder)).sort()).toEqual(
      [made.id, `${made.id}.torrent`, 'node_modules'].sort(),
    );
    const found = await store.find(made.id);
    expect(Buffer.from(found?.info.bytes ?? []).equals(made.info.bytes)).toBe(true);
    expect(found?.manifest).toEqual(smallManifest());
    expect(await readFile(join(found?.folder ?? '', 'core.mjs'), 'utf8')).toBe(smallFiles['core.mjs']);
  });

  test('with padding that a client has written is taken without it', async () => {
    const made = await make('one');
    await fetched(made, async (staging) => {
      await mkdir(join(staging, '.pad'));
      await writeFile(join(staging, '.pad', '1234'), Buffer.alloc(1234));
    });
    expect((await store.take(made.info, made.pointer)).ok).toBe(true);
    expect(await readdir(join(store.folder, made.id))).not.toContain('.pad');
  });

  const other = smallManifest({ ...smallFiles, 'core.mjs': '// other\n' });

  test.each<[string, string, (staging: string) => Promise<unknown>]>([
    [
      'a byte changed',
      'wrong-file',
      (at) =>
        writeFile(join(at, 'core.mjs'), (smallFiles['core.mjs'] ?? '').replace('2', '3').replace('c', 'k')),
    ],
    ['a byte more', 'wrong-file', (at) => writeFile(join(at, 'core.mjs'), `${smallFiles['core.mjs']} `)],
    ['a byte less', 'wrong-file', (at) => writeFile(join(at, 'page/index.html'), '<!doctype html>')],
    ['a file missing', 'missing-file', (at) => rm(join(at, 'code/shared.mjs'))],
    ['a file more', 'foreign-file', (at) => writeFile(join(at, 'page', 'extra.js'), 'x')],
    ['a hidden file', 'foreign-file', (at) => writeFile(join(at, '.env'), 'x')],
    [
      'padding below the top',
      'foreign-file',
      async (at) => {
        await mkdir(join(at, 'page', '.pad'));
        await writeFile(join(at, 'page', '.pad', '7'), 'x');
      },
    ],
    [
      'a file that is a link',
      'link',
      async (at) => {
        await rm(join(at, 'core.mjs'));
        await symlink('/etc/passwd', join(at, 'core.mjs'));
      },
    ],
    [
      'a folder that is a link',
      'link',
      async (at) => {
        await rename(join(at, 'code'), join(home, 'code'));
        await symlink(join(home, 'code'), join(at, 'code'));
      },
    ],
    [
      'a manifest that is a link',
      'link',
      async (at) => {
        await rename(join(at, 'manifest.json'), join(home, 'manifest.json'));
        await symlink(join(home, 'manifest.json'), join(at, 'manifest.json'));
      },
    ],
    [
      'a pipe',
      'link',
      async (at) => {
        await rm(join(at, 'core.mjs'));
        execFileSync('mkfifo', [join(at, 'core.mjs')]);
      },
    ],
    [
      'a folder for a file',
      'missing-file',
      async (at) => {
        await rm(join(at, 'core.mjs'));
        await mkdir(join(at, 'core.mjs'));
      },
    ],
    [
      'a manifest of another release',
      'other-manifest',
      (at) => writeFile(join(at, 'manifest.json'), encodeManifest(other)),
    ],
    ['no manifest', 'missing-file', (at) => rm(join(at, 'manifest.json'))],
    [
      'thousands of files',
      'too-many-files',
      async (at) => {
        await mkdir(join(at, 'many'));
        for (let number = 0; number < 4001; number++) await writeFile(join(at, 'many', String(number)), '');
      },
    ],
  ])('with %s stays in staging, with the reason', async (_what, code, spoil) => {
    const made = await make('one');
    const staging = await fetched(made, spoil);
    const taken = await store.take(made.info, made.pointer);
    expect([code === 'missing-file' ? ['missing-file', 'link'] : [code]].flat()).toContain(
      !taken.ok && taken.code,
    );
    expect(!taken.ok && taken.reason).toMatch(/^[^\n]{5,200}$/);
    expect(await store.list()).toEqual([]);
    await store.dropStaging(made.info.hash);
    expect(await readdir(store.folder)).toEqual(['node_modules']);
    expect(staging.startsWith(store.folder)).toBe(true);
  });

  test.each<[string, string, Partial<ReturnType<typeof smallManifest>>, RegExp]>([
    [
      'a newer agent',
      'newer-agent',
      { minimumAgent: '0.1.1' },
      /needs an agent of 0\.1\.1 at least, and this is 0\.1\.0/,
    ],
    [
      'another native package',
      'native',
      { native: { lmdb: '3.0.0' } },
      /it needs lmdb 3\.0\.0 \(\d+\.\d+\.\d+ is installed\)/,
    ],
    [
      'a native package that is not installed',
      'native',
      { native: { 'no-such-bird': '1.0.0' } },
      /no-such-bird 1\.0\.0 \(none is installed\)/,
    ],
    [
      'another Node',
      'node-abi',
      { nodeAbi: { min: 900, max: 901 } },
      /module version 900 to 901, and this is Node/,
    ],
  ])('for %s is refused with that reason', async (_what, code, changed, reason) => {
    const made = await make('one', smallFiles, smallManifest(smallFiles, changed));
    await fetched(made);
    const taken = await store.take(made.info, made.pointer);
    expect(taken).toMatchObject({ ok: false, code, reason: expect.stringMatching(reason) });
  });

  test('with a manifest that lies about sizes is refused, though somebody has signed it', async () => {
    const lying = smallManifest();
    const files = lying.files.map((file) =>
      file.path === 'core.mjs' ? { ...file, size: file.size - 1 } : file,
    );
    const made = await make('one', smallFiles, { ...lying, files });
    await fetched(made);
    expect(await store.take(made.info, made.pointer)).toMatchObject({ ok: false, code: 'wrong-file' });
  });

  test('under another version than the pointer’s is refused', async () => {
    const made = await make('one');
    await fetched(made);
    const pointer = { ...made.pointer, version: '9.9.9' };
    expect(await store.take(made.info, pointer)).toMatchObject({ ok: false, code: 'other-version' });
    const labelled = { ...made.pointer, version: `1.2.3-${made.id.slice(0, 12)}` };
    expect((await store.take(made.info, labelled)).ok).toBe(true);
  });

  test('nowhere, is an error of the disk and no refusal', async () => {
    const made = await make('one');
    await expect(store.take(made.info, made.pointer)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('the store', () => {
  async function put(name: string, sinceDays: number): Promise<string> {
    const files = { ...smallFiles, 'core.mjs': `// ${name}\n` };
    const { folder } = await make(name, files);
    const stored = await store.putRelease(folder);
    if (!stored.ok) throw new Error(stored.reason);
    const at = new Date(Date.now() - sinceDays * 86_400_000);
    await utimes(join(store.folder, `${stored.value.id}.torrent`), at, at);
    return stored.value.id;
  }

  test('takes a release that was built here, with the torrent its maker has', async () => {
    const made = await make('one');
    const stored = await store.putRelease(made.folder);
    expect(stored).toMatchObject({ ok: true, value: { id: made.id } });
    expect(stored.ok && stored.value.info.hash).toEqual(made.info.hash);
    expect(await readdir(made.folder)).toContain('core.mjs');
    // Again, and from itself, it is the same one.
    expect(await store.putRelease(join(store.folder, made.id))).toMatchObject({
      ok: true,
      value: { id: made.id },
    });
    await symlink('core.mjs', join(made.folder, 'link.mjs'));
    expect(await store.putRelease(made.folder)).toMatchObject({ ok: false, code: 'link' });
    expect((await store.list()).length).toBe(1);
  });

  test('keeps the newest three and those in use, and says which are gone', async () => {
    const ids: string[] = [];
    for (const days of [5, 4, 3, 2, 1]) ids.push(await put(`r${days}`, days));
    const [fifth = '', fourth = '', ...newest] = ids;
    expect((await store.list()).map(({ id }) => id)).toEqual([...ids].reverse());
    expect(await store.keep({ inUse: [fifth], fetching: [] })).toEqual([fourth]);
    expect((await store.list()).map(({ id }) => id)).toEqual([...newest.reverse(), fifth]);
    expect(await store.keep({ inUse: [], fetching: [] })).toEqual([fifth]);
  });

  test('drops what nobody fetches any more but a few', async () => {
    const hashes = [1, 2, 3, 4, 5].map((byte) => new Uint8Array(20).fill(byte));
    for (const [at, hash] of hashes.entries()) {
      await mkdir(store.stagingOf(hash));
      await writeFile(keptPath(store.stagingOf(hash)), '');
      await utimes(store.stagingOf(hash), at, at);
    }
    await store.keep({ inUse: [], fetching: [new Uint8Array(20).fill(1)] });
    const left = (await readdir(store.folder)).filter((name) => name.startsWith('staging-')).sort();
    expect(left.map((name) => name.slice(8, 10))).toEqual(['01', '01', '04', '04', '05', '05']);
  });

  test('finds a release by the beginning of its id, its label or its version', async () => {
    const id = await put('one', 1);
    for (const name of [id, id.slice(0, 8), `1.2.3-${id.slice(0, 12)}`, '1.2.3'])
      expect(await store.named(name)).toMatchObject({ id });
    expect(await store.named(id.slice(0, 3))).toBeNull();
    expect(await store.named('../..')).toBeNull();
    expect(await store.find('../../etc')).toBeNull();
    await put('two', 2);
    expect(await store.named('1.2.3')).toBe('several');
  });

  test('looks for native packages where the checkout has them', async () => {
    expect(await readlink(join(store.folder, 'node_modules'))).toBe(join(packageRoot, 'node_modules'));
    await rm(join(store.folder, 'node_modules'));
    await symlink('/nowhere', join(store.folder, 'node_modules'));
    await open();
    expect(await readlink(join(store.folder, 'node_modules'))).toBe(join(packageRoot, 'node_modules'));
  });

  test('holds programs that find the native packages from there', async () => {
    const stored = await store.putRelease(join(packageRoot, 'release'));
    const folder = stored.ok ? stored.value.folder : '';
    for (const program of ['core.mjs', 'gateway.mjs']) {
      const run = spawnSync(process.execPath, [join(folder, program)], { env: {}, encoding: 'utf8' });
      expect(run.stderr).toContain('MURMURATION_SETTINGS is not set');
    }
    await rm(join(store.folder, 'node_modules'));
    const run = spawnSync(process.execPath, [join(folder, 'core.mjs')], { env: {}, encoding: 'utf8' });
    expect(run.stderr).toContain("Cannot find package 'lmdb'");
  });

  test('clears away what a crash has left, and what is not whole, and keeps the rest', async () => {
    const id = await put('one', 1);
    const half = await put('half', 2);
    const bare = await put('bare', 3);
    await rm(join(store.folder, `${half}.torrent`));
    await rm(join(store.folder, bare), { recursive: true });
    await mkdir(join(store.folder, '.new-1-abc'));
    await writeFile(join(store.folder, `${'a'.repeat(64)}.torrent.draft`), '');
    const staging = store.stagingOf(new Uint8Array(20));
    await mkdir(staging);
    store = await open();
    expect((await readdir(store.folder)).sort()).toEqual(
      [id, `${id}.torrent`, 'node_modules', `staging-${'0'.repeat(40)}`].sort(),
    );
    expect(logged).toContain('a release that is not whole is removed');
  });

  test('a release that rots on disk is seen by a check, and replaced when it comes again', async () => {
    const made = await make('one');
    await fetched(made);
    await store.take(made.info, made.pointer);
    const file = join(store.folder, made.id, 'core.mjs');
    expect((await store.check(made.id)).ok).toBe(true);
    await chmod(file, 0o644);
    await writeFile(file, 'rotten');
    expect(await store.check(made.id)).toMatchObject({ ok: false, code: 'wrong-file' });
    const again = await make('one');
    await fetched(again);
    expect((await store.take(again.info, again.pointer)).ok).toBe(true);
    expect((await store.check(made.id)).ok).toBe(true);
  });

  test('two that take and put at once do not disturb each other', async () => {
    const made = await make('one');
    const two = await make('two', { ...smallFiles, 'core.mjs': '// two\n' });
    const copy = await make('copy');
    await fetched(made);
    const done = await Promise.all([
      store.take(made.info, made.pointer),
      store.putRelease(two.folder),
      store.putRelease(copy.folder),
      store.keep({ inUse: [], fetching: [made.info.hash] }),
    ]);
    expect(done.slice(0, 3).every((one) => 'ok' in one && one.ok)).toBe(true);
    expect((await store.list()).length).toBe(2);
  });
});
