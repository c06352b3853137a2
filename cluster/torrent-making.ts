// Makes the info dictionary of a folder: sorted, without dates, each file at the beginning of a piece. The same files give the same bytes.
import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from './command-fault.ts';
import { type TorrentBounds, torrentBounds } from './torrent-bounds.ts';
import { TorrentError } from './torrent-error.ts';
import { readInfo, type TorrentFile, type TorrentInfo, writeInfo } from './torrent-info.ts';

export interface MakingOrder {
  folder: string;
  name: string;
  /** A power of two from 16 KiB. Unless told: 64 KiB, and more where that would be more than 2,048 pieces. */
  pieceLength?: number;
  bounds?: TorrentBounds;
  /** After each piece or so: bytes read, of all. */
  onProgress?(readBytes: number, totalBytes: number): void;
}

const readBytes = 256 * 1024;
const smallPieceBytes = 64 * 1024;
const piecesAim = 2048;

interface Found {
  path: readonly string[];
  length: number;
  isExecutable: boolean;
}

/**
 * Rejects with a `TorrentError` for links, special files, names that others could not hold and files that change meanwhile, and with
 * the system's error when something cannot be read.
 */
export async function makeInfo(order: MakingOrder): Promise<TorrentInfo> {
  const { folder, name, bounds = torrentBounds, onProgress } = order;
  const found = await filesIn(folder, bounds);
  const contentBytes = found.reduce((sum, { length }) => sum + length, 0);
  if (contentBytes === 0) throw new TorrentError('empty', `nothing in ${folder}`);
  const pieceLength = order.pieceLength ?? pieceLengthFor(contentBytes, bounds);
  const files = padded(found, pieceLength);
  const pieces = new PieceHashes(pieceLength);
  const block = Buffer.allocUnsafe(readBytes);
  let doneBytes = 0;
  for (const file of files) {
    if (file.isPad) {
      pieces.add(Buffer.alloc(file.length));
      continue;
    }
    await readWhole(join(folder, ...file.path), file.length, block, (part) => {
      pieces.add(part);
      doneBytes += part.length;
      onProgress?.(doneBytes, contentBytes);
    });
  }
  const bytes = writeInfo({ name, pieceLength, pieces: pieces.end(), files });
  return readInfo(bytes, bounds);
}

/** Every file begins with a piece. After the last there is nothing to align. */
function padded(found: readonly Found[], pieceLength: number): TorrentFile[] {
  const files: TorrentFile[] = [];
  let overBytes = 0;
  for (const file of found) {
    if (overBytes > 0 && file.length > 0) {
      const length = pieceLength - overBytes;
      files.push({ path: ['.pad', String(length)], length, isPad: true, isExecutable: false });
      overBytes = 0;
    }
    files.push({ ...file, isPad: false });
    overBytes = (overBytes + file.length) % pieceLength;
  }
  return files;
}

function pieceLengthFor(totalBytes: number, { pieceMostBytes }: TorrentBounds): number {
  let length = smallPieceBytes;
  while (totalBytes / length > piecesAim && length * 2 <= pieceMostBytes) length *= 2;
  return length;
}

/** In the order of their paths' bytes. */
async function filesIn(folder: string, { filesMost }: TorrentBounds): Promise<Found[]> {
  const found: Found[] = [];
  const folders: string[][] = [[]];
  for (let path = folders.pop(); path !== undefined; path = folders.pop()) {
    for (const entry of await readdir(join(folder, ...path), { withFileTypes: true })) {
      const inside = [...path, entry.name];
      if (entry.isDirectory() && inside[0] !== '.pad') folders.push(inside);
      else if (entry.isFile()) found.push({ path: inside, length: 0, isExecutable: false });
      else
        throw new TorrentError('link', `${inside.join('/')} is a link, a special file or of a reserved name`);
      if (found.length + folders.length > filesMost)
        throw new TorrentError('too-many-files', `more than ${filesMost} files in ${folder}`);
    }
  }
  const keyed = found.map((file) => ({ file, key: Buffer.from(file.path.join('/')) }));
  keyed.sort((one, other) => Buffer.compare(one.key, other.key));
  const sized: Found[] = [];
  for (const { file } of keyed) {
    const handle = await openPlain(join(folder, ...file.path));
    try {
      const { size, mode } = await handle.stat();
      sized.push({ path: file.path, length: size, isExecutable: (mode & 0o100) !== 0 });
    } finally {
      await handle.close();
    }
  }
  return sized;
}

async function readWhole(
  path: string,
  length: number,
  block: Buffer,
  take: (part: Buffer) => void,
): Promise<void> {
  const handle = await openPlain(path);
  try {
    for (let at = 0; ; ) {
      const { bytesRead } = await handle.read(block, 0, block.length, at);
      at += bytesRead;
      if (at > length || (bytesRead === 0 && at < length))
        throw new TorrentError('changed', `${path} changed while it was read`);
      if (bytesRead === 0) return;
      take(block.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}

/** Follows no link, and does not wait for a pipe. */
async function openPlain(path: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (errorCode(error) === 'ELOOP') throw new TorrentError('link', `${path} is a link`, { cause: error });
    throw error;
  }
  const isFile = await handle.stat().then((is) => is.isFile());
  if (isFile) return handle;
  await handle.close();
  throw new TorrentError('link', `${path} is no plain file`);
}

class PieceHashes {
  readonly #pieceLength: number;
  readonly #hashes: Buffer[] = [];
  #hash: Hash = createHash('sha1');
  #bytes = 0;

  constructor(pieceLength: number) {
    this.#pieceLength = pieceLength;
  }

  add(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + this.#pieceLength - this.#bytes);
      this.#hash.update(part);
      this.#bytes += part.length;
      at += part.length;
      if (this.#bytes === this.#pieceLength) this.#next();
    }
  }

  end(): Buffer {
    if (this.#bytes > 0) this.#next();
    return Buffer.concat(this.#hashes);
  }

  #next(): void {
    this.#hashes.push(this.#hash.digest());
    this.#hash = createHash('sha1');
    this.#bytes = 0;
  }
}
