// Is what was fetched the release that the pointer means, and nothing else? Asked of the info dictionary before anything is fetched, and
// of the folder before it is taken out of staging.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from './command-fault.ts';
import { sameBytes } from './packed.ts';
import {
  manifestFile,
  neededFiles,
  type ReleaseFile,
  type ReleaseManifest,
  releaseLabel,
} from './release-manifest.ts';
import {
  flawOfPath,
  flawOfPaths,
  manifestMostBytes,
  readManifest,
  releaseBytesMost,
  releaseFilesMost,
} from './release-manifest-reading.ts';
import { infoMostBytes, type ReleasePointer } from './release-pointer.ts';
import type { TorrentBounds } from './torrent-bounds.ts';
import type { TorrentInfo } from './torrent-info.ts';

export type ReleaseRefusal =
  | 'other-info'
  | 'too-many-files'
  | 'too-many-bytes'
  | 'path'
  | 'other-manifest'
  | 'malformed-manifest'
  | 'newer-agent'
  | 'other-version'
  | 'missing-file'
  | 'wrong-file'
  | 'foreign-file'
  | 'link'
  | 'native'
  | 'node-abi';

/** The reason is for people: `deploy status` shows it. */
export type ReleaseCheck<T> = { ok: true; value: T } | { ok: false; code: ReleaseRefusal; reason: string };

/** For the swarm: what is over these is refused before anything is written. */
export const releaseTorrentBounds: TorrentBounds = {
  filesMost: releaseFilesMost + 1,
  // Padding counts: at most a piece for each file, and with large pieces there are few files.
  bytesMost: 2 * releaseBytesMost,
  infoMostBytes,
  pieceMostBytes: 2 ** 20,
};

/** Before anything is fetched: names, counts and sizes alone, for nobody has vouched for more than the dictionary's hash. */
export function acceptInfo(info: TorrentInfo, pointer: ReleasePointer): ReleaseCheck<undefined> {
  if (!sameBytes(info.hash, pointer.infoHash) || info.bytes.length !== pointer.infoBytes)
    return refused('other-info', 'the info dictionary is not the one that the pointer names');
  const { filesMost, bytesMost, pieceMostBytes } = releaseTorrentBounds;
  const files = info.files.filter(({ isPad }) => !isPad);
  if (files.length > filesMost)
    return refused('too-many-files', `it has ${files.length} files, ${filesMost} at most`);
  const contentBytes = files.reduce((sum, { length }) => sum + length, 0);
  if (contentBytes > releaseBytesMost + manifestMostBytes)
    return refused('too-many-bytes', `it has ${contentBytes} bytes, ${releaseBytesMost} at most`);
  if (info.totalBytes > bytesMost || info.pieceLength > pieceMostBytes)
    return refused('too-many-bytes', 'its pieces or its padding are too large');
  const paths = files.map(({ path }) => path.join('/'));
  for (const path of paths) {
    const flaw = path === manifestFile ? null : flawOfPath(path);
    if (flaw !== null) return refused('path', `${shown(path)} ${flaw}`);
  }
  const flaw = flawOfPaths(paths);
  if (flaw !== null) return refused('path', flaw);
  const missing = [manifestFile, ...neededFiles].find((path) => !paths.includes(path));
  if (missing !== undefined) return refused('missing-file', `it has no ${missing}`);
  const manifestBytes = files[paths.indexOf(manifestFile)]?.length ?? 0;
  if (manifestBytes > manifestMostBytes)
    return refused('too-many-bytes', `its manifest has ${manifestBytes} bytes, ${manifestMostBytes} at most`);
  return { ok: true, value: undefined };
}

export interface FetchedRelease {
  folder: string;
  /** What it must be; null: it was built here, and its manifest says. */
  pointer: Pick<ReleasePointer, 'manifestHash' | 'version'> | null;
  /** Null: it is not to be run here, only looked at. */
  agentVersion: string | null;
}

/**
 * The folder holds the manifest the pointer names and exactly the files that are in it, byte for byte, each of them on disk when this
 * resolves. Rejects with the system's error when something cannot be read.
 */
export async function verifyFetched({
  folder,
  pointer,
  agentVersion,
}: FetchedRelease): Promise<ReleaseCheck<{ id: string; manifest: ReleaseManifest }>> {
  const found = await filesBelow(folder);
  if (!found.ok) return found;
  const bytes = await readPlain(folder, manifestFile, manifestMostBytes);
  if (!bytes.ok) return bytes;
  const hash = createHash('sha256').update(bytes.value).digest();
  if (pointer !== null && !sameBytes(hash, pointer.manifestHash))
    return refused('other-manifest', 'its manifest is not the one that was signed');
  const read = readManifest(bytes.value, agentVersion);
  if (!read.ok) return read;
  const { manifest } = read;
  const id = hash.toString('hex');
  if (pointer !== null && ![manifest.version, releaseLabel(manifest, id)].includes(pointer.version))
    return refused('other-version', `it is version ${manifest.version}, the pointer says ${pointer.version}`);
  const listed = new Set([manifestFile, ...manifest.files.map(({ path }) => path)]);
  const foreign = [...found.value].find((path) => !listed.has(path));
  if (foreign !== undefined) return refused('foreign-file', `${shown(foreign)} is not in its manifest`);
  for (const file of manifest.files) {
    const flaw = await flawOfFile(folder, file);
    if (flaw !== null) return flaw;
  }
  return { ok: true, value: { id, manifest } };
}

function refused(code: ReleaseRefusal, reason: string): ReleaseCheck<never> & { ok: false } {
  return { ok: false, code, reason };
}

/** Whatever somebody called a file, a reason stays one line. */
function shown(path: string): string {
  return JSON.stringify(path.slice(0, 100));
}

/** BEP 47's padding, which some clients write. */
export const padFolder = '.pad';

/** All plain files, relative, with `/`. More than a release may have are not counted to the end. */
async function filesBelow(root: string): Promise<ReleaseCheck<Set<string>>> {
  const found = new Set<string>();
  const folders: string[] = [''];
  let seen = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for await (const entry of await opendir(join(root, folder))) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (path === padFolder && entry.isDirectory()) continue;
      if (++seen > 2 * releaseFilesMost)
        return refused('too-many-files', `it has more than ${releaseFilesMost} files`);
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isFile()) found.add(path);
      else return refused('link', `${shown(path)} is a link or a special file`);
    }
  }
  return { ok: true, value: found };
}

async function readPlain(folder: string, path: string, mostBytes: number): Promise<ReleaseCheck<Buffer>> {
  const file = await openPlain(folder, path);
  if (!file.ok) return file;
  try {
    const { size } = await file.value.stat();
    if (size > mostBytes) return refused('too-many-bytes', `${path} has ${size} bytes, ${mostBytes} at most`);
    await file.value.sync();
    return { ok: true, value: await file.value.readFile() };
  } finally {
    await file.value.close();
  }
}

const readBytes = 256 * 1024;

async function flawOfFile(
  folder: string,
  { path, size, sha256 }: ReleaseFile,
): Promise<(ReleaseCheck<never> & { ok: false }) | null> {
  const file = await openPlain(folder, path);
  if (!file.ok) return file;
  try {
    const about = await file.value.stat();
    if (about.size !== size)
      return refused('wrong-file', `${path} has ${about.size} bytes, its manifest says ${size}`);
    await file.value.sync();
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(Math.min(readBytes, size) || 1);
    for (let at = 0; at < size; ) {
      const { bytesRead } = await file.value.read(buffer, 0, Math.min(buffer.length, size - at), at);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
    if (hash.digest('hex') === sha256) return null;
    return refused('wrong-file', `${path} is not what its manifest says: other content`);
  } finally {
    await file.value.close();
  }
}

/** Follows no link as the last step, and does not wait for a pipe. That no folder on the way is one, `filesBelow` has seen. */
async function openPlain(
  folder: string,
  path: string,
): Promise<{ ok: true; value: FileHandle } | (ReleaseCheck<never> & { ok: false })> {
  let file: FileHandle;
  try {
    file = await open(join(folder, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (errorCode(error) === 'ELOOP') return refused('link', `${path} is a link`);
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error)))
      return refused('missing-file', `${path} is missing`);
    throw error;
  }
  if ((await file.stat()).isFile()) return { ok: true, value: file };
  await file.close();
  return refused('link', `${path} is no plain file`);
}
