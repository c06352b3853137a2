// A release folder on this machine with what lies beside it: its .torrent, and who signed it. For those who make releases; what came
// from others is the store's.
import { readFile, rename, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { errorCode } from './command-fault.ts';
import { bytesOf } from './hex.ts';
import { sameBytes } from './packed.ts';
import { type ReleaseManifest, releaseLabel } from './release-manifest.ts';
import {
  encodeStatement,
  isSignedStatement,
  type ReleaseStatement,
  readStatement,
  type SignedStatement,
} from './release-statement.ts';
import { releaseInfo } from './release-torrent.ts';
import { type ReleaseCheck, verifyFetched } from './release-verification.ts';
import { writeTorrentFile } from './torrent-file.ts';
import type { TorrentInfo } from './torrent-info.ts';

export interface ReleaseFolder {
  folder: string;
  id: string;
  label: string;
  manifest: ReleaseManifest;
  info: TorrentInfo;
}

export const torrentBeside = (folder: string): string => `${resolve(folder)}.torrent`;
export const statementBeside = (folder: string): string => `${resolve(folder)}.signed.json`;

/** Every file looked at. Refuses what is no release; rejects with the system's error when it cannot be read. */
export async function readReleaseFolder(
  given: string,
  onProgress?: (readBytes: number, totalBytes: number) => void,
): Promise<ReleaseCheck<ReleaseFolder>> {
  const folder = resolve(given);
  const verified = await verifyFetched({ folder, pointer: null, agentVersion: null });
  if (!verified.ok) return verified;
  const { id, manifest } = verified.value;
  const info = await releaseInfo(folder, verified.value, onProgress);
  return { ok: true, value: { folder, id, label: releaseLabel(manifest, id), manifest, info } };
}

export async function writeTorrentBeside({ folder, info }: ReleaseFolder): Promise<void> {
  await replace(torrentBeside(folder), writeTorrentFile(info));
}

export async function writeStatementBeside(folder: string, signed: SignedStatement): Promise<void> {
  await replace(statementBeside(folder), encodeStatement(signed));
}

/** Null when nobody has signed it; `malformed` for a file that is no statement. Nothing in it was checked. */
export async function readStatementBeside(folder: string): Promise<SignedStatement | 'malformed' | null> {
  try {
    return readStatement(await readFile(statementBeside(folder), 'utf8')) ?? 'malformed';
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** What its maker says of it. */
export function statementOf({ manifest, id, info }: ReleaseFolder): ReleaseStatement {
  return {
    version: manifest.version,
    manifestHash: bytesOf(id),
    infoHash: info.hash,
    infoBytes: info.bytes.length,
  };
}

/** Whose key signed this release, or why the statement beside it is worth nothing. */
export function signerOf(
  release: ReleaseFolder,
  signed: SignedStatement | 'malformed',
): { ok: true; publicKey: Uint8Array } | { ok: false; reason: string } {
  if (signed === 'malformed') return { ok: false, reason: 'the file is no signed statement' };
  if (!isSignedStatement(signed)) return { ok: false, reason: 'it is not that key’s' };
  const meant = statementOf(release);
  const isSame =
    sameBytes(meant.manifestHash, signed.manifestHash) &&
    sameBytes(meant.infoHash, signed.infoHash) &&
    meant.infoBytes === signed.infoBytes &&
    meant.version === signed.version;
  return isSame
    ? { ok: true, publicKey: signed.publicKey }
    : { ok: false, reason: 'it is of another release' };
}

async function replace(path: string, content: Uint8Array | string): Promise<void> {
  await writeFile(`${path}.draft`, content);
  await rename(`${path}.draft`, path);
}
