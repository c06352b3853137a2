// A .torrent file: an info dictionary in its envelope. Trackers and dates have no place in ours.
import { bencodedValues, writeBencode } from './dht-bencode.ts';
import { type TorrentBounds, torrentBounds } from './torrent-bounds.ts';
import { TorrentError } from './torrent-error.ts';
import { asBuffer, readInfo, type TorrentInfo } from './torrent-info.ts';

const fileShape = { deepest: 41, keyMostBytes: 255 };
/** What others put beside the info dictionary. */
const envelopeMostBytes = 2 ** 20;

/** The same torrent gives the same bytes. */
export function writeTorrentFile(info: TorrentInfo): Uint8Array {
  const key = writeBencode(Buffer.from('info'));
  return Buffer.concat([Buffer.from('d'), key, info.bytes, Buffer.from('e')]);
}

/** Throws a `TorrentError`. */
export function readTorrentFile(bytes: Uint8Array, bounds: TorrentBounds = torrentBounds): TorrentInfo {
  if (bytes.length > bounds.infoMostBytes + envelopeMostBytes)
    throw new TorrentError('too-many-bytes', `a .torrent file of ${bytes.length} bytes`);
  const info = bencodedValues(asBuffer(bytes), fileShape)?.get('info');
  if (info === undefined) throw new TorrentError('malformed', 'no .torrent file');
  return readInfo(info, bounds);
}
