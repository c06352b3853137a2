// The release key: who may say which code runs. It lies apart from the cluster's keys, on the machine of whoever makes releases.
import { mkdir, readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { type KeyPair, keyPairOf, newKeyPair, publicKeyBytes, seedBytes, seedOf } from './ed25519.ts';
import { bytesOf, hexDigits, hexOf } from './hex.ts';
import { createKeyFile, KeyFileError, readKeyFile, replaceKeyFile } from './key-file.ts';
import { sameBytes } from './packed.ts';
import {
  handoverFromJson,
  handoverJson,
  handoversMost,
  handoverToJson,
  isHandover,
  type ReleaseHandover,
  signHandover,
} from './release-handover.ts';

export interface ReleaseKey extends KeyPair {
  /** From the first key to this one, each signed by the one before. */
  handovers: ReleaseHandover[];
}

const written = z.strictObject({
  kind: z.literal('murmuration release key'),
  publicKey: hexDigits(publicKeyBytes),
  seed: hexDigits(seedBytes),
  handovers: z.array(handoverJson).max(handoversMost),
});

/** Where it lies unless told otherwise. */
export function usualKeyPath(): string {
  return join(homedir(), '.config', 'murmuration', 'release.key');
}

/** Never in place of one that is there. Rejects with a `KeyFileError`. */
export async function createReleaseKey(path: string): Promise<ReleaseKey> {
  const key = { ...newKeyPair(), handovers: [] };
  await makeFolder(path);
  await createKeyFile(path, jsonOf(key));
  return key;
}

/** Rejects with a `KeyFileError`, also when there is none. */
export async function readReleaseKey(path: string): Promise<ReleaseKey> {
  const parsed = written.safeParse(await readKeyFile(path));
  if (!parsed.success)
    throw new KeyFileError('malformed', `${path} holds no release key: ${z.prettifyError(parsed.error)}`);
  const pair = keyPairOf(bytesOf(parsed.data.seed));
  const handovers = parsed.data.handovers.map(handoverFromJson);
  const last = handovers.at(-1);
  const isWhole =
    sameBytes(pair.publicKey, bytesOf(parsed.data.publicKey)) &&
    handovers.every(isHandover) &&
    (last === undefined || sameBytes(last.to, pair.publicKey));
  if (!isWhole) throw new KeyFileError('malformed', `${path} is damaged: its parts do not fit together`);
  return { ...pair, handovers };
}

/**
 * Another key in place of the one at `path`, which says that this one comes after it. The former key stays beside it as
 * `release.key.before-1`, and so on: nothing trusts it any more once the handover is known. Rejects with a `KeyFileError`.
 */
export async function rotateReleaseKey(path: string): Promise<{ key: ReleaseKey; formerPath: string }> {
  const former = await readReleaseKey(path);
  if (former.handovers.length >= handoversMost)
    throw new KeyFileError('unwritable', `${path} was handed over ${handoversMost} times: found a new trust`);
  const pair = newKeyPair();
  const handover = signHandover(pair.publicKey, former.privateKey);
  const key = { ...pair, handovers: [...former.handovers, handover] };
  const formerPath = `${path}.before-${await nextNumber(path)}`;
  const draft = `${path}.next`;
  await createKeyFile(formerPath, jsonOf(former));
  try {
    await createKeyFile(draft, jsonOf(key));
  } catch (error) {
    if (!(error instanceof KeyFileError) || error.reason !== 'exists') throw error;
    const hint = 'a rotation was broken off: look whether you need it, and remove it';
    throw new KeyFileError('exists', `${draft} is there already: ${hint}`, error);
  }
  await replaceKeyFile(draft, path);
  return { key, formerPath };
}

/** Itself, and every key that it comes after. */
export function keyLine({ publicKey, handovers }: ReleaseKey): Uint8Array[] {
  return [publicKey, ...handovers.map(({ from }) => from)];
}

export function keyText(publicKey: Uint8Array): string {
  return hexOf(publicKey);
}

/** Null when it is none. */
export function readKeyText(text: string): Uint8Array | null {
  return /^[0-9a-f]{64}$/i.test(text) ? bytesOf(text) : null;
}

function jsonOf({ publicKey, privateKey, handovers }: ReleaseKey): z.infer<typeof written> {
  return {
    kind: 'murmuration release key',
    publicKey: keyText(publicKey),
    seed: hexOf(seedOf(privateKey)),
    handovers: handovers.map(handoverToJson),
  };
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new KeyFileError('unwritable', `${dirname(path)} cannot be made: ${String(error)}`, error);
  }
}

async function nextNumber(path: string): Promise<number> {
  const names = new Set(await readdir(dirname(path)));
  let number = 1;
  while (names.has(`${path.slice(dirname(path).length + 1)}.before-${number}`)) number++;
  return number;
}
