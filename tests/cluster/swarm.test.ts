// Swarms on real sockets: everybody gets everything, whatever some of them do.
import { appendFile, chmod, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { keptPath } from '../../cluster/swarm-order.ts';
import { torrentBounds } from '../../cluster/torrent-bounds.ts';
import { makeInfo } from '../../cluster/torrent-making.ts';
import { until } from '../support/until.ts';
import { contentOf, Ends, expectSame, finds } from './swarm-ends.ts';

let ends: Ends;
beforeEach(() => {
  ends = new Ends();
});
afterEach(() => ends.close());

describe('a bundle', () => {
  test('goes from one to many, each file as it was, with what may be run', async () => {
    const bundle = await ends.bundle({
      'a/big': 700_000,
      small: 5,
      'a/b/empty': Buffer.alloc(0),
      run: 70_000,
    });
    await chmod(join(bundle.folder, 'run'), 0o755);
    bundle.info = await makeInfo({ folder: bundle.folder, name: 'bundle' });
    const seed = await ends.seed(bundle);
    const first = await ends.leech('one', bundle, finds(seed));
    const second = await ends.leech('two', bundle, finds(seed, first));
    const third = await ends.leech('three', bundle, finds(seed, first, second));
    await Promise.all([first, second, third].map(({ torrent }) => torrent.whenComplete));
    for (const { folder, torrent } of [first, second, third]) {
      await expectSame(folder, bundle);
      expect((await stat(join(folder, 'run'))).mode & 0o111).not.toBe(0);
      expect((await stat(join(folder, 'a/b/empty'))).size).toBe(0);
      const { totalBytes, haveBytes } = torrent.progress;
      expect([torrent.stage, totalBytes, haveBytes]).toEqual(['complete', 770_005, 770_005]);
    }
  });

  test('comes by its hash alone, from a peer that itself got the info dictionary late', async () => {
    const bundle = await ends.bundle(
      Object.fromEntries(Array.from({ length: 400 }, (_, at) => [`file-${at}`, 10])),
    );
    expect(bundle.info.bytes.length).toBeGreaterThan(32_768);
    const first = await ends.leech('one', bundle, { info: null });
    const second = await ends.leech('two', bundle, { info: null, ...finds(first) });
    await until(() => first.torrent.progress.peers === 1 && second.torrent.progress.peers === 1);
    const seed = await ends.seed(bundle);
    first.torrent.addPeers([seed.address]);
    expect((await second.torrent.whenInfo).name).toBe('bundle');
    await Promise.all([first.torrent.whenComplete, second.torrent.whenComplete]);
    await expectSame(second.folder, bundle);
  });

  test('is refused by who has bounds that it does not fit, and nothing is written', async () => {
    const bundle = await ends.bundle({ a: 100_000, b: 10 });
    const seed = await ends.seed(bundle);
    const bounds = { ...torrentBounds, filesMost: 1 };
    const leech = await ends.leech('one', bundle, { info: null, bounds, ...finds(seed) });
    await expect(leech.torrent.whenInfo).rejects.toMatchObject({ reason: 'refused' });
    await expect(leech.torrent.whenComplete).rejects.toMatchObject({ cause: { flaw: 'too-many-files' } });
    expect(leech.torrent.stage).toBe('failed');
    await expect(stat(leech.folder)).rejects.toThrow('ENOENT');
  });

  test('is not written through a link that lies in its folder', async () => {
    const bundle = await ends.bundle({ 'a/b': 100_000 });
    const seed = await ends.seed(bundle);
    const folder = await ends.folder('one');
    const outside = await ends.folder('outside');
    await mkdir(folder);
    await mkdir(outside);
    await symlink(outside, join(folder, 'a'));
    const leech = await ends.leech('one', bundle, finds(seed));
    await expect(leech.torrent.whenComplete).rejects.toMatchObject({ reason: 'disk' });
    await expect(stat(join(outside, 'b'))).rejects.toThrow('ENOENT');
  });

  test('that is not what was told is not shared', async () => {
    const bundle = await ends.bundle({ a: 1000 });
    await appendFile(join(bundle.folder, 'a'), 'x');
    const swarm = await ends.swarm();
    const torrent = swarm.add({
      hash: bundle.info.hash,
      info: bundle.info,
      folder: bundle.folder,
      isWhole: true,
    });
    await expect(torrent.whenComplete).rejects.toMatchObject({ reason: 'disk' });
  });
});

describe('the first copy', () => {
  test('is sent once; when its seed is gone the rest finish among themselves', async () => {
    const bundle = await ends.bundle({ a: 3_000_000 });
    const seed = await ends.seed(bundle, { isFirst: true });
    const leeches = await Promise.all(['one', 'two', 'three'].map((name) => ends.leech(name, bundle)));
    const sentAtSpread = seed.torrent.whenSpread.then(() => {
      const { sentBytes } = seed.torrent.progress;
      return seed.swarm.close().then(() => sentBytes);
    });
    const addresses = [seed, ...leeches].map(({ address }) => address);
    for (const { torrent } of leeches) torrent.addPeers(addresses);
    // Once, but for what a peer was too slow to take; without turns it is almost three times.
    expect(await sentAtSpread).toBeLessThan(4_500_000);
    await Promise.all(leeches.map(({ torrent }) => torrent.whenComplete));
    for (const { folder } of leeches) await expectSame(folder, bundle);
  });

  test('goes to one alone without waiting for others', async () => {
    const bundle = await ends.bundle({ a: 3_000_000 });
    const seed = await ends.seed(bundle, { isFirst: true });
    const leech = await ends.leech('one', bundle, finds(seed));
    await leech.torrent.whenComplete;
    expect(leech.torrent.progress.movedBytes).toBe(3_000_000);
  });
});

describe('a restart', () => {
  /** A leech that got some of the bundle and was closed. */
  async function half() {
    const bundle = await ends.bundle({ a: 600_000, b: 400_000 });
    let given = 0;
    const visitor = await ends.visitor({ bundle, answer: ({ right }) => (++given <= 25 ? right : null) });
    const leech = await ends.leech('one', bundle, finds(visitor));
    await until(() => given > 25 && leech.torrent.progress.haveBytes >= 2 * 65_536);
    await leech.swarm.close();
    expect(leech.torrent.stage).toBe('removed');
    await expect(leech.torrent.whenComplete).rejects.toMatchObject({ reason: 'removed' });
    return { bundle, hadBytes: leech.torrent.progress.haveBytes, folder: leech.folder };
  }

  test('goes on with what is there, without reading it again', async () => {
    const { bundle, hadBytes, folder } = await half();
    const seed = await ends.seed(bundle);
    const again = await ends.leech('one', bundle, finds(seed));
    await again.torrent.whenComplete;
    expect(again.torrent.progress.keptBytes).toBe(hadBytes);
    expect(again.torrent.progress.movedBytes).toBeLessThanOrEqual(1_000_000 - hadBytes + 65_536);
    await expectSame(folder, bundle);
    await again.swarm.close();
    const third = await ends.leech('one', bundle);
    await third.torrent.whenComplete;
    expect(third.torrent.progress.movedBytes).toBe(0);
  });

  test('finds out what is there when nothing was kept', async () => {
    const { bundle, hadBytes, folder } = await half();
    await rm(keptPath(folder));
    const seed = await ends.seed(bundle);
    const again = await ends.leech('one', bundle, finds(seed));
    await again.torrent.whenComplete;
    expect(again.torrent.progress.keptBytes).toBe(hadBytes);
    await expectSame(folder, bundle);
  });

  test('does not believe what was kept of files that changed meanwhile', async () => {
    const bundle = await ends.bundle({ a: 200_000, b: 200_000 });
    const seed = await ends.seed(bundle);
    const leech = await ends.leech('one', bundle, finds(seed));
    await leech.torrent.whenComplete;
    await leech.swarm.close();
    const path = join(leech.folder, 'a');
    const changed = await readFile(path);
    changed[100_000] = (changed[100_000] ?? 0) ^ 1;
    await writeFile(path, changed);
    await rm(join(leech.folder, 'b'));
    const again = await ends.leech('one', bundle, finds(seed));
    await again.torrent.whenComplete;
    expect(again.torrent.progress.keptBytes).toBe(200_000 - 65_536);
    await expectSame(leech.folder, bundle);
  });

  test.each(['', '{', '[]', '{"torrent":1,"have":2,"files":3}'])(
    'is not misled by what was kept being %j',
    async (kept) => {
      const { bundle, folder } = await half();
      await writeFile(keptPath(folder), kept);
      const seed = await ends.seed(bundle);
      const again = await ends.leech('one', bundle, finds(seed));
      await again.torrent.whenComplete;
      await expectSame(folder, bundle);
    },
  );
});

describe('an earlier release', () => {
  test('gives all pieces but those of the one file that changed', async () => {
    const files = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`dir/${at}`, 80_000]));
    const old = await ends.bundle(files, 'old');
    const changed = await ends.bundle(
      Object.fromEntries(
        await Promise.all(
          Object.keys(files).map(async (path) => [path, await readFile(join(old.folder, path))] as const),
        ),
      ),
      'new',
    );
    await writeFile(join(changed.folder, 'dir/7'), Buffer.alloc(80_000, 7));
    // One has another name, one grew at its end.
    await writeFile(join(changed.folder, 'renamed'), await readFile(join(changed.folder, 'dir/9')));
    await rm(join(changed.folder, 'dir/9'));
    await appendFile(join(changed.folder, 'dir/8'), 'more');
    changed.info = await makeInfo({ folder: changed.folder, name: 'bundle', pieceLength: 65_536 });
    const seed = await ends.seed(changed);
    const before = await contentOf(old.folder, old.info);
    const leech = await ends.leech('one', changed, {
      ...finds(seed),
      sources: [join(old.folder, 'nothing'), old.folder],
    });
    await leech.torrent.whenComplete;
    await expectSame(leech.folder, changed);
    // All of dir/7, and the last piece of dir/8: two blocks each, by which requests go, but for the end.
    expect(leech.torrent.progress.reusedBytes).toBe(30 * 80_000 + 4 - 80_000 - (80_004 - 65_536));
    expect(leech.torrent.progress.movedBytes).toBeLessThanOrEqual(80_000 + 32_768 + 32_768);
    expect((await contentOf(old.folder, old.info)).equals(before)).toBe(true);
  });

  test('whose files lie about their content gives nothing', async () => {
    const bundle = await ends.bundle({ a: 200_000 });
    await ends.bundle({ a: 200_000 }, 'old');
    const seed = await ends.seed(bundle);
    const leech = await ends.leech('one', bundle, { ...finds(seed), sources: [await ends.folder('old')] });
    await leech.torrent.whenComplete;
    expect(leech.torrent.progress.reusedBytes).toBe(0);
    await expectSame(leech.folder, bundle);
  });
});
