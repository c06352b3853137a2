// The sockets of the peers that are uWebSockets.js alone: who each belongs to, and nothing else.

import uWS from 'uWebSockets.js';
import { type FanOutPeer, options, servePeer, userOf } from './fan-out.ts';

export interface SocketOwner {
  user: number;
}

export interface SocketHandlers {
  open(socket: uWS.WebSocket<SocketOwner>): void;
  close(socket: uWS.WebSocket<SocketOwner>): void;
}

/** Takes connections, and then orders until stdin ends. */
export function serveSockets(app: uWS.TemplatedApp, handlers: SocketHandlers, peer: FanOutPeer): void {
  app
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
      ...handlers,
    })
    .listen('127.0.0.1', options.port, (listening) => {
      if (!listening) throw new Error(`cannot listen on port ${options.port}`);
      void servePeer(peer);
    });
}
