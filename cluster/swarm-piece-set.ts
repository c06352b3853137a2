// A set of pieces, counted, in the form in which peers say it.
import BitField from 'bitfield';

export class PieceSet {
  readonly pieces: number;
  readonly #bits: BitField;
  #count = 0;

  constructor(pieces: number) {
    this.pieces = pieces;
    this.#bits = new BitField(pieces);
  }

  /** Null when the bytes are not of this many pieces. Spare bits must be empty. */
  static read(bytes: Uint8Array, pieces: number): PieceSet | null {
    const set = new PieceSet(pieces);
    const bits = new BitField(bytes);
    if (bytes.length !== set.bytes.length) return null;
    for (let spare = pieces; spare < bytes.length * 8; spare++) if (bits.get(spare)) return null;
    for (let piece = 0; piece < pieces; piece++) if (bits.get(piece)) set.add(piece);
    return set;
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === this.pieces;
  }

  /** As on the wire. Not to be written to. */
  get bytes(): Uint8Array {
    return this.#bits.buffer;
  }

  list(): number[] {
    const list: number[] = [];
    for (let piece = 0; piece < this.pieces; piece++) if (this.#bits.get(piece)) list.push(piece);
    return list;
  }

  has(piece: number): boolean {
    return this.#bits.get(piece);
  }

  /** False when it was there already, or is none of this torrent's. */
  add(piece: number): boolean {
    if (piece < 0 || piece >= this.pieces || this.#bits.get(piece)) return false;
    this.#bits.set(piece);
    this.#count++;
    return true;
  }

  delete(piece: number): boolean {
    if (!this.#bits.get(piece)) return false;
    this.#bits.set(piece, false);
    this.#count--;
    return true;
  }
}
