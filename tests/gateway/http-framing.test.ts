// Requests whose end can be read in two ways are refused, and nothing after them on their connection is taken for a request.
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiServer, startApi } from './api-server.ts';

let api: ApiServer;

beforeAll(async () => {
  api = await startApi();
});

afterAll(() => api.close());

const hidden = 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** All that comes back until the server closes the connection, or answers the hidden request, too. */
function said(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    let received = '';
    socket.on('data', (chunk) => {
      if (received === '') socket.write(hidden);
      else socket.end();
      received += String(chunk);
    });
    socket.on('error', (error) => (received === '' ? reject(error) : resolve(received)));
    socket.on('close', () => resolve(received));
    socket.write(bytes);
  });
}

it.each([
  ['two lengths', `Content-Length: 0\r\nContent-Length: ${hidden.length}`],
  ['a length and chunks', `Content-Length: ${hidden.length}\r\nTransfer-Encoding: chunked`],
])('refuses %s', async (_, lines) => {
  const answers = await said(`POST /api/v1/apps HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n\r\n`);
  expect(answers.match(/^HTTP\/1\.1 \d+/gm)).toEqual(['HTTP/1.1 400']);
});
