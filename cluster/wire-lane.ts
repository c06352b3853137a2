// One lane of what is posted to a peer and not sent yet: packed messages in order, cut into frames as credit allows. No sockets here.
import { frameGoalBytes } from './link-frame.ts';
import { joinMessages, type Lane } from './wire-frame.ts';
import type { SendWindow } from './wire-window.ts';

/** What keeping a message takes beside its bytes, so that the bound also holds for very many very small ones. */
const keptBytes = 100;

export class OutLane {
  readonly #lane: Lane;
  readonly window: SendWindow;
  #queue: Uint8Array[] = [];
  #at = 0;
  #packedBytes = 0;

  constructor(lane: Lane, window: SendWindow) {
    this.#lane = lane;
    this.window = window;
  }

  /** What waits here, with what keeping it takes. */
  get queuedBytes(): number {
    return this.#packedBytes + this.waiting * keptBytes;
  }

  /** Messages that wait. */
  get waiting(): number {
    return this.#queue.length - this.#at;
  }

  push(packed: Uint8Array): void {
    this.#queue.push(packed);
    this.#packedBytes += packed.length;
  }

  /** Bytes of the frame that would be cut next, its header left out; 0 when nothing waits or credit has run out. */
  nextBytes(): number {
    return this.#next().bytes;
  }

  /** The next frame, which counts as sent from now on. Null when nothing waits or credit has run out. */
  cut(): { frame: Uint8Array; messages: number } | null {
    const { messages, bytes } = this.#next();
    if (messages === 0) return null;
    const frame = joinMessages(this.#lane, this.#queue.slice(this.#at, this.#at + messages), bytes);
    this.window.sent(frame.length);
    this.#packedBytes -= bytes;
    this.#at += messages;
    if (this.#at === this.#queue.length) {
      this.#queue = [];
      this.#at = 0;
    } else if (this.#at > 4096 && this.#at > this.#queue.length / 2) {
      this.#queue = this.#queue.slice(this.#at);
      this.#at = 0;
    }
    return { frame, messages };
  }

  clear(): void {
    this.#queue = [];
    this.#at = 0;
    this.#packedBytes = 0;
  }

  #next(): { messages: number; bytes: number } {
    const first = this.#queue[this.#at];
    const roomBytes = this.window.roomBytes - 16;
    if (first === undefined || first.length > roomBytes) return { messages: 0, bytes: 0 };
    // A message longer than the goal goes in a frame of its own.
    const mostBytes = Math.min(roomBytes, frameGoalBytes);
    let bytes = first.length;
    let messages = 1;
    for (let next = this.#queue[this.#at + 1]; next !== undefined; next = this.#queue[this.#at + messages]) {
      if (bytes + next.length > mostBytes) break;
      bytes += next.length;
      messages++;
    }
    return { messages, bytes };
  }
}
