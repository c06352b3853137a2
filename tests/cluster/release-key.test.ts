// The release key and its successors: which one is believed, what its file holds, and what a rotation leaves.
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { newKeyPair } from '../../cluster/ed25519.ts';
import {
  handoverFromJson,
  handoverToJson,
  isHandover,
  isTrusted,
  type ReleaseHandover,
  signHandover,
  takeHandover,
  trustedKey,
} from '../../cluster/release-handover.ts';
import { createReleaseKey, readReleaseKey, rotateReleaseKey } from '../../cluster/release-key.ts';

const [a, b, c, thief] = [newKeyPair(), newKeyPair(), newKeyPair(), newKeyPair()];
const first = a.publicKey;
const ab = signHandover(b.publicKey, a.privateKey);
const bc = signHandover(c.publicKey, b.privateKey);

describe('the key that is believed', () => {
  test('is the first until it hands over, and then only the last', () => {
    expect(isTrusted(a.publicKey, { first, handovers: [] })).toBe(true);
    expect(isTrusted(b.publicKey, { first, handovers: [] })).toBe(false);
    for (const handovers of [
      [ab, bc],
      [bc, ab],
    ]) {
      const trusted = [a, b, c].map(({ publicKey }) => isTrusted(publicKey, { first, handovers }));
      expect(trusted).toEqual([false, false, true]);
    }
  });

  test('is not one that hands itself the key, or whose handover was changed', () => {
    const forged: ReleaseHandover = { ...ab, to: thief.publicKey };
    expect(isHandover(forged)).toBe(false);
    const own = signHandover(thief.publicKey, thief.privateKey);
    const lent: ReleaseHandover = { ...own, from: a.publicKey };
    for (const handover of [forged, own, lent])
      expect(trustedKey({ first, handovers: [handover] })).toEqual(first);
  });

  test('is the one that came first where two say they come next', () => {
    const stolen = signHandover(thief.publicKey, a.privateKey);
    expect(trustedKey({ first, handovers: [ab, stolen] })).toEqual(b.publicKey);
  });

  test('a circle ends', () => {
    const ba = signHandover(a.publicKey, b.privateKey);
    expect(trustedKey({ first, handovers: [ab, ba] })).toEqual(b.publicKey);
    const aa = signHandover(a.publicKey, a.privateKey);
    expect(trustedKey({ first, handovers: [aa] })).toEqual(first);
  });
});

describe('a handover that comes', () => {
  test('is taken when the key that is believed has signed it, and then known', () => {
    const taken = takeHandover(ab, { first, handovers: [] });
    expect(taken).toEqual({ kind: 'taken', handovers: [ab] });
    expect(takeHandover(ab, { first, handovers: [ab] })).toEqual({ kind: 'known' });
    expect(takeHandover(bc, { first, handovers: [ab] })).toEqual({ kind: 'taken', handovers: [ab, bc] });
  });

  test.each([
    ['wrong-signature', { ...ab, signature: bc.signature }, []],
    ['unknown-key', bc, []],
    ['conflict', signHandover(thief.publicKey, a.privateKey), [ab]],
    ['circle', signHandover(a.publicKey, b.privateKey), [ab]],
  ])('is refused: %s', (code, handover, handovers) => {
    expect(takeHandover(handover, { first, handovers })).toMatchObject({ kind: 'refused', code });
  });

  test('is the same after a file', () => {
    const json = handoverToJson(ab);
    const read = handoverFromJson(JSON.parse(JSON.stringify(json)));
    expect(isHandover(read)).toBe(true);
    expect(handoverToJson(read)).toEqual(json);
  });
});

describe('the file of the release key', () => {
  async function path(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'murmuration-key-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    return join(folder, 'a', 'release.key');
  }

  test('is made once, for its owner only, and read again', async () => {
    const file = await path();
    const made = await createReleaseKey(file);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readReleaseKey(file)).publicKey).toEqual(made.publicKey);
    await expect(createReleaseKey(file)).rejects.toMatchObject({ reason: 'exists' });
    await expect(readReleaseKey(`${file}.other`)).rejects.toMatchObject({ reason: 'absent' });
  });

  test('is rotated: another key that comes after it, twice over, and the former ones beside it', async () => {
    const file = await path();
    const [one, two, three] = [
      await createReleaseKey(file),
      (await rotateReleaseKey(file)).key,
      (await rotateReleaseKey(file)).key,
    ];
    const now = await readReleaseKey(file);
    expect(now.publicKey).toEqual(three.publicKey);
    expect(isTrusted(three.publicKey, { first: one.publicKey, handovers: now.handovers })).toBe(true);
    expect((await readReleaseKey(`${file}.before-1`)).publicKey).toEqual(one.publicKey);
    expect((await readReleaseKey(`${file}.before-2`)).publicKey).toEqual(two.publicKey);
  });

  test('is refused when its parts do not fit together', async () => {
    const file = await path();
    await createReleaseKey(file);
    await rotateReleaseKey(file);
    const json = JSON.parse(await readFile(file, 'utf8'));
    for (const changed of [
      { publicKey: '00'.repeat(32) },
      { seed: '11'.repeat(32) },
      { handovers: [{ ...json.handovers[0], to: '22'.repeat(32) }] },
      { handovers: 'none' },
      { more: 1 },
    ]) {
      await writeFile(file, JSON.stringify({ ...json, ...changed }));
      await expect(readReleaseKey(file)).rejects.toMatchObject({ reason: 'malformed' });
    }
  });
});
