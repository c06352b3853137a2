// DATA/keeper.key: the key that signs for the cluster. Whoever holds it decides who is in; without it everything runs on as it is.
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { keyPairOf, newKeyPair, seedOf } from './ed25519.ts';
import { createKeyFile, KeyFileError, readKeyFile } from './key-file.ts';
import { clusterOf } from './manifest.ts';
import { sameBytes } from './packed.ts';

export const keeperKeyFileName = 'keeper.key';

export interface Keeper {
  /** 32 bytes: the cluster it keeps. */
  cluster: Uint8Array;
  publicKey: Uint8Array;
  privateKey: KeyObject;
}

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const written = z.strictObject({ cluster: hex, publicKey: hex, seed: hex });

/** A keeper of a cluster that is founded with it; or, given a cluster, one that the keeper it has can hand over to. */
export function newKeeper(cluster?: Uint8Array): Keeper {
  const pair = newKeyPair();
  return { ...pair, cluster: cluster ?? clusterOf(pair.publicKey) };
}

/** Rejects with a `KeyFileError`: `exists` when this node keeps a cluster already. */
export async function saveKeeper(data: string, keeper: Keeper): Promise<void> {
  await createKeyFile(join(data, keeperKeyFileName), {
    cluster: Buffer.from(keeper.cluster).toString('hex'),
    publicKey: Buffer.from(keeper.publicKey).toString('hex'),
    seed: Buffer.from(seedOf(keeper.privateKey)).toString('hex'),
  });
}

/** Null when this node is not the keeper. Rejects with a `KeyFileError` when its file cannot be used. */
export async function readKeeper(data: string): Promise<Keeper | null> {
  const path = join(data, keeperKeyFileName);
  let json: unknown;
  try {
    json = await readKeyFile(path);
  } catch (error) {
    if (error instanceof KeyFileError && error.reason === 'absent') return null;
    throw error;
  }
  const parsed = written.safeParse(json);
  if (!parsed.success) {
    throw new KeyFileError(
      'malformed',
      `${path} is not what a keeper writes: ${z.prettifyError(parsed.error)}`,
    );
  }
  const pair = keyPairOf(Buffer.from(parsed.data.seed, 'hex'));
  if (!sameBytes(pair.publicKey, Buffer.from(parsed.data.publicKey, 'hex')))
    throw new KeyFileError('malformed', `${path} is damaged: its parts do not fit together`);
  return { ...pair, cluster: Buffer.from(parsed.data.cluster, 'hex') };
}
