// The WebSocket under a wire: its settings, and what a link or a greeting hears of it. What is said on it is theirs.
import type { WebSocket } from 'ws';
import type { LinkClock } from './link-clock.ts';
import { wireFrameMostBytes } from './wire-frame.ts';
import type { WireSocket } from './wire-outbox.ts';

export const wirePath = '/wire';

/** Pings are nobody's here, and answering them would pile up pongs for who does not read. */
export const socketSettings = {
  perMessageDeflate: false,
  maxPayload: wireFrameMostBytes,
  maxFragments: 16,
  autoPong: false,
};

/** Who hears of a socket now. One at a time: first the greeting, then the link. */
export interface SocketListener {
  take(frame: Uint8Array): void;
  /** What came is no frame of this protocol: text, a ping, bytes that are no WebSocket frame. */
  malformed(text: string): void;
  gone(closeCode: number, text: string): void;
}

const closingWaitMs = 1000;
const lostCode = 1006;

export class ListenedSocket implements WireSocket {
  readonly #socket: WebSocket;
  readonly #clock: LinkClock;
  #listener: SocketListener | null = null;
  #fault = '';

  constructor(socket: WebSocket, clock: LinkClock) {
    this.#socket = socket;
    this.#clock = clock;
    socket.on('message', (data, isBinary) => {
      if (isBinary && Buffer.isBuffer(data)) this.#listener?.take(data);
      else this.#listener?.malformed('binary frames only');
    });
    socket.on('ping', () => this.#listener?.malformed('no pings'));
    socket.on('pong', () => this.#listener?.malformed('no pongs'));
    socket.on('error', (error: Error & { code?: unknown }) => {
      this.#fault = error.message;
      // `ws` has said farewell with a code of its own by now, which is all that the other end hears.
      if (String(error.code).startsWith('WS_ERR_')) this.#listener?.malformed(error.message);
    });
    socket.on('close', (code, reason) => {
      const text = reason.length > 0 ? reason.toString() : this.#fault || 'the connection was lost';
      this.#listener?.gone(code === 1005 ? lostCode : code, text);
    });
  }

  listen(listener: SocketListener): void {
    this.#listener = listener;
  }

  send(frame: Uint8Array, taken: () => void): void {
    this.#socket.send(frame, taken);
  }

  close(code: number, text: string): void {
    const socket = this.#socket;
    if (socket.readyState === socket.CLOSED) return;
    const cancel = this.#clock.after(closingWaitMs, () => socket.terminate());
    socket.once('close', cancel);
    socket.close(code, text);
  }

  /** At once and without a farewell: from a stranger that has said too much. */
  terminate(): void {
    this.#socket.terminate();
  }
}
