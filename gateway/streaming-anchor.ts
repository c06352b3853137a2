// An anchor: a response of the process to itself that never ends, inside whose cork other sockets are upgraded after an await.
//
// uWebSockets.js 20.51 must not upgrade a response inside that response's own cork: when the socket's memory does not move, cork goes on
// to read the socket as the response it no longer is, and now and then closes it at once (uNetworking/uWebSockets#1929, fixed in versions
// that need Node 22). Without any cork it warns on stderr for each upgrade. Inside the cork of another response it does neither; the
// price is that the lines of the answer go out one by one. In the synchronous part of a handler none of this applies.

import uWS, { type HttpResponse, type us_listen_socket } from 'uWebSockets.js';
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

export interface Anchor {
  /** Runs it at once, inside a cork. Not for the synchronous part of a handler. */
  hold(act: () => void): void;
  close(): void;
}

const againMs = 1000;

/** Resolves when it holds. Rejects on a machine without a loopback address. */
export async function dropAnchor(): Promise<Anchor> {
  const app = uWS.App();
  // Nobody else on the machine can guess it.
  const path = `/${randomBytes(24).toString('hex')}`;
  let response: HttpResponse | null = null;
  let client: Socket | null = null;
  let again: NodeJS.Timeout | null = null;
  let isClosed = false;
  let held: () => void = () => {};

  app.get(path, (res) => {
    response = res;
    res.onAborted(() => {
      response = null;
    });
    held();
  });
  app.any('/*', (res) => {
    res.close();
  });
  const listening = await new Promise<us_listen_socket>((resolve, reject) => {
    app.listen('127.0.0.1', 0, (found) => {
      if (found === false) reject(new Error('cannot listen on 127.0.0.1'));
      else resolve(found);
    });
  });
  const port = uWS.us_socket_local_port(listening);

  function ask(): Promise<void> {
    return new Promise((resolve, reject) => {
      held = resolve;
      client = connect(port, '127.0.0.1', () =>
        client?.write(`GET ${path} HTTP/1.1\r\nHost: anchor\r\n\r\n`),
      );
      client.on('error', reject);
      client.on('close', () => {
        // For a moment nothing holds: upgrades work all the same, with a warning each.
        if (!isClosed) again = setTimeout(() => void ask().catch(() => {}), againMs);
      });
    });
  }
  await ask();

  return {
    hold(act) {
      if (response === null) act();
      else response.cork(act);
    },
    close() {
      isClosed = true;
      if (again !== null) clearTimeout(again);
      client?.destroy();
      app.close();
    },
  };
}
