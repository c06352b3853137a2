// Releases that nobody may run, from a swarm to a machine that follows pointers: each is refused, `deploy status` has the reason, and
// nothing of it stays on disk.
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newKeyPair } from '../../cluster/ed25519.ts';
import type { ReleaseManifest } from '../../cluster/release-manifest.ts';
import {
  encodeSignedPointer,
  type ReleasePointer,
  readSignedPointer,
  signPointer,
} from '../../cluster/release-pointer.ts';
import type { SwarmAddress } from '../../cluster/swarm-order.ts';
import { infoHash, type TorrentFile, writeInfo } from '../../cluster/torrent-info.ts';
import { makeInfo } from '../../cluster/torrent-making.ts';
import { pointerTo, type SmallRelease, smallFiles, smallManifest } from '../support/small-release.ts';
import { until } from '../support/until.ts';
import { MetadataVisitor } from './metadata-visitor.ts';
import { ReleaseFollower } from './release-followers.ts';
import { ReleaseMachines } from './release-machines.ts';
import { Ends, type Seed } from './swarm-ends.ts';

let ends: Ends;
let machines: ReleaseMachines;
beforeEach(() => {
  ends = new Ends();
  machines = new ReleaseMachines(ends);
});
afterEach(() => ends.close());

interface Evil {
  pointer: ReleasePointer;
  info: Uint8Array;
  from: { address: SwarmAddress };
}

/** From this peer, with and without the dictionary sent along, after the machine has taken the pointer for good. */
async function expectRefused({ pointer, info, from }: Evil, reason: RegExp): Promise<void> {
  for (const sent of [info, null]) {
    const machine = await machines.machine(sent === null ? 'asks' : 'was sent it', [from]);
    const follower = await ReleaseFollower.of(ends, machine);
    const news = machines.news({ pointer, info: sent });
    expect(await follower.hear(news)).toEqual({ kind: 'taken' });
    const { stage, note, runs } = await follower.end();
    expect({ stage, note, runs }).toEqual({
      stage: 'refused',
      note: expect.stringMatching(reason),
      runs: 'b'.repeat(64),
    });
    expect(follower.status()).toContain(`refused: ${note}`);
    await follower.expectUntouched();
  }
}

async function seeded(
  made: SmallRelease,
  changed: Partial<ReleasePointer> = {},
): Promise<Evil & { from: Seed }> {
  const pointer = { ...made.pointer, ...changed };
  return { pointer, info: made.info.bytes, from: await machines.seed(made) };
}

/** As `made`, with whatever the spoiling has left in its folder. */
async function again(made: SmallRelease, spoil: (folder: string) => Promise<unknown>): Promise<SmallRelease> {
  await spoil(made.folder);
  const info = await makeInfo({ folder: made.folder, name: made.info.name, pieceLength: 16_384 });
  return { ...made, info, pointer: pointerTo(made.id, info) };
}

/** A dictionary that our own swarm would not take, from a peer that gives it away. */
async function visited(info: Uint8Array): Promise<Evil> {
  const visitor = new MetadataVisitor(info);
  await visitor.listen();
  ends.closes(() => visitor.close());
  const pointer = pointerTo('0'.repeat(64), { hash: infoHash(info), bytes: info });
  return { pointer, info, from: visitor };
}

const file = (path: string[], length: number): TorrentFile => ({
  path,
  length,
  isPad: false,
  isExecutable: false,
});

/** With the files of a good one before these. */
async function infoWith(files: TorrentFile[], pieceLength = 16_384): Promise<Uint8Array> {
  const { info } = await machines.release('good');
  const all = [...info.files, ...files];
  const totalBytes = all.reduce((sum, { length }) => sum + length, 0);
  const pieces = Buffer.alloc(20 * Math.ceil(totalBytes / pieceLength), 5);
  return writeInfo({ name: 'sparrow', pieceLength, pieces, files: all });
}

function says(changed: Partial<ReleaseManifest>): Promise<SmallRelease> {
  return machines.release('evil', smallFiles, smallManifest(smallFiles, changed));
}

describe('a release whose pointer is signed by the right key is refused', () => {
  test('when a file is another one than its manifest says', async () => {
    const made = await machines.release('evil');
    const evil = await again(made, (folder) =>
      writeFile(join(folder, 'behaviours.js'), 'exports.behaviours = [];\n'),
    );
    await expectRefused(await seeded(evil), /^behaviours\.js is not what its manifest says: other content$/);
  });

  test('when there is a file that its manifest does not list', async () => {
    const made = await machines.release('evil');
    const evil = await again(made, (folder) => writeFile(join(folder, 'code', 'more.mjs'), 'evil'));
    await expectRefused(await seeded(evil), /^"code\/more\.mjs" is not in its manifest$/);
  });

  test('when its manifest lies about sizes', async () => {
    const { files } = smallManifest();
    const lie = files.map((one) => (one.path === 'core.mjs' ? { ...one, size: one.size + 1 } : one));
    await expectRefused(
      await seeded(await says({ files: lie })),
      /^core\.mjs has 28 bytes, its manifest says 29$/,
    );
  });

  test('when its manifest is another than the one that was signed', async () => {
    const made = await machines.release('evil');
    const evil = await seeded(made, { manifestHash: Buffer.alloc(32, 1) });
    await expectRefused(evil, /manifest is not the one that was signed/);
  });

  test('when the pointer names other sizes than its dictionary has', async () => {
    const made = await machines.release('evil');
    await expectRefused(await seeded(made, { infoBytes: 7 }), /is not the one that the pointer names/);
  });

  test('when it needs a newer agent', async () => {
    const evil = await seeded(await says({ minimumAgent: '9.0.0' }));
    await expectRefused(evil, /^it needs an agent of 9\.0\.0 at least, and this is 0\.1\.0: update/);
  });

  test('when it needs other native packages', async () => {
    const evil = await seeded(await says({ native: { lmdb: '0.0.1', 'no-such': '1.0.0' } }));
    await expectRefused(
      evil,
      /^it needs lmdb 0\.0\.1 \(\d.* is installed\) and no-such 1\.0\.0 \(none is installed\): update/,
    );
  });

  test('when it needs another Node', async () => {
    const evil = await seeded(await says({ nodeAbi: { min: 900, max: 901 } }));
    await expectRefused(evil, /^it runs on a Node of module version 900 to 901, and this is Node /);
  });

  test('when it is another version than the pointer says', async () => {
    const evil = await seeded(await machines.release('evil'), { version: '6.6.6' });
    await expectRefused(evil, /^it is version 1\.2\.3, the pointer says 6\.6\.6$/);
  });

  test('when it has no core', async () => {
    const { 'core.mjs': _core, ...files } = smallFiles;
    const evil = await machines.release('evil', files, smallManifest(files));
    await expectRefused(await seeded(evil), /^it has no core\.mjs$/);
  });
});

describe('nothing is fetched of a release', () => {
  test.each([
    ['packages of its own', 'node_modules/lmdb/index.js', /is where native packages are looked for/],
    ['a hidden file', '.npmrc', /".npmrc" is no plain path/],
    ['what some systems take for a device', 'page/aux.js', /is no plain path/],
  ])('with %s', async (_what, path, reason) => {
    const made = await machines.release('evil');
    const evil = await again(made, async (folder) => {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), 'evil');
    });
    const seed = await seeded(evil);
    await expectRefused(seed, reason);
    expect(seed.from.torrent.progress.sentBytes).toBe(0);
  });

  test.each([
    ['leads out of its folder', ['..', '..', '..', 'evil.mjs']],
    ['leads out of its folder at the end', ['page', '..']],
    ['is absolute', ['', 'etc', 'cron.d', 'evil']],
    ['has separators in a name', ['page/../../../evil.mjs']],
    ['has separators of another system in a name', ['..\\..\\evil.mjs']],
    ['has an end in the middle', ['evil.mjs\0.txt']],
  ])('with a path that %s', async (_what, path) => {
    await expectRefused(await visited(await infoWith([file(path, 4)])), /^the name "/);
  });

  test('whose own name leads out of the folder', async () => {
    const { info } = await machines.release('good');
    const evil = writeInfo({ ...info, name: '../../evil' });
    await expectRefused(await visited(evil), /^the name "/);
  });

  test.each([
    ['a file twice', ['core.mjs'], /^core\.mjs is there twice$/],
    ['a file twice but for case', ['Core.mjs'], /^Core\.mjs is there twice$/],
    ['what some systems take for its manifest', ['Manifest.json'], /^Manifest\.json is there twice$/],
    ['a file below a file', ['core.mjs', 'evil'], /^core\.mjs\/evil is below a file$/],
  ])('with %s', async (_what, path, reason) => {
    await expectRefused(await visited(await infoWith([file(path, 4)])), reason);
  });

  test('with a link', async () => {
    const plain = Buffer.from(await infoWith([file(['evil'], 0)])).toString('latin1');
    const link = '4:attr1:l6:lengthi0e4:pathl4:evile12:symlink pathl2:..2:..ee';
    const evil = Buffer.from(plain.replace('6:lengthi0e4:pathl4:evilee', link), 'latin1');
    expect(evil.length).toBeGreaterThan(plain.length);
    await expectRefused(await visited(evil), /^a file that is a link$/);
  });

  test('with 10,000 files', async () => {
    const many = Array.from({ length: 10_000 }, (_, at) => file(['code', `${at}.mjs`], 0));
    await expectRefused(await visited(await infoWith(many)), /^more than 2001 files$/);
  });

  test.each([
    ['that would fill every disk', [file(['code', 'bomb.mjs'], 2 ** 35)], /bytes, and \d+ are the most/],
    [
      'that is padding for the most part',
      [{ ...file(['.pad', '0'], 2 ** 32), isPad: true }],
      /bytes, and \d+ are the most/,
    ],
    ['of negative size', [file(['code', 'bomb.mjs'], -1)], /no `length`/],
  ])('that is a bomb: one %s', async (_what, files, reason) => {
    await expectRefused(await visited(await infoWith(files, 2 ** 20)), reason);
  });

  test('that is a bomb: one a little too large, which a swarm would fetch', async () => {
    const large = file(['code', 'bomb.mjs'], 2 ** 30 + 3 * 2 ** 20);
    await expectRefused(await visited(await infoWith([large], 2 ** 20)), /bytes, 1073741824 at most/);
  });
});

describe('a pointer is not followed', () => {
  const flipped = (bytes: Uint8Array, at: number) => bytes.map((byte, of) => (of === at ? byte ^ 1 : byte));

  test.each([
    [
      'signed by another key',
      3,
      {},
      newKeyPair(),
      -1,
      /^it is signed by a key that this cluster does not trust$/,
    ],
    ['with a wrong signature', 3, {}, null, 5, /^its signature is wrong$/],
    [
      'that says the same seq of another release',
      2,
      { version: '6.6.6' },
      null,
      -1,
      /^two different pointers are/,
    ],
    ['for another channel', 3, { channel: 'other' }, null, -1, /^it is for channel other, not main$/],
    ['that has expired', 3, { expiryMs: 1000 }, null, -1, /^it expired at 1970-01-01/],
  ])('%s', async (_what, seq, change, otherKey, flip, reason) => {
    const { follower, made, pointerOf } = await followerOfTwo();
    const signed = pointerOf(seq, change, otherKey ?? machines.key);
    const signature = flipped(signed.signature, flip);
    const before = follower.said.length;
    const news = {
      pointer: encodeSignedPointer({ ...signed, signature }),
      handovers: [],
      info: made.info.bytes,
    };
    const offered = await follower.hear(news, 'machine-6');
    expect(offered).toEqual({ kind: 'refused', reason: expect.stringMatching(reason) });
    const said = offered.kind === 'refused' ? offered.reason : '';
    expect(follower.status()).toContain(`UTC, from machine-6: ${said}\n`);
    // The next one that is good is heard by the engine after it.
    expect(follower.said.length).toBe(before);
    await follower.expectUntouched();
    expect((await readPointer(follower)).seq).toBe(2);
  });

  test('with an old seq: who wants it deployed is told, and on links it is passed over in silence', async () => {
    const { follower, made, pointerOf } = await followerOfTwo();
    const pointer = encodeSignedPointer(pointerOf(1, {}, machines.key));
    const news = { pointer, handovers: [], info: made.info.bytes };
    expect(await follower.hear(news)).toEqual({ kind: 'older' });
    expect(follower.status()).not.toContain('refused at');
    const message = 'it is older than what is deployed (seq 2): sign it anew';
    expect(await follower.deploy(news)).toEqual({ ok: false, rejection: { code: 'invalid', message } });
    expect(follower.status()).toContain(`UTC, from an operator: ${message}\n`);
    await follower.expectUntouched();
    // Forgotten when one comes that is good.
    const next = encodeSignedPointer(pointerOf(3, {}, machines.key));
    expect(await follower.hear({ ...news, pointer: next })).toEqual({ kind: 'taken' });
    expect(follower.status()).not.toContain('refused at');
  });

  /** A machine that has refused what came with seq 2, and a good release that nobody has told it of. */
  async function followerOfTwo() {
    const made = await machines.release('good');
    const machine = await machines.machine('a', [await machines.seed(made)]);
    const pointerOf = (seq: number, change: Partial<ReleasePointer>, { privateKey }: typeof machines.key) =>
      signPointer({ ...made.pointer, ...change }, seq, privateKey);
    const follower = await ReleaseFollower.of(ends, machine);
    const second = pointerOf(2, { infoBytes: 7 }, machines.key);
    const news = { pointer: encodeSignedPointer(second), handovers: [], info: made.info.bytes };
    expect(await follower.hear(news)).toEqual({ kind: 'taken' });
    expect(await follower.end()).toMatchObject({ seq: 2, stage: 'refused' });
    return { follower, made, pointerOf };
  }

  async function readPointer({ machine }: ReleaseFollower): Promise<{ seq: number }> {
    const held = JSON.parse(await readFile(join(machine.store.folder, 'pointer'), 'utf8'));
    return readSignedPointer(Buffer.from(held.pointer, 'base64'));
  }
});

describe('while a release is fetched', () => {
  test('tampered pieces are thrown away, the status says so, and it comes whole from who has it', async () => {
    const made = await machines.release('good');
    const liar = await ends.visitor({
      bundle: made,
      answer: ({ right }) => right.map((byte, at) => (at === 3 ? byte ^ 1 : byte)) as Buffer,
    });
    const peers: { address: SwarmAddress }[] = [liar];
    const follower = await ReleaseFollower.of(ends, await machines.machine('a', peers));
    await follower.hear(machines.news(made));
    const note = 'a peer was refused for wrong pieces or messages';
    await until(() => follower.entry.note === note, { what: 'word of the wrong pieces' });
    expect(follower.entry).toMatchObject({ stage: 'fetching', have: 0 });
    expect(follower.status()).toMatch(new RegExp(`fetched 0 % .*: ${note}`));
    await follower.expectOnlyStaging(made.info.hash);
    peers.push(await machines.seed(made));
    expect(await follower.end()).toMatchObject({ stage: 'verified' });
    expect((await follower.machine.store.check(made.id)).ok).toBe(true);
    expect(await follower.stagings()).toEqual([]);
  });

  test('a link in its folder, whoever made it, leads to nothing, and the release is refused', async () => {
    const made = await machines.release('good');
    const follower = await ReleaseFollower.of(ends, await machines.machine('a', [await machines.seed(made)]));
    const staging = follower.machine.store.stagingOf(made.info.hash);
    await mkdir(join(staging, 'page'), { recursive: true });
    await symlink(made.folder, join(staging, 'page', 'evil'));
    await follower.hear(machines.news(made));
    const { stage, note } = await follower.end();
    expect([stage, note]).toEqual(['refused', '"page/evil" is a link or a special file']);
    expect(follower.status()).toContain(`refused: ${note}`);
    await follower.expectUntouched();
  });
});
