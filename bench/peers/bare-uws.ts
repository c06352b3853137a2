// A peer of `deliver`: uWebSockets.js and a loop over the followers. The same bytes to the same sockets at the same rate, and nothing
// else: no HTTP, no store, no rules.

import uWS from 'uWebSockets.js';
import { options, receiversOf, servePeer, userOf } from './fan-out.ts';

interface SocketOwner {
  user: number;
}

const sockets: (uWS.WebSocket<SocketOwner> | undefined)[] = new Array(options.users).fill(undefined);
/** What `send` answers when the reader is too slow. */
const dropped = 2;

uWS
  .App()
  .ws<SocketOwner>('/*', {
    compression: uWS.DISABLED,
    maxBackpressure: 64 * 1024,
    idleTimeout: 120,
    upgrade(response, request, context) {
      response.upgrade(
        { user: userOf(request.getHeader('authorization')) },
        request.getHeader('sec-websocket-key'),
        request.getHeader('sec-websocket-protocol'),
        request.getHeader('sec-websocket-extensions'),
        context,
      );
    },
    open(socket) {
      sockets[socket.getUserData().user] = socket;
    },
    close(socket) {
      sockets[socket.getUserData().user] = undefined;
    },
  })
  .listen('127.0.0.1', options.port, (listening) => {
    if (!listening) throw new Error(`cannot listen on port ${options.port}`);
    void servePeer({
      joined: () => sockets.filter((socket) => socket !== undefined).length,
      publish(author, frame, isBinary) {
        let missed = 0;
        for (const user of receiversOf(author)) {
          const socket = sockets[user];
          if (socket === undefined || socket.send(frame, isBinary) === dropped) missed++;
        }
        return missed;
      },
    });
  });
