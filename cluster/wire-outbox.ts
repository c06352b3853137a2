// What one end of a wire sends: control before data, credits between, and never much data handed to the socket at once.
import { frameGoalBytes } from './link-frame.ts';
import { packWire } from './wire-frame.ts';
import { OutLane } from './wire-lane.ts';
import type { WireMeter } from './wire-meter.ts';
import { controlWindow, dataWindow, SendWindow } from './wire-window.ts';

/** The connection under a link, as the link needs it. */
export interface WireSocket {
  /** `taken`: the machine's network has the frame, or nobody ever will. Not called before `send` returns. */
  send(frame: Uint8Array, taken: () => void): void;
  /** Says farewell, and ends the connection within a second, whatever the other end does. */
  close(code: number, text: string): void;
}

export interface OutboxOptions {
  socket: WireSocket;
  meter: WireMeter;
  /** The body of a credit frame when it is time for one. */
  creditDue(): unknown;
  /** Something was sent. */
  sent(): void;
  /** The data lane has gone down to `resumeBytes` after it was above `pauseBytes`. */
  writable(): void;
  pauseBytes: number;
}

/** Data is behind control until it is handed to the socket: then control is behind it. */
const handedMostBytes = frameGoalBytes;

export class WireOutbox {
  readonly data = new OutLane('data', new SendWindow(dataWindow));
  readonly control = new OutLane('control', new SendWindow(controlWindow));
  readonly #options: OutboxOptions;
  /** Given to the socket and not taken by the machine's network. */
  #handedBytes = 0;
  /** How often the network has taken something. */
  taken = 0;
  #isScheduled = false;
  #isStopped = false;
  #isPaused = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Posted, and not yet with the machine's network. */
  get backlogBytes(): number {
    return this.data.queuedBytes + this.control.queuedBytes + this.#handedBytes;
  }

  get handedBytes(): number {
    return this.#handedBytes;
  }

  get isWritable(): boolean {
    return !this.#isPaused && !this.#isStopped;
  }

  push(lane: OutLane, packed: Uint8Array): void {
    lane.push(packed);
    if (this.data.queuedBytes > this.#options.pauseBytes) this.#isPaused = true;
    this.schedule();
  }

  /** Sends at the end of this turn, so that all that is posted in one turn shares frames. */
  schedule(): void {
    if (this.#isScheduled || this.#isStopped) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  /** Sends what may go now. */
  flush(): void {
    if (this.#isStopped) return;
    const credit = this.#options.creditDue();
    if (credit !== null) this.send(packWire('credit', credit), 0);
    for (let cut = this.control.cut(); cut !== null; cut = this.control.cut())
      this.send(cut.frame, cut.messages);
    while (this.#mayHandData()) {
      const cut = this.data.cut();
      if (cut === null) break;
      this.send(cut.frame, cut.messages);
    }
    if (this.#isPaused && this.data.queuedBytes <= this.#options.pauseBytes / 2) {
      this.#isPaused = false;
      this.#options.writable();
    }
  }

  send(frame: Uint8Array, messages: number): void {
    if (this.#isStopped) return;
    const { socket, meter } = this.#options;
    this.#handedBytes += frame.length;
    meter.count('frames-out', 1);
    meter.count('bytes-out', frame.length);
    if (messages > 0) meter.count('messages-out', messages);
    this.#options.sent();
    socket.send(frame, () => {
      this.#handedBytes -= frame.length;
      this.taken++;
      if (this.data.waiting > 0) this.schedule();
    });
  }

  /** Forgets what is not sent; nothing is sent any more. */
  stop(): void {
    this.#isStopped = true;
    this.data.clear();
    this.control.clear();
  }

  #mayHandData(): boolean {
    return this.#handedBytes === 0 || this.#handedBytes + this.data.nextBytes() <= handedMostBytes;
  }
}
