// What one slow socket has not taken yet: frames in order, within bounds. Frames are shared with other sessions, so that waiting costs little.

/** How much of what comes live a socket may be behind; more, and its client has to read anew, or comes back with its cursor. */
export const mostLiveBytes = 64 * 1024;
/** How much of what it missed earlier may wait for it. */
export const mostMissedBytes = 8 * 1024 * 1024;

export class Outbox {
  #frames: Uint8Array[] = [];
  #from = 0;
  #bytes = 0;
  #liveBytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#from === this.#frames.length;
  }

  /** False: too much is waiting, and the frame was not taken. `live`: it is not part of catching up. */
  push(frame: Uint8Array, live: boolean): boolean {
    const liveBytes = this.#liveBytes + (live ? frame.length : 0);
    if (liveBytes > mostLiveBytes || this.#bytes + frame.length > mostMissedBytes + mostLiveBytes)
      return false;
    this.#frames.push(frame);
    this.#bytes += frame.length;
    this.#liveBytes = liveBytes;
    return true;
  }

  /** Nothing waits any more. */
  clear(): void {
    this.#frames = [];
    this.#from = 0;
    this.#bytes = 0;
    this.#liveBytes = 0;
  }

  /** Takes out the oldest frames, up to about this many bytes, and at least one if there is any. */
  take(mostBytes: number): Uint8Array[] {
    const first = this.#from;
    let taken = 0;
    while (this.#from < this.#frames.length && (taken === 0 || taken < mostBytes)) {
      taken += this.#frames[this.#from]?.length ?? 0;
      this.#from++;
    }
    const frames = this.#frames.slice(first, this.#from);
    this.#bytes -= taken;
    // What was missed is in front of what came live.
    this.#liveBytes = Math.min(this.#liveBytes, this.#bytes);
    if (this.#from > 64 && this.#from * 2 > this.#frames.length) {
      this.#frames = this.#frames.slice(this.#from);
      this.#from = 0;
    }
    return frames;
  }
}
