// What one peer has asked for and not been sent yet, in order, each block once.

export interface Upload {
  readonly piece: number;
  readonly offset: number;
  readonly length: number;
}

export class Uploads {
  #queue: Upload[] = [];
  /** Taken from the queue, and read from disk meanwhile. */
  #taken: Upload | null = null;

  get waiting(): number {
    return this.#queue.length;
  }

  get next(): Upload | undefined {
    return this.#queue[0];
  }

  /** Asked for twice, it is sent once. */
  add(upload: Upload): void {
    const isAsked = this.#taken !== null && isSame(this.#taken, upload);
    if (!isAsked && !this.#queue.some((other) => isSame(other, upload))) this.#queue.push(upload);
  }

  /** The next, to be sent now. */
  take(): Upload | null {
    this.#taken = this.#queue.shift() ?? null;
    return this.#taken;
  }

  /** What was taken is here. False when it was called off meanwhile. */
  ready(upload: Upload): boolean {
    if (this.#taken !== upload) return false;
    this.#taken = null;
    return true;
  }

  cancel(upload: Upload): void {
    this.#queue = this.#queue.filter((other) => !isSame(other, upload));
    if (this.#taken !== null && isSame(this.#taken, upload)) this.#taken = null;
  }

  clear(): void {
    this.#queue = [];
    this.#taken = null;
  }
}

function isSame(one: Upload, other: Upload): boolean {
  return one.piece === other.piece && one.offset === other.offset && one.length === other.length;
}
