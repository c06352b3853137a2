// DATA/node.key: who this node is, for good. Makes the key when there is none; what others know of it is the manifest's concern.
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { keyPairOf, newKeyPair, seedOf } from './ed25519.ts';
import { hexDigits } from './hex.ts';
import { createKeyFile, KeyFileError, readKeyFile } from './key-file.ts';
import { certificateOf, pemOf } from './node-certificate.ts';
import { fingerprintOf, nodeNumberOf } from './node-number.ts';
import { sameBytes } from './packed.ts';

export const nodeKeyFileName = 'node.key';

export interface NodeIdentity {
  /** 1 to 2^31-1, from the key. */
  number: number;
  /** 32 bytes. */
  publicKey: Uint8Array;
  privateKey: KeyObject;
  /** For people: 64 hexadecimal characters. */
  fingerprint: string;
  /** For both ends of a link: the other's key is looked at by `publicKeyOfCertificate`, nobody else vouches for it. */
  tls: {
    key: string;
    cert: string;
    minVersion: 'TLSv1.3';
    requestCert: true;
    rejectUnauthorized: false;
  };
}

const written = z.strictObject({
  node: z.int().min(1),
  publicKey: hexDigits(32),
  seed: hexDigits(32),
});

/** The identity in this data folder, made if there is none. Rejects with a `KeyFileError`; never replaces a file. */
export async function openNodeIdentity(data: string): Promise<NodeIdentity> {
  const path = join(data, nodeKeyFileName);
  try {
    return await readNodeIdentity(data);
  } catch (error) {
    if (!(error instanceof KeyFileError) || error.reason !== 'absent') throw error;
  }
  const { publicKey, privateKey } = newKeyPair();
  const json = {
    node: nodeNumberOf(publicKey),
    publicKey: Buffer.from(publicKey).toString('hex'),
    seed: Buffer.from(seedOf(privateKey)).toString('hex'),
  };
  try {
    await createKeyFile(path, json);
  } catch (error) {
    // Another process of this node was quicker: its key is the node's.
    if (!(error instanceof KeyFileError) || error.reason !== 'exists') throw error;
  }
  return readNodeIdentity(data);
}

/** For processes that only use it. Rejects with a `KeyFileError`, also when there is none. */
export async function readNodeIdentity(data: string): Promise<NodeIdentity> {
  const path = join(data, nodeKeyFileName);
  const parsed = written.safeParse(await readKeyFile(path));
  if (!parsed.success) {
    throw new KeyFileError(
      'malformed',
      `${path} is not what a node writes: ${z.prettifyError(parsed.error)}`,
    );
  }
  const identity = identityOf(Buffer.from(parsed.data.seed, 'hex'));
  const isWhole =
    identity.number === parsed.data.node &&
    sameBytes(identity.publicKey, Buffer.from(parsed.data.publicKey, 'hex'));
  if (!isWhole) throw new KeyFileError('malformed', `${path} is damaged: its parts do not fit together`);
  return identity;
}

export function identityOf(seed: Uint8Array): NodeIdentity {
  const pair = keyPairOf(seed);
  return {
    ...pair,
    number: nodeNumberOf(pair.publicKey),
    fingerprint: fingerprintOf(pair.publicKey),
    tls: {
      key: pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
      cert: pemOf(certificateOf(pair)),
      minVersion: 'TLSv1.3',
      requestCert: true,
      rejectUnauthorized: false,
    },
  };
}
