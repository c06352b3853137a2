// The sockets of `bench live-deploy`: what they count as heard twice, and what as told again to who came back.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { LiveClients, type Seen } from '../../bench/live-deploy-clients.ts';
import { until } from '../support/until.ts';

let clients: LiveClients;
/** The sockets of the server's side, the newest first. */
let sockets: WebSocket[];

beforeEach(async () => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  sockets = [];
  server.on('connection', (socket) => {
    sockets.unshift(socket);
    socket.send('{"cursor":"1"}');
  });
  const { port } = server.address() as AddressInfo;
  clients = new LiveClients([`127.0.0.1:${port}`], ['token']);
  onTestFinished(() => {
    clients.close();
    server.close();
  });
  await clients.open();
});

function tell(author: number, seq: number): void {
  sockets[0]?.send(`{"event":"update","payload":"qz${author}x${seq}x0zq"}`);
}

/** What was seen once so many deliveries have come, of a last post that is there to be waited for. */
async function seenUpTo(deliveries: number): Promise<Seen> {
  clients.expect(99, deliveries, [0]);
  tell(99, deliveries);
  await clients.settled('the last post');
  const seen = clients.take();
  expect(seen.deliveries).toBe(deliveries);
  return seen;
}

test('a post that comes twice by one connection is heard twice', async () => {
  clients.expect(1, 0, [0]);
  tell(1, 0);
  tell(1, 0);
  expect(await seenUpTo(2)).toMatchObject({ twice: 1, again: 0 });
});

test('one that came by the connection before is told again, once; the second time it is heard twice', async () => {
  clients.expect(1, 0, [0]);
  tell(1, 0);
  await clients.settled('the first post');
  sockets[0]?.terminate();
  await until(() => sockets.length === 2 && clients.openNow === 1, { what: 'that the client is back' });
  tell(1, 0);
  tell(1, 0);
  expect(await seenUpTo(2)).toMatchObject({ again: 1, twice: 1, resumed: 1, closed: 1 });
});

test('one that was not for the client is heard twice, be it expected before or after it comes', async () => {
  clients.expect(1, 0, []);
  tell(1, 0);
  tell(2, 0);
  tell(3, 0);
  expect(await seenUpTo(1)).toMatchObject({ twice: 1 });
  clients.expect(2, 0, []);
  clients.expect(3, 0, [0]);
  expect(clients.take()).toMatchObject({ deliveries: 1, twice: 1, again: 0 });
});
