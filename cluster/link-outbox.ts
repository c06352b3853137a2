// What one end of a link is about to send: everything posted in one turn of the event loop goes as one frame, in order.
import { WebSocket } from 'ws';
import { frameGoalBytes, frameMostBytes, packFrame } from './link-frame.ts';
import type { LinkMeter } from './link-meter.ts';

/** Above this much unsent, requests are refused with `busy`, but for writes. */
export const backlogSoftBytes = 8 * 1024 * 1024;
/** Above this much unsent, the link is given up: pushes must not be left out, and cannot be kept for ever. */
export const backlogHardBytes = 64 * 1024 * 1024;

export interface OutboxOptions {
  socket: WebSocket;
  meter: LinkMeter;
  /** Called before each flush: may post what goes last. */
  beforeFlush(): void;
  /** A message that no frame can hold: gives what goes in its place, or null for nothing. */
  tooLarge(message: unknown, bytes: number): unknown;
  /** The backlog is over its hard bound, or something cannot be packed. Nothing more is sent. */
  overflow(reason: string): void;
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #socket: WebSocket;
  #queue: unknown[] = [];
  #queuedBytes = 0;
  /** Where frames are cut: indexes into the queue. */
  #cuts: number[] = [];
  #sinceCutBytes = 0;
  #isScheduled = false;
  #isStopped = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#socket = options.socket;
  }

  /** Bytes posted and not yet with the machine's network; an estimate for what is not packed yet. */
  get backlogBytes(): number {
    return this.#socket.bufferedAmount + this.#queuedBytes;
  }

  /** `message` in its wire form; it must not change any more. `aboutBytes` decides how many share a frame. */
  post(message: unknown, aboutBytes = 200): void {
    if (this.#isStopped) return;
    if (this.#sinceCutBytes > 0 && this.#sinceCutBytes + aboutBytes > frameGoalBytes) {
      this.#cuts.push(this.#queue.length);
      this.#sinceCutBytes = 0;
    }
    this.#queue.push(message);
    this.#queuedBytes += aboutBytes;
    this.#sinceCutBytes += aboutBytes;
    this.schedule();
    if (this.backlogBytes > backlogHardBytes) this.#giveUp(overBound);
  }

  /** A flush at the end of this turn, though nothing may be posted yet. */
  schedule(): void {
    if (this.#isScheduled || this.#isStopped) return;
    this.#isScheduled = true;
    setImmediate(() => this.flush());
  }

  flush(): void {
    if (this.#isStopped) return;
    this.#options.beforeFlush();
    this.#isScheduled = false;
    const queue = this.#queue;
    const cuts = this.#cuts;
    this.#queue = [];
    this.#cuts = [];
    this.#queuedBytes = 0;
    this.#sinceCutBytes = 0;
    let from = 0;
    for (const cut of cuts) {
      this.#sendFrame(queue.slice(from, cut));
      from = cut;
    }
    if (from === 0) this.#sendFrame(queue);
    else this.#sendFrame(queue.slice(from));
  }

  /** Forgets what is not sent; nothing is sent any more. */
  stop(): void {
    this.#isStopped = true;
    this.#queue = [];
    this.#queuedBytes = 0;
  }

  #sendFrame(messages: unknown[]): void {
    if (messages.length === 0 || this.#isStopped || this.#socket.readyState !== WebSocket.OPEN) return;
    let frame: Uint8Array;
    try {
      frame = packFrame(messages);
    } catch (error) {
      this.#giveUp(`a message cannot be packed: ${String(error)}`);
      return;
    }
    if (frame.length > frameMostBytes) {
      this.#sendInParts(messages, frame.length);
      return;
    }
    this.#socket.send(frame);
    const { meter } = this.#options;
    meter.count('frames-out', 1);
    meter.count('messages-out', messages.length);
    meter.count('bytes-out', frame.length);
    if (this.#socket.bufferedAmount > backlogHardBytes) this.#giveUp(overBound);
  }

  /** The estimates were far off: halves, until it fits or one message alone does not. */
  #sendInParts(messages: unknown[], bytes: number): void {
    if (messages.length > 1) {
      const half = messages.length >> 1;
      this.#sendFrame(messages.slice(0, half));
      this.#sendFrame(messages.slice(half));
      return;
    }
    const instead = this.#options.tooLarge(messages[0], bytes);
    if (instead !== null) this.#sendFrame([instead]);
  }

  #giveUp(reason: string): void {
    this.stop();
    this.#options.overflow(reason);
  }
}

const overBound = `more than ${backlogHardBytes} bytes are sent and not taken`;
