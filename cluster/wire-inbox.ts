// One lane of what a peer has sent: frames wait undecoded, messages are handled one after the other, and credit follows the work.
import type { Codec } from '../runtime/codec.ts';
import { frameGoalBytes } from './link-frame.ts';
import { messagesOf } from './wire-frame.ts';
import type { ReceiveWindow } from './wire-window.ts';

export interface InboxOptions<M> {
  codec: Codec<M>;
  window: ReceiveWindow;
  /** The next message waits until a promise that this gives is settled. */
  handle(message: M): void | Promise<void>;
  /** All messages of a frame are handled. */
  processed(messages: number): void;
  /** A `MalformedError` for bytes that are not what was declared, or what `handle` threw. Nothing more is handled. */
  failed(error: unknown): void;
}

export class WireInbox<M> {
  readonly #options: InboxOptions<M>;
  /** At most a window of them. Not decoded before their turn: what bytes become can be much larger than they are. */
  #frames: Uint8Array[] = [];
  #messages: unknown[] = [];
  #at = 0;
  #frameBytes = 0;
  #isBusy = false;
  #isStopped = false;
  /** Handled since others last had a turn. */
  #turnBytes = 0;

  constructor(options: InboxOptions<M>) {
    this.#options = options;
  }

  take(frame: Uint8Array): void {
    this.#frames.push(frame);
    if (!this.#isBusy) this.#run();
  }

  stop(): void {
    this.#isStopped = true;
    this.#frames = [];
    this.#messages = [];
  }

  /** Goes on until there is nothing more, or a message takes its time. */
  #run(): void {
    this.#isBusy = true;
    try {
      while (!this.#isStopped && this.#hasMessage()) {
        const message = this.#options.codec.decode(this.#messages[this.#at++]);
        const handled = this.#options.handle(message);
        if (handled instanceof Promise) {
          handled.then(
            () => this.#goOn(),
            (error: unknown) => this.#fail(error),
          );
          return;
        }
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#isBusy = false;
  }

  #goOn(): void {
    if (this.#turnBytes <= frameGoalBytes) {
      this.#run();
      return;
    }
    // Promises that settle at once would otherwise keep every other socket waiting.
    this.#turnBytes = 0;
    setImmediate(() => this.#run());
  }

  #hasMessage(): boolean {
    while (this.#at === this.#messages.length) {
      if (this.#frameBytes > 0) this.#finishFrame();
      const frame = this.#frames.shift();
      if (frame === undefined || this.#isStopped) return false;
      this.#frameBytes = frame.length;
      this.#messages = messagesOf(frame);
      this.#at = 0;
    }
    return true;
  }

  #finishFrame(): void {
    const messages = this.#messages.length;
    this.#options.window.processed(this.#frameBytes);
    this.#turnBytes += this.#frameBytes;
    this.#frameBytes = 0;
    this.#messages = [];
    this.#at = 0;
    this.#options.processed(messages);
  }

  #fail(error: unknown): void {
    if (this.#isStopped) return;
    this.stop();
    this.#options.failed(error);
  }
}
