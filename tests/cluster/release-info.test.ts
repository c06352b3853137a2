// The torrent of a release: what is accepted before anything is fetched, and how much of it a small change moves.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { movedAgainst } from '../../cluster/release-torrent.ts';
import { acceptInfo } from '../../cluster/release-verification.ts';
import type { TorrentFile, TorrentInfo } from '../../cluster/torrent-info.ts';
import { makeSmall, smallFiles } from '../support/small-release.ts';

let home = '';
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'murmuration-info-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
});

const make = (name: string, files = smallFiles) => makeSmall(join(home, name), files);

describe('an info dictionary, before anything is fetched', () => {
  const wing = (path: string, length = 1): TorrentFile => ({
    path: path.split('/'),
    length,
    isPad: false,
    isExecutable: false,
  });

  test('is accepted when it is the pointer’s and holds what a release holds', async () => {
    const { info, pointer } = await make('one');
    expect(acceptInfo(info, pointer)).toEqual({ ok: true, value: undefined });
  });

  test.each<[string, string, (info: TorrentInfo) => TorrentInfo]>([
    ['another hash', 'other-info', (info) => ({ ...info, hash: new Uint8Array(20) })],
    ['another length', 'other-info', (info) => ({ ...info, bytes: info.bytes.subarray(1) })],
    [
      '10,000 files',
      'too-many-files',
      (info) => more(info, ...Array.from({ length: 10_000 }, (_, at) => wing(`page/${at}`))),
    ],
    ['a bomb', 'too-many-bytes', (info) => more(info, wing('page/bomb', 2 ** 40))],
    [
      'many that are a bomb together',
      'too-many-bytes',
      (info) => more(info, ...Array.from({ length: 40 }, (_, at) => wing(`page/${at}`, 2 ** 25))),
    ],
    ['padding without end', 'too-many-bytes', (info) => ({ ...info, totalBytes: 2 ** 33 })],
    ['pieces too large to hold', 'too-many-bytes', (info) => ({ ...info, pieceLength: 2 ** 26 })],
    ['a manifest too large to read', 'too-many-bytes', (info) => resized(info, 'manifest.json', 2 ** 22)],
    ['a path that leads out', 'path', (info) => more(info, wing('../x'))],
    ['a hidden path', 'path', (info) => more(info, wing('.ssh/authorized_keys'))],
    ['a doubled path', 'path', (info) => more(info, wing('CORE.mjs'))],
    ['a file below a file', 'path', (info) => more(info, wing('core.mjs/x'))],
    ['no manifest', 'missing-file', (info) => without(info, 'manifest.json')],
    ['no core', 'missing-file', (info) => without(info, 'core.mjs')],
  ])('with %s is refused', async (_what, code, change) => {
    const { info, pointer } = await make('one');
    const refused = acceptInfo(change(info), pointer);
    expect(refused).toMatchObject({ ok: false, code });
    expect(!refused.ok && refused.reason).toMatch(/^[^\n]{5,200}$/);
  });

  function more(info: TorrentInfo, ...files: TorrentFile[]): TorrentInfo {
    return { ...info, files: [...info.files, ...files] };
  }
  function without(info: TorrentInfo, path: string): TorrentInfo {
    return { ...info, files: info.files.filter((file) => file.path.join('/') !== path) };
  }
  function resized(info: TorrentInfo, path: string, length: number): TorrentInfo {
    return { ...without(info, path), files: [...without(info, path).files, wing(path, length)] };
  }
});

describe('the torrent of a release', () => {
  test('is the same from another folder, and moves only what changed', async () => {
    const [one, again] = [await make('one'), await make('again')];
    expect(again.info.bytes).toEqual(one.info.bytes);
    const next = await make('next', { ...smallFiles, 'core.mjs': '// other\n' });
    const { movedBytes, totalBytes } = movedAgainst(one.info, next.info);
    const manifestBytes = (await readFile(join(next.folder, 'manifest.json'))).length;
    expect(movedBytes).toBe('// other\n'.length + manifestBytes + next.info.bytes.length);
    expect(totalBytes).toBeGreaterThan(3000 * 11);
    expect(movedAgainst(null, next.info).movedBytes).toBe(totalBytes);
    expect(movedAgainst(next.info, next.info).movedBytes).toBe(next.info.bytes.length);
  });

  test('a line in a long file moves the pieces behind it only', async () => {
    const long = (line: string) => ({
      ...smallFiles,
      'code/shared.mjs': `${'// feathers\n'.repeat(3000)}${line}${'// tail\n'.repeat(10)}`,
    });
    const [one, next] = [await make('one', long('a\n')), await make('next', long('another\n'))];
    const { movedBytes } = movedAgainst(one.info, next.info);
    expect(movedBytes).toBeLessThan(16 * 1024 + 4000);
  });
});
