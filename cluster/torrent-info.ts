// The info dictionary of a torrent (BEP 3, with the padding of BEP 47): what is in it, read with suspicion. Making one is torrent-making.ts's.
import { createHash } from 'node:crypto';
import { type Bencoded, readBencode, writeBencode } from './dht-bencode.ts';
import { blockBytes, type TorrentBounds, torrentBounds } from './torrent-bounds.ts';
import { TorrentError } from './torrent-error.ts';
import { readPathPart, TorrentPaths } from './torrent-path.ts';

export interface TorrentFile {
  /** Below the folder of the torrent. */
  readonly path: readonly string[];
  readonly length: number;
  /** Zeros that are on no disk: they let the next file begin with a piece. */
  readonly isPad: boolean;
  readonly isExecutable: boolean;
}

export interface TorrentInfo {
  readonly name: string;
  readonly pieceLength: number;
  /** 20 bytes for each piece. */
  readonly pieces: Uint8Array;
  readonly files: readonly TorrentFile[];
  /** Of all files, with padding. */
  readonly totalBytes: number;
  /** Bencoded, as they are hashed. */
  readonly bytes: Uint8Array;
  /** SHA-1 of `bytes`: 20 bytes. */
  readonly hash: Uint8Array;
}

/** Deep enough for what torrents of both versions hold beside ours. */
const infoShape = { deepest: 40, keyMostBytes: 255 };
const hashBytes = 20;

/** Throws a `TorrentError` for everything that must not be fetched. `hash`, where told, is what these bytes must have. */
export function readInfo(
  bytes: Uint8Array,
  bounds: TorrentBounds = torrentBounds,
  hash?: Uint8Array,
): TorrentInfo {
  if (bytes.length > bounds.infoMostBytes)
    throw new TorrentError('too-many-bytes', `an info dictionary of ${bytes.length} bytes`);
  const found = infoHash(bytes);
  if (hash !== undefined && !found.equals(hash))
    throw new TorrentError('hash', `an info dictionary that is not the one of ${hex(hash)}`);
  // Its own: what it was read from may go or change.
  const own = Buffer.from(bytes);
  const info = readBencode(own, infoShape);
  if (!(info instanceof Map)) throw new TorrentError('malformed', 'no bencoded dictionary');
  const name = readPathPart(bytesAt(info, 'name'));
  const pieceLength = countAt(info, 'piece length');
  if (pieceLength > bounds.pieceMostBytes)
    throw new TorrentError('too-many-bytes', `pieces of ${pieceLength} bytes`);
  if (pieceLength === 0 || pieceLength % blockBytes !== 0)
    throw new TorrentError('unsupported', `pieces of ${pieceLength} bytes, which are not whole blocks`);
  if (info.has('meta version') && !info.has('pieces'))
    throw new TorrentError('unsupported', 'a torrent of version 2 only');
  const pieces = bytesAt(info, 'pieces');
  const files = filesOf(info, name, bounds);
  const totalBytes = files.reduce((sum, { length }) => sum + length, 0);
  if (!(totalBytes <= bounds.bytesMost))
    throw new TorrentError('too-many-bytes', `${totalBytes} bytes, and ${bounds.bytesMost} are the most`);
  if (totalBytes === 0) throw new TorrentError('empty', 'nothing in it');
  if (pieces.length !== Math.ceil(totalBytes / pieceLength) * hashBytes)
    throw new TorrentError(
      'sizes',
      `${totalBytes} bytes in pieces of ${pieceLength}, and ${pieces.length / hashBytes} hashes`,
    );
  return { name, pieceLength, pieces, files, totalBytes, bytes: own, hash: found };
}

/** The inverse of `readInfo`, which judges it. */
export function writeInfo(info: {
  name: string;
  pieceLength: number;
  pieces: Uint8Array;
  files: readonly TorrentFile[];
}): Uint8Array {
  const files = info.files.map(({ path, length, isPad, isExecutable }) => {
    const attributes = `${isPad ? 'p' : ''}${isExecutable ? 'x' : ''}`;
    return new Map<string, Bencoded>([
      ...(attributes === '' ? [] : [['attr', Buffer.from(attributes)] as const]),
      ['length', length],
      ['path', path.map((part) => Buffer.from(part))],
    ]);
  });
  return writeBencode(
    new Map<string, Bencoded>([
      ['files', files],
      ['name', Buffer.from(info.name)],
      ['piece length', info.pieceLength],
      ['pieces', asBuffer(info.pieces)],
    ]),
  );
}

export function infoHash(bytes: Uint8Array): Buffer {
  return createHash('sha1').update(bytes).digest();
}

function filesOf(info: Map<string, Bencoded>, name: string, bounds: TorrentBounds): TorrentFile[] {
  const list = info.get('files');
  if (list === undefined) {
    return [{ path: [name], length: countAt(info, 'length'), ...attributesOf(info) }];
  }
  if (!Array.isArray(list)) throw new TorrentError('malformed', '`files` is no list');
  const paths = new TorrentPaths();
  let files = 0;
  return list.map((file) => {
    if (!(file instanceof Map)) throw new TorrentError('malformed', 'a file that is no dictionary');
    const parts = file.get('path');
    if (!Array.isArray(parts)) throw new TorrentError('malformed', 'a file without a path');
    const path = parts.map((part) => {
      if (!Buffer.isBuffer(part)) throw new TorrentError('malformed', 'a path that is no text');
      return readPathPart(part);
    });
    const length = countAt(file, 'length');
    const attributes = attributesOf(file);
    if (!attributes.isPad) {
      paths.add(path);
      if (++files > bounds.filesMost)
        throw new TorrentError('too-many-files', `more than ${bounds.filesMost} files`);
    }
    return { path, length, ...attributes };
  });
}

function attributesOf(file: Map<string, Bencoded>): { isPad: boolean; isExecutable: boolean } {
  const attributes = file.get('attr') ?? Buffer.alloc(0);
  if (!Buffer.isBuffer(attributes)) throw new TorrentError('malformed', 'attributes that are no text');
  const said = attributes.toString('latin1');
  if (said.includes('l') || file.has('symlink path')) throw new TorrentError('link', 'a file that is a link');
  return { isPad: said.includes('p'), isExecutable: said.includes('x') };
}

function bytesAt(map: Map<string, Bencoded>, key: string): Buffer {
  const value = map.get(key);
  if (!Buffer.isBuffer(value)) throw new TorrentError('malformed', `no \`${key}\``);
  return value;
}

function countAt(map: Map<string, Bencoded>, key: string): number {
  const value = map.get(key);
  if (typeof value !== 'number' || value < 0) throw new TorrentError('malformed', `no \`${key}\``);
  return value;
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function hex(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('hex');
}
