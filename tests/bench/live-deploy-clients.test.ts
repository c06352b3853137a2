// The sockets of `bench live-deploy`: what they count as heard twice, and what as told again to who came back.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { LiveClients, type Seen } from '../../bench/live-deploy-clients.ts';
import { until } from '../support/until.ts';

let clients: LiveClients;
/** What the home is answered with, once each and the last one for good; null: refused. */
let homes: (string[] | null)[];
let asked: string[];
/** The sockets of the server's side, the newest first. */
let sockets: WebSocket[];

beforeEach(async () => {
  homes = [[]];
  asked = [];
  const http = createServer((request, response) => {
    asked.push(request.url ?? '');
    const home = homes.length > 1 ? homes.shift() : homes[0];
    response.statusCode = home ? 200 : 503;
    response.end(JSON.stringify(home?.map((content) => ({ id: content, content })) ?? {}));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const server = new WebSocketServer({ server: http });
  sockets = [];
  server.on('connection', (socket) => {
    sockets.unshift(socket);
    socket.send('{"cursor":"1"}');
  });
  const { port } = http.address() as AddressInfo;
  clients = new LiveClients([`127.0.0.1:${port}`], ['token']);
  onTestFinished(() => {
    clients.close();
    server.close();
    http.close();
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

test('who is told to read anew reads the home until it is answered, and has heard what it finds there', async () => {
  clients.mayReadAnew = true;
  homes = [null, ['qz1x1x0zq', 'qz1x0x0zq'], []];
  clients.expect(1, 0, [0]);
  clients.expect(1, 1, [0]);
  sockets[0]?.send('{"event":"resync","cursor":"2"}');
  await clients.settled('what was read');
  expect(clients.wrong).toEqual([]);
  await until(() => asked.length === 3, { what: 'that the older ones have been asked for, too' });
  expect(asked.at(-1)).toContain('max_id=qz1x0x0zq');
  // And is told of it once more by the stream.
  tell(1, 1);
  expect(await seenUpTo(3)).toMatchObject({ anew: 1, again: 1, twice: 0 });
});

test('to be told to read anew is wrong where nothing excuses it', async () => {
  clients.expect(1, 0, [0]);
  homes = [['qz1x0x0zq'], []];
  sockets[0]?.send('{"event":"resync","cursor":"2"}');
  await clients.settled('what was read');
  expect(clients.wrong).toEqual(['client 0 was told to read anew']);
});

test('what its home lacks as well never came', async () => {
  clients.mayReadAnew = true;
  homes = [['qz1x1x0zq'], []];
  clients.expect(1, 0, [0]);
  clients.expect(1, 1, [0]);
  sockets[0]?.send('{"event":"resync","cursor":"2"}');
  await until(() => asked.length === 2, { what: 'that the whole home has been read' });
  clients.close();
  await clients.settled('at the end', 0);
  expect(clients.wrong).toEqual(['at the end: 1 deliveries of 1 posts never came, to 1 clients: 0']);
});
