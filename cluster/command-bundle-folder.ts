// A folder that a bundle is to go into: free, begun earlier, or in the way; and whether what is in it is the bundle already.
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { CommandFault, errorCode } from './command-fault.ts';
import { hexDigits, hexOf } from './hex.ts';
import { keptPath } from './swarm-order.ts';
import type { TorrentInfo } from './torrent-info.ts';

export type FolderState =
  /** Not there, or empty. */
  | 'free'
  /** Something was fetched into it, and perhaps not all. */
  | 'begun'
  | 'occupied';

/** Throws a `CommandFault` when no folder can be there, or when another bundle is on its way into it. */
export async function folderState(folder: string, hash: Uint8Array): Promise<FolderState> {
  let isEmpty: boolean;
  try {
    isEmpty = (await readdir(folder)).length === 0;
  } catch (error) {
    switch (errorCode(error)) {
      case 'ENOENT':
        return 'free';
      case 'ENOTDIR':
        throw new CommandFault(`${folder} is in the way: it is a file. Name a folder.`, { cause: error });
      case '':
        throw error;
      default:
        throw new CommandFault(`${folder} cannot be read: ${String(error)}.`, { cause: error });
    }
  }
  if (isEmpty) return 'free';
  const begun = await begunIn(folder);
  if (begun === null) return 'occupied';
  if (begun === hexOf(hash)) return 'begun';
  throw new CommandFault(
    `${folder} is in the way: it is being fetched from another link (${begun}). Name a new folder.`,
  );
}

/** From now on the folder is one that was begun, whatever happens to this process. The swarm writes more into the same file. */
export async function beginFolder(folder: string, hash: Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(folder), { recursive: true });
    await writeFile(keptPath(folder), `${JSON.stringify({ torrent: hexOf(hash) })}\n`);
  } catch (error) {
    if (errorCode(error) === '') throw error;
    throw new CommandFault(`${folder} cannot be made: ${String(error)}.`, { cause: error });
  }
}

/** Nothing is there. */
export async function isBare(folder: string): Promise<boolean> {
  return await readdir(folder).then(
    (names) => names.length === 0,
    () => true,
  );
}

/** The info hash in hex; null when nothing says that something was begun. */
async function begunIn(folder: string): Promise<string | null> {
  try {
    const { torrent } = begunFile.parse(JSON.parse(await readFile(keptPath(folder), 'utf8')));
    return torrent;
  } catch {
    return null;
  }
}

const begunFile = z.object({ torrent: hexDigits(20) });

/**
 * What tells the folder from the bundle, in a few words; null when it holds exactly its files. Reads all of them, and writes nothing.
 * `onProgress`: bytes read, of all.
 */
export async function differenceOf(
  folder: string,
  info: TorrentInfo,
  onProgress: (readBytes: number, totalBytes: number) => void,
): Promise<string | null> {
  const files = info.files.filter(({ isPad }) => !isPad);
  const wanted = new Map(files.map(({ path, length }) => [path.join('/'), length]));
  const more = await firstOther(folder, wanted);
  if (more !== null) return `${more} is no part of it`;
  for (const [path, length] of wanted) {
    const size = await stat(join(folder, path)).then(
      ({ size }) => size,
      () => null,
    );
    if (size !== length) return size === null ? `${path} is missing` : `${path} is another`;
  }
  return await firstWrong(folder, info, onProgress);
}

async function firstOther(folder: string, wanted: ReadonlyMap<string, number>): Promise<string | null> {
  const folders = [''];
  for (let inside = folders.pop(); inside !== undefined; inside = folders.pop()) {
    for (const entry of await readdir(join(folder, inside), { withFileTypes: true })) {
      const path = inside === '' ? entry.name : `${inside}/${entry.name}`;
      if (entry.isDirectory()) folders.push(path);
      else if (!entry.isFile() || !wanted.has(path)) return path;
    }
  }
  return null;
}

const blockBytes = 256 * 1024;

async function firstWrong(
  folder: string,
  info: TorrentInfo,
  onProgress: (readBytes: number, totalBytes: number) => void,
): Promise<string | null> {
  const { pieceLength, pieces, files, totalBytes } = info;
  let hash = createHash('sha1');
  let doneBytes = 0;
  /** False when a piece that ends in it is wrong. */
  const take = (bytes: Uint8Array): boolean => {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + pieceLength - (doneBytes % pieceLength));
      hash.update(part);
      at += part.length;
      doneBytes += part.length;
      if (doneBytes % pieceLength !== 0 && doneBytes !== totalBytes) continue;
      const index = Math.ceil(doneBytes / pieceLength) - 1;
      if (!hash.digest().equals(pieces.subarray(index * 20, index * 20 + 20))) return false;
      hash = createHash('sha1');
    }
    return true;
  };
  for (const { path, length, isPad } of files) {
    const whole = isPad
      ? take(Buffer.alloc(length))
      : await takeFile(join(folder, ...path), length, (bytes) => {
          const isRight = take(bytes);
          onProgress(doneBytes, totalBytes);
          return isRight;
        });
    if (!whole) return `${path.join('/')} is another`;
  }
  return null;
}

async function takeFile(
  path: string,
  length: number,
  take: (bytes: Uint8Array) => boolean,
): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const block = Buffer.allocUnsafe(blockBytes);
    for (let at = 0; at < length; ) {
      const { bytesRead } = await file.read(block, 0, Math.min(blockBytes, length - at), at);
      if (bytesRead === 0 || !take(block.subarray(0, bytesRead))) return false;
      at += bytesRead;
    }
    return true;
  } finally {
    await file.close();
  }
}
