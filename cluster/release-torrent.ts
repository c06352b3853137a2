// A release as a torrent: the same release gives the same info dictionary, wherever its folder lies.
import { type ReleaseManifest, releaseLabel } from './release-manifest.ts';
import { releaseTorrentBounds } from './release-verification.ts';
import type { TorrentInfo } from './torrent-info.ts';
import { makeInfo } from './torrent-making.ts';

/** Small pieces: a changed line moves the rest of its file's piece. */
export const releasePieceBytes = 16 * 1024;

/** Rejects as `makeInfo` does. */
export async function releaseInfo(
  folder: string,
  { id, manifest }: { id: string; manifest: ReleaseManifest },
  onProgress?: (readBytes: number, totalBytes: number) => void,
): Promise<TorrentInfo> {
  return await makeInfo({
    folder,
    name: releaseLabel(manifest, id),
    pieceLength: releasePieceBytes,
    bounds: releaseTorrentBounds,
    ...(onProgress === undefined ? {} : { onProgress }),
  });
}

export interface MovedPart {
  /** Of content that an owner of the parent lacks; padding aside. */
  movedBytes: number;
  totalBytes: number;
}

/**
 * What a node must fetch that has the parent: pieces that are not at the same place of the same file, and
 * beside them the info dictionary, which comes with the push.
 */
export function movedAgainst(parent: TorrentInfo | null, next: TorrentInfo): MovedPart {
  const had = new Set(parent === null ? [] : piecesOf(parent).map(({ key }) => key));
  const pieces = piecesOf(next);
  const missing = pieces.filter(({ key }) => !had.has(key));
  return {
    movedBytes: missing.reduce((sum, { bytes }) => sum + bytes, 0) + next.bytes.length,
    totalBytes: pieces.reduce((sum, { bytes }) => sum + bytes, 0) + next.bytes.length,
  };
}

/** Every file begins with a piece, so a piece is of one file. */
function piecesOf({ files, pieces, pieceLength }: TorrentInfo): { key: string; bytes: number }[] {
  const all: { key: string; bytes: number }[] = [];
  let piece = 0;
  for (const { path, length, isPad } of files) {
    if (isPad) continue;
    for (let at = 0; at < length; at += pieceLength, piece++) {
      const hash = Buffer.from(pieces.subarray(20 * piece, 20 * piece + 20)).toString('hex');
      all.push({ key: `${path.join('/')} ${at} ${hash}`, bytes: Math.min(pieceLength, length - at) });
    }
  }
  return all;
}
