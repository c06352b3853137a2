// A body that comes in pieces, gathered into one. How long it may become is its caller's part.

/** Room for what most bodies are. */
const firstBytes = 2048;

/** Its room doubles: a body of very many small pieces costs no more than one of few. */
export class Gathering {
  #room: Buffer = Buffer.alloc(0);
  length = 0;

  /** Copies the piece. */
  add(piece: Uint8Array): void {
    const length = this.length + piece.length;
    if (length > this.#room.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(firstBytes, length, this.#room.length * 2));
      larger.set(this.#room.subarray(0, this.length));
      this.#room = larger;
    }
    this.#room.set(piece, this.length);
    this.length = length;
  }

  /** All so far. Not to be added to afterwards. */
  bytes(): Buffer {
    return this.#room.subarray(0, this.length);
  }
}
