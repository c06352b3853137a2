// An event is at once all there, down to the end of its chunk: clients that wait for that would else get it with the next one.
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../support/until.ts';
import { type Person, startWholeGateway, type WholeGateway } from './whole-gateway.ts';

let whole: WholeGateway;
let ann: Person;

beforeAll(async () => {
  // No thump comes to anybody's help.
  whole = await startWholeGateway({ gateway: { thumpMs: 3_600_000 } });
  ann = await whole.person('ann');
});

afterAll(() => whole.close());

/** Chunks that have come with their end. */
function wholeChunks(received: string): string[] {
  const chunks: string[] = [];
  let rest = received.slice(received.indexOf('\r\n\r\n') + 4);
  for (;;) {
    const head = /^([0-9a-f]+)\r\n/i.exec(rest);
    const length = Number.parseInt(head?.[1] ?? '', 16);
    const from = head?.[0].length ?? 0;
    if (head === null || rest.slice(from + length, from + length + 2) !== '\r\n') return chunks;
    chunks.push(rest.slice(from, from + length));
    rest = rest.slice(from + length + 2);
  }
}

it('ends the chunk of an event with the event', async () => {
  const socket = connect(Number(new URL(whole.url).port), '127.0.0.1');
  let received = '';
  socket.setEncoding('latin1');
  socket.on('data', (text) => {
    received += text;
  });
  socket.write(
    `GET /api/v1/streaming/user HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${ann.token}\r\n\r\n`,
  );
  await until(async () => JSON.parse((await whole.ask('status', {})).json).sessions === 1, {
    what: 'the session to be attached',
  });
  const { id } = await whole.post(ann, 'at once');
  await until(() => received.includes(String(id)), { what: 'the event' });
  expect(wholeChunks(received).find((chunk) => chunk.includes('event: update'))).toMatch(
    new RegExp(`^id: [0-9a-f]{24}\nevent: update\ndata: .*"id":"${id}".*\n\n$`),
  );
  socket.destroy();
});
