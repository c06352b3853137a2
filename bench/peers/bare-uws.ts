// A peer of `deliver`: uWebSockets.js and a loop over the followers. The same bytes to the same sockets at the same rate, and nothing
// else: no HTTP, no store, no rules.

import uWS from 'uWebSockets.js';
import { options, receiversOf } from './fan-out.ts';
import { type SocketOwner, serveSockets } from './uws-sockets.ts';

const sockets: (uWS.WebSocket<SocketOwner> | undefined)[] = new Array(options.users).fill(undefined);
/** What `send` answers when the reader is too slow. */
const dropped = 2;

serveSockets(
  uWS.App(),
  {
    open(socket) {
      sockets[socket.getUserData().user] = socket;
    },
    close(socket) {
      sockets[socket.getUserData().user] = undefined;
    },
  },
  {
    joined: () => sockets.filter((socket) => socket !== undefined).length,
    publish(author, frame, isBinary) {
      let missed = 0;
      for (const user of receiversOf(author)) {
        const socket = sockets[user];
        if (socket === undefined || socket.send(frame, isBinary) === dropped) missed++;
      }
      return missed;
    },
  },
);
