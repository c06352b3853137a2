// The signed statement of a release: this is what its maker made, under which version. A file beside the folder, so that a release can be
// carried to who deploys it. That a cluster is to run it, a pointer says.
import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { struct, text, uint } from '../runtime/codec.ts';
import { isSignedUnder, publicKeyBytes, publicKeyOf, signatureBytes, signUnder } from './ed25519.ts';
import { bytesOf, hexDigits, hexOf } from './hex.ts';
import { fixedBytes, packed } from './packed.ts';
import { isReleaseVersion } from './release-pointer.ts';

export interface ReleaseStatement {
  version: string;
  /** 32 bytes: the release's id. */
  manifestHash: Uint8Array;
  /** 20 bytes. */
  infoHash: Uint8Array;
  infoBytes: number;
}

export interface SignedStatement extends ReleaseStatement {
  publicKey: Uint8Array;
  signature: Uint8Array;
}

/** What is signed. */
const said = struct({
  version: text(60),
  manifestHash: fixedBytes(32),
  infoHash: fixedBytes(20),
  infoBytes: uint,
});

const written = z.strictObject({
  kind: z.literal('murmuration release'),
  version: z.string().refine(isReleaseVersion, 'no version'),
  manifest: hexDigits(32),
  info: hexDigits(20),
  infoBytes: z.int().min(1),
  key: hexDigits(publicKeyBytes),
  signature: hexDigits(signatureBytes),
});
const statementMostBytes = 4_096;

export function signStatement(statement: ReleaseStatement, privateKey: KeyObject): SignedStatement {
  const signature = signUnder('release', packed(said, plain(statement)), privateKey);
  return { ...statement, publicKey: publicKeyOf(privateKey), signature };
}

/** By the key in it: whose that is, is another question. */
export function isSignedStatement(statement: SignedStatement): boolean {
  return isSignedUnder('release', packed(said, plain(statement)), statement);
}

export function encodeStatement(signed: SignedStatement): string {
  const json: z.infer<typeof written> = {
    kind: 'murmuration release',
    version: signed.version,
    manifest: hexOf(signed.manifestHash),
    info: hexOf(signed.infoHash),
    infoBytes: signed.infoBytes,
    key: hexOf(signed.publicKey),
    signature: hexOf(signed.signature),
  };
  return `${JSON.stringify(json, null, 1)}\n`;
}

/** Null for everything that is not one. The signature is not looked at. */
export function readStatement(content: string): SignedStatement | null {
  if (content.length > statementMostBytes) return null;
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch {
    return null;
  }
  const read = written.safeParse(json);
  if (!read.success) return null;
  const { version, manifest, info, infoBytes, key, signature } = read.data;
  return {
    version,
    manifestHash: bytesOf(manifest),
    infoHash: bytesOf(info),
    infoBytes,
    publicKey: bytesOf(key),
    signature: bytesOf(signature),
  };
}

function plain({ version, manifestHash, infoHash, infoBytes }: ReleaseStatement): ReleaseStatement {
  return { version, manifestHash, infoHash, infoBytes };
}
