// DATA/keeper.key: the key that signs for the cluster. Whoever holds it decides who is in; without it everything runs on as it is.
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { keyPairOf, newKeyPair, seedOf } from './ed25519.ts';
import { hexDigits } from './hex.ts';
import { createKeyFile, KeyFileError, readKeyFile, replaceKeyFile } from './key-file.ts';
import { clusterOf } from './manifest.ts';
import { sameBytes } from './packed.ts';

export const keeperKeyFileName = 'keeper.key';
const successorFileName = 'keeper-next.key';

export interface Keeper {
  /** 32 bytes: the cluster it keeps. */
  cluster: Uint8Array;
  publicKey: Uint8Array;
  privateKey: KeyObject;
}

const hex = hexDigits(32);
const written = z.strictObject({ cluster: hex, publicKey: hex, seed: hex });

/** A keeper of a cluster that is founded with it; or, given a cluster, one that the keeper it has can hand over to. */
export function newKeeper(cluster?: Uint8Array): Keeper {
  const pair = newKeyPair();
  return { ...pair, cluster: cluster ?? clusterOf(pair.publicKey) };
}

/** Rejects with a `KeyFileError`: `exists` when this node keeps a cluster already. */
export async function saveKeeper(data: string, keeper: Keeper): Promise<void> {
  await create(join(data, keeperKeyFileName), keeper);
}

/** Who is to keep the cluster next: made once, and kept beside the present key until a manifest names it. */
export async function successorOf({ cluster }: Keeper, data: string): Promise<Keeper> {
  const path = join(data, successorFileName);
  const left = await read(path);
  if (left !== null) return left;
  const successor = newKeeper(cluster);
  await create(path, successor);
  return successor;
}

/** As `readKeeper`; a successor whom the manifest names by now takes its place first. */
export async function readKeeperNow(data: string, named: Uint8Array): Promise<Keeper | null> {
  const path = join(data, successorFileName);
  const successor = await read(path);
  if (successor === null || !sameBytes(successor.publicKey, named)) return await readKeeper(data);
  await replaceKeyFile(path, join(data, keeperKeyFileName));
  return successor;
}

async function create(path: string, keeper: Keeper): Promise<void> {
  await createKeyFile(path, {
    cluster: Buffer.from(keeper.cluster).toString('hex'),
    publicKey: Buffer.from(keeper.publicKey).toString('hex'),
    seed: Buffer.from(seedOf(keeper.privateKey)).toString('hex'),
  });
}

/** Null when this node is not the keeper. Rejects with a `KeyFileError` when its file cannot be used. */
export async function readKeeper(data: string): Promise<Keeper | null> {
  return await read(join(data, keeperKeyFileName));
}

async function read(path: string): Promise<Keeper | null> {
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
