// A peer of `deliver`: the topics of uWebSockets.js. Every socket is subscribed to its authors, and a post is one `publish`; the library
// batches what goes to a socket in one turn.

import uWS from 'uWebSockets.js';
import { authorsOf, options, servePeer, userOf } from './fan-out.ts';

interface SocketOwner {
  user: number;
}

const authors = authorsOf();
let joined = 0;

const app = uWS.App().ws<SocketOwner>('/*', {
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
    for (const author of authors[socket.getUserData().user] ?? []) socket.subscribe(String(author));
    joined++;
  },
  close() {
    joined--;
  },
});
app.listen('127.0.0.1', options.port, (listening) => {
  if (!listening) throw new Error(`cannot listen on port ${options.port}`);
  void servePeer({
    joined: () => joined,
    publish(author, frame, isBinary) {
      app.publish(String(author), frame, isBinary);
      return 0;
    },
  });
});
