// Credits of one lane: how much may be under way before the receiver has said that it has processed some. No sockets here.

export interface WindowBounds {
  frames: number;
  bytes: number;
}

/** Control has less room because it is little. Both hold a frame of the largest size beside what is not returned yet. */
export const dataWindow: WindowBounds = { frames: 1024, bytes: 8 * 1024 * 1024 };
export const controlWindow: WindowBounds = { frames: 256, bytes: 2 * 1024 * 1024 };

/** A receiver says what it has processed when it is this part of the window. Less would be chatter; much more would stop the sender. */
const returnedPart = 8;

/** The sender's side. */
export class SendWindow {
  readonly #bounds: WindowBounds;
  #sentFrames = 0;
  #sentBytes = 0;
  #processedFrames = 0;
  #processedBytes = 0;

  constructor(bounds: WindowBounds) {
    this.#bounds = bounds;
  }

  /** Bytes that one more frame may have. */
  get roomBytes(): number {
    if (this.#sentFrames - this.#processedFrames >= this.#bounds.frames) return 0;
    return this.#bounds.bytes - (this.#sentBytes - this.#processedBytes);
  }

  /** Sent, and not yet known to be processed. */
  get underWayBytes(): number {
    return this.#sentBytes - this.#processedBytes;
  }

  sent(bytes: number): void {
    this.#sentFrames++;
    this.#sentBytes += bytes;
  }

  /** What the receiver has processed in all. False: it cannot have. */
  returned(frames: number, bytes: number): boolean {
    const isPossible =
      frames >= this.#processedFrames &&
      frames <= this.#sentFrames &&
      bytes >= this.#processedBytes &&
      bytes <= this.#sentBytes;
    if (!isPossible) return false;
    this.#processedFrames = frames;
    this.#processedBytes = bytes;
    return true;
  }
}

/** The receiver's side. */
export class ReceiveWindow {
  readonly #bounds: WindowBounds;
  #frames = 0;
  #bytes = 0;
  #told = { frames: 0, bytes: 0 };
  readonly #processed = { frames: 0, bytes: 0 };

  constructor(bounds: WindowBounds) {
    this.#bounds = bounds;
  }

  /** A frame has come. False: the sender had no credit for it. */
  received(bytes: number): boolean {
    this.#frames++;
    this.#bytes += bytes;
    return (
      this.#frames - this.#told.frames <= this.#bounds.frames &&
      this.#bytes - this.#told.bytes <= this.#bounds.bytes
    );
  }

  processed(bytes: number): void {
    this.#processed.frames++;
    this.#processed.bytes += bytes;
  }

  /** Time to say what is processed. */
  get isDue(): boolean {
    return (
      this.#processed.frames - this.#told.frames >= this.#bounds.frames / returnedPart ||
      this.#processed.bytes - this.#told.bytes >= this.#bounds.bytes / returnedPart
    );
  }

  /** What is processed in all, about to be said. */
  tell(): { frames: number; bytes: number } {
    this.#told = { ...this.#processed };
    return this.#told;
  }
}
