// The keeper's key: kept once, carried away under a passphrase, and brought back whole or not at all.
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isSignedUnder, seedOf, signUnder } from '../../cluster/ed25519.ts';
import { type Keeper, keeperKeyFileName, newKeeper, readKeeper, saveKeeper } from '../../cluster/keeper.ts';
import { exportKeeper, importKeeper } from '../../cluster/keeper-export.ts';
import { clusterOf } from '../../cluster/manifest.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-keeper-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const passphrase = 'correct horse battery';
const cheap = { costLog2: 10 };

/** Whether what one signs is the other's signature. */
function areOne(one: Keeper, other: Keeper): boolean {
  const said = Buffer.from('said');
  const signature = signUnder('manifest', said, one.privateKey);
  return (
    isSignedUnder('manifest', said, { signature, publicKey: other.publicKey }) &&
    Buffer.compare(one.cluster, other.cluster) === 0
  );
}

describe('keeper.key', () => {
  test('is absent where no keeper is', async () => {
    expect(await readKeeper(folder)).toBeNull();
  });

  test('keeps the keeper, for its owner only', async () => {
    const keeper = newKeeper();
    await saveKeeper(folder, keeper);
    const read = await readKeeper(folder);
    expect(read !== null && areOne(keeper, read)).toBe(true);
    expect((await stat(join(folder, keeperKeyFileName))).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual([keeperKeyFileName]);
  });

  test('is never written over', async () => {
    const keeper = newKeeper();
    await saveKeeper(folder, keeper);
    await expect(saveKeeper(folder, newKeeper())).rejects.toMatchObject({ reason: 'exists' });
    const read = await readKeeper(folder);
    expect(read !== null && areOne(keeper, read)).toBe(true);
  });

  test('that is damaged is said to be', async () => {
    const path = join(folder, keeperKeyFileName);
    await writeFile(path, '{"cluster":"00"}');
    await expect(readKeeper(folder)).rejects.toMatchObject({ name: 'KeyFileError', reason: 'malformed' });
    const hex = 'ab'.repeat(32);
    await writeFile(path, JSON.stringify({ cluster: hex, publicKey: hex, seed: hex }));
    await expect(readKeeper(folder)).rejects.toMatchObject({ reason: 'malformed' });
  });
});

test('a keeper founds a cluster of its own, or is made for one that exists', () => {
  const founder = newKeeper();
  expect(Buffer.compare(founder.cluster, clusterOf(founder.publicKey))).toBe(0);
  const successor = newKeeper(founder.cluster);
  expect(Buffer.compare(successor.cluster, founder.cluster)).toBe(0);
});

describe('an exported keeper', () => {
  test('is brought back with its passphrase, at the cost that guessing has', async () => {
    const keeper = newKeeper();
    const text = await exportKeeper(keeper, passphrase);
    expect(areOne(keeper, await importKeeper(text, passphrase))).toBe(true);
  });

  test('is a text of short lines that does not hold the key', async () => {
    const keeper = newKeeper();
    const text = await exportKeeper(keeper, passphrase, cheap);
    expect(text.split('\n').every((line) => line.length <= 64)).toBe(true);
    expect(text).toMatch(/^-----BEGIN MURMURATION KEEPER KEY-----\n/);
    expect(contentOf(text).includes(Buffer.from(seedOf(keeper.privateKey)))).toBe(false);
  });

  test('is found within a mail, and with line ends of other systems', async () => {
    const keeper = newKeeper();
    const text = await exportKeeper(keeper, passphrase, cheap);
    const mailed = `Here it is:\r\n${text.replaceAll('\n', '\r\n')}\r\nKeep it.`;
    expect(areOne(keeper, await importKeeper(mailed, passphrase))).toBe(true);
  });

  test('is opened by its passphrase alone', async () => {
    const text = await exportKeeper(newKeeper(), passphrase, cheap);
    for (const wrong of ['', 'correct horse batterz', `${passphrase} `]) {
      await expect(importKeeper(text, wrong)).rejects.toMatchObject({
        name: 'KeeperExportError',
        code: 'wrong-passphrase',
      });
    }
  });

  test('takes a passphrase however a keyboard writes it', async () => {
    const keeper = newKeeper();
    const text = await exportKeeper(keeper, 'Zugspitzb\u00e4hnle', cheap);
    expect(areOne(keeper, await importKeeper(text, 'Zugspitzba\u0308hnle'))).toBe(true);
  });

  test('wants a passphrase worth the name', async () => {
    await expect(exportKeeper(newKeeper(), 'short', cheap)).rejects.toMatchObject({ code: 'weak' });
  });

  test('that was changed anywhere is damaged, whatever the passphrase', async () => {
    const text = await exportKeeper(newKeeper(), passphrase, cheap);
    const lines = text.split('\n');
    for (let line = 1; line < lines.length - 2; line++) {
      const spoilt = lines.map((content, index) =>
        index === line ? `${content.startsWith('A') ? 'B' : 'A'}${content.slice(1)}` : content,
      );
      await expect(importKeeper(spoilt.join('\n'), passphrase)).rejects.toMatchObject({ code: 'damaged' });
    }
    const cut = lines.filter((_line, index) => index !== 2).join('\n');
    await expect(importKeeper(cut, passphrase)).rejects.toMatchObject({ code: 'damaged' });
  });

  test('is told from other texts', async () => {
    for (const text of ['', 'key', '-----BEGIN MURMURATION KEEPER KEY-----']) {
      await expect(importKeeper(text, passphrase)).rejects.toMatchObject({ code: 'malformed' });
    }
  });

  test('that would ask for gigabytes is not opened', async () => {
    const content = contentOf(await exportKeeper(newKeeper(), passphrase, cheap));
    expect(content[costAt]).toBe(cheap.costLog2);
    content[costAt] = 30;
    await expect(importKeeper(textOf(content), passphrase)).rejects.toMatchObject({ code: 'malformed' });
  });

  test('cannot be made to say another cluster', async () => {
    const text = await exportKeeper(newKeeper(), passphrase, cheap);
    const content = contentOf(text);
    content[costAt - 1] = (content[costAt - 1] ?? 0) ^ 1;
    await expect(importKeeper(textOf(content), passphrase)).rejects.toMatchObject({
      code: 'wrong-passphrase',
    });
  });
});

/** Where the cost stands: behind the version and the cluster. */
const costAt = 1 + 1 + 2 + 32;

function contentOf(text: string): Buffer {
  return Buffer.from(text.split('\n').slice(1, -2).join(''), 'base64').subarray(0, -8);
}

/** With the check that fits, as a forger would make it. */
function textOf(content: Buffer): string {
  const check = createHash('sha256').update(content).digest().subarray(0, 8);
  const whole = Buffer.concat([content, check]).toString('base64');
  return `-----BEGIN MURMURATION KEEPER KEY-----\n${whole}\n-----END MURMURATION KEEPER KEY-----\n`;
}
