// Where the pieces and blocks of a torrent lie in its files. Pure.
import { blockBytes } from './torrent-bounds.ts';
import type { TorrentInfo } from './torrent-info.ts';

/** A part of a piece, within one file. */
export interface Span {
  /** Which of `info.files`. */
  file: number;
  /** In the file. */
  fileOffset: number;
  /** In the piece. */
  offset: number;
  length: number;
  isPad: boolean;
}

export class TorrentLayout {
  readonly info: TorrentInfo;
  readonly pieces: number;
  /** Of files, without padding. */
  readonly contentBytes: number;
  /** Where each file begins. */
  readonly #starts: Float64Array;

  constructor(info: TorrentInfo) {
    this.info = info;
    this.pieces = info.pieces.length / 20;
    this.#starts = new Float64Array(info.files.length);
    let at = 0;
    let contentBytes = 0;
    info.files.forEach(({ length, isPad }, file) => {
      this.#starts[file] = at;
      at += length;
      if (!isPad) contentBytes += length;
    });
    this.contentBytes = contentBytes;
  }

  pieceBytes(piece: number): number {
    const { pieceLength, totalBytes } = this.info;
    return Math.min(pieceLength, totalBytes - piece * pieceLength);
  }

  /** SHA-1, 20 bytes. */
  pieceHash(piece: number): Uint8Array {
    return this.info.pieces.subarray(piece * 20, piece * 20 + 20);
  }

  blocks(piece: number): number {
    return Math.ceil(this.pieceBytes(piece) / blockBytes);
  }

  blockLength(piece: number, block: number): number {
    return Math.min(blockBytes, this.pieceBytes(piece) - block * blockBytes);
  }

  /** The parts that a piece, or a part of it, has in the files, in order. Files of no length have none. */
  spans(piece: number, offset = 0, length = this.pieceBytes(piece) - offset): Span[] {
    const spans: Span[] = [];
    const { files, pieceLength } = this.info;
    const from = piece * pieceLength + offset;
    const to = from + length;
    for (let file = this.#fileAt(from); file < files.length; file++) {
      const start = this.#starts[file] ?? 0;
      if (start >= to) break;
      const { length: fileLength, isPad } = files[file] ?? { length: 0, isPad: true };
      const at = Math.max(from, start);
      const end = Math.min(to, start + fileLength);
      if (end > at)
        spans.push({ file, fileOffset: at - start, offset: offset + at - from, length: end - at, isPad });
    }
    return spans;
  }

  /** Bytes of files in a piece. */
  contentOf(piece: number): number {
    return this.spans(piece).reduce((sum, { length, isPad }) => (isPad ? sum : sum + length), 0);
  }

  /** Nothing but padding: nobody need be asked for it. */
  isPadding(piece: number, block: number): boolean {
    return this.spans(piece, block * blockBytes, this.blockLength(piece, block)).every(({ isPad }) => isPad);
  }

  /** The last file that begins at or before this byte. */
  #fileAt(byte: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= byte) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
