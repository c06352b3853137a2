// An anchor: a socket of the process to itself, inside whose cork other sockets are upgraded after an await.
//
// uWebSockets.js 20.51 must not be asked to upgrade a response inside that response's own cork: when the memory of the socket does not
// move, cork goes on to read the socket as the response it no longer is, and now and then closes it at once (uNetworking/uWebSockets#1929).
// Without any cork it warns on stderr, for each upgrade. Inside the cork of another socket it does neither. The price is that the few
// lines of the answer go out by themselves. In the synchronous part of a handler none of this applies.

import uWS, { type us_listen_socket, type WebSocket } from 'uWebSockets.js';
import { randomBytes } from 'node:crypto';
import { WebSocket as Client } from 'ws';

export interface Anchor {
  /** Runs it at once, corked elsewhere. Not for the synchronous part of a handler. */
  hold(act: () => void): void;
  close(): void;
}

const againMs = 1000;

/** Resolves when it holds. Rejects when this machine has no loopback to connect by. */
export async function dropAnchor(): Promise<Anchor> {
  const app = uWS.App();
  // Nobody else on the machine can guess it.
  const path = `/${randomBytes(24).toString('hex')}`;
  let socket: WebSocket<object> | null = null;
  let client: Client | null = null;
  let again: NodeJS.Timeout | null = null;
  let isClosed = false;

  app.ws<object>(path, {
    idleTimeout: 0,
    maxPayloadLength: 128,
    open(opened) {
      socket = opened;
    },
    close() {
      socket = null;
    },
  });
  const listening = await new Promise<us_listen_socket>((resolve, reject) => {
    app.listen('127.0.0.1', 0, (found) => {
      if (found === false) reject(new Error('cannot listen on 127.0.0.1'));
      else resolve(found);
    });
  });
  const address = `ws://127.0.0.1:${uWS.us_socket_local_port(listening)}${path}`;

  function connect(): Promise<void> {
    const opening = new Client(address, { perMessageDeflate: false, maxPayload: 1024 });
    client = opening;
    return new Promise((resolve, reject) => {
      opening.on('open', resolve);
      opening.on('error', reject);
      opening.on('close', () => {
        if (isClosed) return;
        // Held by nothing for a moment: upgrades work, with a warning each.
        again = setTimeout(() => void connect().catch(() => {}), againMs);
      });
    });
  }
  await connect();

  return {
    hold(act) {
      if (socket === null) act();
      else socket.cork(act);
    },
    close() {
      isClosed = true;
      if (again !== null) clearTimeout(again);
      client?.terminate();
      app.close();
    },
  };
}
