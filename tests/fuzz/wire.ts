// A connection to send anything over: bytes out, bytes in, and waiting for either's end. What the bytes mean is others' part.
import { connect, type Socket } from 'node:net';

/** Where one connection begins; many addresses, so that ports do not run out. */
export interface Place {
  port: number;
  from: string;
}

/** A server that takes longer than this hangs: the machine may be busy, but not so busy. */
const patienceMs = 60_000;

export class Wire {
  received: Buffer = Buffer.alloc(0);
  isClosed = false;
  readonly #socket: Socket;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => {
      this.received = this.received.length === 0 ? bytes : Buffer.concat([this.received, bytes]);
      this.#wake();
    });
    // A reset is a way to close.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  /** Rejects when the server does not take the connection. */
  static open({ port, from }: Place): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, localAddress: from, noDelay: true });
      const refused = (error: Error): void =>
        reject(new Error(`the server takes no connection: ${error.message}`, { cause: error }));
      socket.once('error', refused);
      socket.once('connect', () => {
        socket.off('error', refused);
        resolve(new Wire(socket));
      });
    });
  }

  send(bytes: Uint8Array): void {
    if (!this.isClosed) this.#socket.write(bytes);
  }

  /** Says that nothing more comes. */
  finish(): void {
    this.#socket.end();
  }

  drop(): void {
    this.#socket.destroy();
  }

  /** True as soon as it holds, or the connection is closed; false after `withinMs` without a change. Rejects when the server hangs. */
  async until(holds: () => boolean, withinMs: number | null = null): Promise<boolean> {
    while (!this.isClosed && !holds()) {
      if (!(await this.#change(withinMs ?? patienceMs))) {
        if (withinMs !== null) return false;
        throw new Error(
          `nothing for ${patienceMs} ms, after ${JSON.stringify(this.received.subarray(-200).toString('latin1'))}`,
        );
      }
    }
    return true;
  }

  #change(withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), withinMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }
}
