// Which pieces of a folder are verified, kept beside it for the next start, with the length and date that each file had then.
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { hexOf } from './hex.ts';
import type { FileMark } from './swarm-files.ts';
import { keptPath } from './swarm-order.ts';
import { PieceSet } from './swarm-piece-set.ts';
import type { TorrentInfo } from './torrent-info.ts';

export interface Kept {
  have: PieceSet;
  /** As `SwarmFiles.marks` gave them. */
  marks: readonly (FileMark | null)[];
}

const keptMostBytes = 64 * 2 ** 20;

/** Whole or not at all. What it says must be on disk already. */
export async function writeKept(folder: string, info: TorrentInfo, kept: Kept): Promise<void> {
  const draft = `${keptPath(folder)}.new`;
  const json = {
    torrent: hexOf(info.hash),
    have: Buffer.from(kept.have.bytes).toString('base64'),
    files: kept.marks.map((mark) => (mark === null ? null : [mark.length, mark.modified])),
  };
  await writeFile(draft, `${JSON.stringify(json)}\n`);
  await rename(draft, keptPath(folder));
}

/** Null when there is nothing, or nothing of this torrent: then all is looked at anew. */
export async function readKept(folder: string, info: TorrentInfo): Promise<Kept | null> {
  let json: unknown;
  try {
    if ((await stat(keptPath(folder))).size > keptMostBytes) return null;
    json = JSON.parse(await readFile(keptPath(folder), 'utf8'));
  } catch {
    return null;
  }
  if (
    typeof json !== 'object' ||
    json === null ||
    !('torrent' in json) ||
    !('have' in json) ||
    !('files' in json)
  )
    return null;
  const { torrent, have, files } = json;
  if (torrent !== hexOf(info.hash) || typeof have !== 'string' || !Array.isArray(files)) return null;
  const set = PieceSet.read(Buffer.from(have, 'base64'), info.pieces.length / 20);
  if (set === null || files.length !== info.files.length) return null;
  return { have: set, marks: files.map(markOf) };
}

function markOf(value: unknown): FileMark | null {
  if (!Array.isArray(value)) return null;
  const [length, modified] = value;
  return typeof length === 'number' && typeof modified === 'string' ? { length, modified } : null;
}
