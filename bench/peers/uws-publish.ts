// A peer of `deliver`: the topics of uWebSockets.js. Every socket is subscribed to its authors, and a post is one `publish`; the library
// batches what goes to a socket in one turn.

import uWS from 'uWebSockets.js';
import { authorsOf } from './fan-out.ts';
import { serveSockets } from './uws-sockets.ts';

const authors = authorsOf();
const app = uWS.App();
let joined = 0;

serveSockets(
  app,
  {
    open(socket) {
      for (const author of authors[socket.getUserData().user] ?? []) socket.subscribe(String(author));
      joined++;
    },
    close() {
      joined--;
    },
  },
  {
    joined: () => joined,
    publish(author, frame, isBinary) {
      app.publish(String(author), frame, isBinary);
      return 0;
    },
  },
);
