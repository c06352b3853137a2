// Torrents as bytes: what is refused, what is made of a folder, and that both fit.
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Bencoded, readBencode, writeBencode } from '../../cluster/dht-bencode.ts';
import { torrentBounds } from '../../cluster/torrent-bounds.ts';
import { TorrentError, type TorrentFlaw } from '../../cluster/torrent-error.ts';
import { readTorrentFile, writeTorrentFile } from '../../cluster/torrent-file.ts';
import { readInfo } from '../../cluster/torrent-info.ts';
import { addressOf, readMagnet, writeMagnet } from '../../cluster/torrent-magnet.ts';
import { makeInfo } from '../../cluster/torrent-making.ts';

const text = (value: string): Buffer => Buffer.from(value);
const file = (path: string[], length: number, more: [string, Bencoded][] = []): Bencoded =>
  new Map<string, Bencoded>([['length', length], ['path', path.map(text)], ...more]);

/** A torrent of these files that fits but for what is told. */
function written(files: Bencoded[], told: [string, Bencoded][] = []): Buffer {
  const total = files.reduce<number>((sum, one) => {
    const length = one instanceof Map ? one.get('length') : 0;
    return sum + (typeof length === 'number' ? length : 0);
  }, 0);
  return writeBencode(
    new Map<string, Bencoded>([
      ['files', files],
      ['name', text('bundle')],
      ['piece length', 16_384],
      ['pieces', Buffer.alloc(Math.ceil(Math.max(0, Math.min(total, 2 ** 20)) / 16_384) * 20)],
      ...told,
    ]),
  );
}

function flawOf(bytes: Uint8Array, bounds = torrentBounds): TorrentFlaw | null {
  try {
    readInfo(bytes, bounds);
    return null;
  } catch (error) {
    if (error instanceof TorrentError) return error.flaw;
    throw error;
  }
}

describe('an info dictionary', () => {
  test('is taken when nothing is wrong with it', () => {
    expect(flawOf(written([file(['a', 'b'], 1), file(['a', 'c'], 100_000), file(['d'], 0)]))).toBeNull();
  });

  const refused: [string, TorrentFlaw, Buffer][] = [
    ['a way up', 'path', written([file(['..', 'x'], 1)])],
    ['a way up within', 'path', written([file(['a', '..', 'x'], 1)])],
    ['here', 'path', written([file(['.'], 1)])],
    ['an empty name', 'path', written([file([''], 1)])],
    ['no name', 'path', written([file([], 1)])],
    ['a path in a name', 'path', written([file(['/etc/passwd'], 1)])],
    ['a backslash', 'path', written([file(['a\\b'], 1)])],
    ['a NUL', 'path', written([file(['a\0b'], 1)])],
    ['a line break', 'path', written([file(['a\nb'], 1)])],
    [
      'bytes that are no text',
      'path',
      written([
        new Map<string, Bencoded>([
          ['length', 1],
          ['path', [Buffer.from([0xff, 0xfe])]],
        ]),
      ]),
    ],
    ['a name too long', 'path', written([file(['x'.repeat(256)], 1)])],
    [
      'a path too deep',
      'path',
      written([
        file(
          Array.from({ length: 33 }, () => 'x'),
          1,
        ),
      ]),
    ],
    ['a way up as its own name', 'path', written([file(['a'], 1)], [['name', text('..')]])],
    ['a link', 'link', written([file(['a'], 1, [['attr', text('l')]])])],
    ['a link’s aim', 'link', written([file(['a'], 1, [['symlink path', [text('b')]]])])],
    ['a file twice', 'doubled-path', written([file(['a'], 1), file(['a'], 1)])],
    ['a file twice but for its case', 'doubled-path', written([file(['A'], 1), file(['a'], 1)])],
    [
      'a file twice but for how its accents are written',
      'doubled-path',
      written([file(['\u00e9'], 1), file(['e\u0301'], 1)]),
    ],
    ['a file below a file', 'doubled-path', written([file(['a'], 1), file(['a', 'b'], 1)])],
    ['a file above a file', 'doubled-path', written([file(['a', 'b'], 1), file(['A'], 1)])],
    ['too few hashes', 'sizes', written([file(['a'], 20_000)], [['pieces', Buffer.alloc(20)]])],
    ['too many hashes', 'sizes', written([file(['a'], 1)], [['pieces', Buffer.alloc(40)]])],
    ['half a hash', 'sizes', written([file(['a'], 1)], [['pieces', Buffer.alloc(10)]])],
    ['nothing', 'empty', written([file(['a'], 0)])],
    ['a file shorter than nothing', 'malformed', written([file(['a'], -1)])],
    ['pieces of no length', 'unsupported', written([file(['a'], 1)], [['piece length', 0]])],
    ['pieces that are no blocks', 'unsupported', written([file(['a'], 1)], [['piece length', 1000]])],
    ['pieces too long', 'too-many-bytes', written([file(['a'], 1)], [['piece length', 2 ** 30]])],
    [
      'more bytes than there can be',
      'too-many-bytes',
      written([file(['a'], Number.MAX_SAFE_INTEGER)], [['pieces', Buffer.alloc(20)]]),
    ],
    [
      'a bomb of padding',
      'too-many-bytes',
      written([file(['a'], 2 ** 50, [['attr', text('p')]])], [['pieces', Buffer.alloc(20)]]),
    ],
    ['no dictionary', 'malformed', writeBencode([1])],
    ['something behind it', 'malformed', Buffer.concat([written([file(['a'], 1)]), text('x')])],
  ];
  test.each(refused)('with %s is refused as %s', (_, flaw, bytes) => {
    expect(flawOf(bytes)).toBe(flaw);
  });

  test('of more files, or longer, than is allowed is refused; padding is no file', () => {
    const files = [file(['a'], 1), file(['b'], 1), file(['.pad', '9'], 1, [['attr', text('p')]])];
    expect(flawOf(written(files), { ...torrentBounds, filesMost: 2 })).toBeNull();
    expect(flawOf(written(files), { ...torrentBounds, filesMost: 1 })).toBe('too-many-files');
    expect(flawOf(written(files), { ...torrentBounds, infoMostBytes: 50 })).toBe('too-many-bytes');
  });

  test('of another hash is refused', () => {
    const bytes = written([file(['a'], 1)]);
    expect(() => readInfo(bytes, torrentBounds, Buffer.alloc(20))).toThrow(TorrentError);
    expect(readInfo(bytes, torrentBounds, readInfo(bytes).hash).name).toBe('bundle');
  });

  test('never makes the reader fail in another way, whatever is changed in it', () => {
    const bytes = written([file(['a', 'b'], 1), file(['c'], 40_000, [['attr', text('x')]])]);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const changed = Buffer.from(bytes);
          for (const [at, byte] of changes) changed[at] = byte;
          flawOf(changed);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('a folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'torrent-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  async function put(files: Record<string, string | Buffer>): Promise<void> {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(join(folder, path, '..'), { recursive: true });
      await writeFile(join(folder, path), content);
    }
  }

  test('gives the same bytes in whatever order it was filled, and other bytes for other content', async () => {
    await put({ b: 'two', 'a/z': 'one', 'a-': 'three', 'a/empty': '' });
    const first = await makeInfo({ folder, name: 'n' });
    await rm(folder, { recursive: true });
    await put({ 'a/empty': '', 'a-': 'three', 'a/z': 'one', b: 'two' });
    const second = await makeInfo({ folder, name: 'n' });
    expect(Buffer.compare(first.bytes, second.bytes)).toBe(0);
    expect(first.files.filter(({ isPad }) => !isPad).map(({ path }) => path.join('/'))).toEqual([
      'a-',
      'a/empty',
      'a/z',
      'b',
    ]);
    await put({ b: 'Two' });
    expect(Buffer.compare((await makeInfo({ folder, name: 'n' })).hash, first.hash)).not.toBe(0);
  });

  test('has each file at the beginning of a piece, and nothing behind the last', async () => {
    await put({ a: Buffer.alloc(70_000, 1), b: Buffer.alloc(65_536, 2), c: Buffer.alloc(5, 3) });
    const info = await makeInfo({ folder, name: 'n', pieceLength: 65_536 });
    let at = 0;
    for (const { length, isPad } of info.files) {
      if (!isPad) expect(at % info.pieceLength).toBe(0);
      at += length;
    }
    expect(info.totalBytes).toBe(131_072 + 65_536 + 5);
    expect(info.files.at(-1)?.isPad).toBe(false);
  });

  test('tells which files may be run', async () => {
    await put({ run: '#!', read: 'x' });
    await chmod(join(folder, 'run'), 0o755);
    await chmod(join(folder, 'read'), 0o644);
    const info = await makeInfo({ folder, name: 'n' });
    expect(info.files.flatMap(({ path, isExecutable }) => (isExecutable ? path : []))).toEqual(['run']);
  });

  test('with a link is refused', async () => {
    await put({ a: 'x' });
    await symlink('/etc/passwd', join(folder, 'b'));
    await expect(makeInfo({ folder, name: 'n' })).rejects.toMatchObject({ flaw: 'link' });
  });

  test('with nothing in it is refused', async () => {
    await expect(makeInfo({ folder, name: 'n' })).rejects.toMatchObject({ flaw: 'empty' });
  });

  test('with names that some disks take for one is refused', async () => {
    await put({ a: 'x', A: 'y' });
    await expect(makeInfo({ folder, name: 'n' })).rejects.toMatchObject({ flaw: 'doubled-path' });
  });

  test('comes back from its .torrent file as it was, with whatever stands beside it there', async () => {
    await put({ a: 'x', 'b/c': 'y' });
    const info = await makeInfo({ folder, name: 'n' });
    expect(readTorrentFile(writeTorrentFile(info))).toEqual(info);
    const others = readBencode(Buffer.from(writeTorrentFile(info)), { deepest: 9, keyMostBytes: 99 });
    if (!(others instanceof Map)) throw new Error('no dictionary');
    others.set('announce', text('http://tracker.example/'));
    others.set('created by', text('somebody'));
    expect(readTorrentFile(writeBencode(others))).toEqual(info);
    expect(() => readTorrentFile(text('d8:announce1:xe'))).toThrow(TorrentError);
  });

  test('tells how far it is read', async () => {
    await put({ a: Buffer.alloc(300_000) });
    const heard: number[] = [];
    await makeInfo({ folder, name: 'n', onProgress: (bytes, total) => heard.push(bytes, total) });
    expect(heard.slice(-2)).toEqual([300_000, 300_000]);
  });
});

describe('a magnet link', () => {
  const address = fc.record({
    host: fc.oneof(
      fc.ipV4(),
      fc.ipV6().filter((host) => !host.includes('.')),
      fc.domain(),
    ),
    port: fc.integer({ min: 1, max: 65_535 }),
  });

  test('says what was written into it', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 20, maxLength: 20 }),
        fc.option(
          fc.string({ minLength: 1, maxLength: 100, unit: 'grapheme' }).filter((name) => name.isWellFormed()),
        ),
        fc.array(address, { maxLength: 5 }),
        (hash, name, peers) => {
          const read = readMagnet(writeMagnet({ hash, name, peers }));
          expect(Buffer.compare(read.hash, hash)).toBe(0);
          expect(read.name).toBe(name);
          expect(read.peers).toEqual(peers);
        },
      ),
    );
  });

  test('may have its hash in base32, and things that mean nothing here', () => {
    const hash = Buffer.from('0123456789abcdef0123456789abcdef01234567', 'hex');
    const link =
      'magnet:?dn=x&tr=udp%3A%2F%2Ft&xt=urn:btmh:1220ff&xt=urn:btih:AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH&x.pe=nobody';
    expect(Buffer.compare(readMagnet(link).hash, hash)).toBe(0);
    expect(readMagnet(link).peers).toEqual([]);
  });

  test.each(['', 'http://x', 'magnet:?dn=x', 'magnet:?xt=urn:btih:zz', `magnet:?${'x'.repeat(9000)}`])(
    'is no magnet link: %s',
    (link) => {
      expect(() => readMagnet(link)).toThrow(TorrentError);
    },
  );

  test.each(['1.2.3.4', '1.2.3.4:0', '1.2.3.4:70000', '[::1:5', 'a b:5', '::1:5', ''])(
    '%s is no address',
    (said) => {
      expect(addressOf(said)).toBeNull();
    },
  );
});
