// A peer of `deliver`: `ws`, the usual package for WebSocket on Node, and a loop over the followers. Nothing else.
import { type WebSocket, WebSocketServer } from 'ws';
import { options, receiversOf, servePeer, userOf } from './fan-out.ts';

const sockets: (WebSocket | undefined)[] = new Array(options.users).fill(undefined);
const mostBufferedBytes = 64 * 1024;

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: options.port,
  perMessageDeflate: false,
  backlog: 4096,
});
server.on('connection', (socket, request) => {
  const user = userOf(request.headers.authorization);
  sockets[user] = socket;
  socket.on('close', () => {
    sockets[user] = undefined;
  });
});
server.once('listening', () => {
  void servePeer({
    joined: () => sockets.filter((socket) => socket !== undefined).length,
    publish(author, frame, binary) {
      let missed = 0;
      for (const user of receiversOf(author)) {
        const socket = sockets[user];
        if (socket === undefined || socket.bufferedAmount > mostBufferedBytes) missed++;
        else socket.send(frame, { binary });
      }
      return missed;
    },
  });
});
