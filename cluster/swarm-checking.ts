// What of a torrent is on disk already: as it was kept, verified where that is in doubt, and taken from the sources where it is not there.
import type { FileMark, SwarmFiles } from './swarm-files.ts';
import { hasHash } from './swarm-hashing.ts';
import { type Kept, readKept } from './swarm-kept.ts';
import { PieceSet } from './swarm-piece-set.ts';
import { SwarmSources } from './swarm-sources.ts';
import type { TorrentLayout } from './torrent-layout.ts';

export interface CheckingOrder {
  layout: TorrentLayout;
  files: SwarmFiles;
  folder: string;
  /** Nothing but the lengths of files is looked at, and nothing is made. */
  isWhole: boolean;
  /** False ends it soon, with whatever was found so far. */
  goesOn(): boolean;
}

/**
 * Pieces that are on disk. Verified are those of files that are not as they were kept; files that are not there have none, and are made,
 * each as long as it is to be. Rejects when the disk does, and when a folder that is to be whole is not.
 */
export async function checkDisk(order: CheckingOrder): Promise<PieceSet> {
  const { layout, files, folder, isWhole, goesOn } = order;
  const marks = await files.marks();
  const isLong = layout.info.files.every(
    ({ isPad, length }, file) => isPad || marks[file]?.length === length,
  );
  if (isWhole && !isLong) throw new Error(`the files in ${folder} are not those of the torrent`);
  if (isWhole) return all(layout.pieces);
  const have = await verified(order, marks, await readKept(folder, layout.info));
  if (goesOn() && !(have.isFull && isLong)) await files.make();
  return have;
}

/** Calls `took` for each piece that the sources have and `have` has not, verified. */
export async function takeFromSources(
  order: Pick<CheckingOrder, 'layout' | 'goesOn'> & { sources: readonly string[]; have: PieceSet },
  took: (piece: number, bytes: Buffer) => Promise<void>,
): Promise<void> {
  const { layout, goesOn, have } = order;
  if (have.isFull || order.sources.length === 0) return;
  const sources = new SwarmSources(layout, order.sources);
  try {
    await sources.look();
    for (let piece = 0; piece < layout.pieces && goesOn(); piece++) {
      const bytes = have.has(piece) ? null : await sources.piece(piece);
      if (bytes !== null) await took(piece, bytes);
    }
  } finally {
    await sources.close();
  }
}

async function verified(
  { layout, files, goesOn }: CheckingOrder,
  marks: readonly (FileMark | null)[],
  kept: Kept | null,
): Promise<PieceSet> {
  const have = new PieceSet(layout.pieces);
  const isKept = marks.map((mark, file) => isSame(mark, kept?.marks[file] ?? null));
  for (let piece = 0; piece < layout.pieces && goesOn(); piece++) {
    const spans = layout.spans(piece).filter(({ isPad }) => !isPad);
    if (spans.some(({ file }) => marks[file] === null)) continue;
    if (spans.length > 0 && spans.every(({ file }) => isKept[file])) {
      if (kept?.have.has(piece)) have.add(piece);
    } else {
      const bytes = await files.read(piece, 0, layout.pieceBytes(piece));
      if (bytes !== null && (await hasHash(bytes, layout.pieceHash(piece)))) have.add(piece);
    }
  }
  return have;
}

function all(pieces: number): PieceSet {
  const set = new PieceSet(pieces);
  for (let piece = 0; piece < pieces; piece++) set.add(piece);
  return set;
}

function isSame(mark: FileMark | null, other: FileMark | null): boolean {
  return mark !== null && mark.length === other?.length && mark.modified === other.modified;
}
