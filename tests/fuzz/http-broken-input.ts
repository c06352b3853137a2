// Requests that break HTTP itself: lines that are none, headers that may not be, lengths and chunks that are not true.
import type { Chance } from './chance.ts';

const printable = Array.from({ length: 94 }, (_, at) => String.fromCharCode(33 + at)).join('');

export function requestLine(chance: Chance): string {
  return chance.pick([
    '',
    ' ',
    'GET',
    'GET /',
    'GET / HTTP/1.0',
    'GET / HTTP/9.9',
    'GET  / HTTP/1.1',
    'GET / HTTP/1.1 extra',
    ' GET / HTTP/1.1',
    'GET http://localhost/ HTTP/1.1',
    'GET * HTTP/1.1',
    'PRI * HTTP/2.0',
    'G\0T / HTTP/1.1',
    `GET /${'a'.repeat(20_000)} HTTP/1.1`,
    `${'M'.repeat(5000)} / HTTP/1.1`,
    `GET /${chance.bytes(20).toString('latin1')} HTTP/1.1`,
    `${chance.text(8, printable)} ${chance.text(8, printable)} ${chance.text(8, printable)}`,
  ]);
}

export function badHeaders(chance: Chance): Buffer {
  const line = chance.pick([
    'No colon here',
    ': no name',
    'Name with spaces: x',
    `Binary: ${chance.bytes(12).toString('latin1')}`,
    ' folded: line',
    'Host: twice',
    `Long: ${'x'.repeat(20_000)}`,
    Array.from({ length: 150 }, (_, at) => `X-${at}: y`).join('\r\n'),
    'X: a\rb',
    'X: a\nY: b',
    'Transfer-Encoding: chunked, chunked',
    'Transfer-Encoding: identity',
  ]);
  return Buffer.from(
    `${chance.pick(['GET', 'POST'])} /api/v1/instance HTTP/1.1\r\n${chance.hits(0.8) ? 'Host: localhost\r\n' : ''}${line}\r\n\r\n`,
    'latin1',
  );
}

export function wrongLength(chance: Chance, token: string): Buffer {
  const body = chance.hits(0.5) ? '{"status":"half"}' : chance.text(chance.below(200), printable);
  const length = chance.pick([
    '-1',
    'x',
    '',
    '1e3',
    '0x10',
    '99999999999999999999',
    String(body.length + 1 + chance.below(1000)),
    String(chance.below(body.length + 1)),
    `${body.length}\r\nContent-Length: ${body.length + 7}`,
    '262145',
    '+5',
  ]);
  return Buffer.from(
    `POST /api/v1/statuses HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`,
    'latin1',
  );
}

export function chunked(chance: Chance): Buffer {
  const chunks = Array.from({ length: chance.below(5) }, () =>
    chance.pick([
      `5\r\nhello\r\n`,
      `ffffffffffffffff\r\nx\r\n`,
      `-1\r\n\r\n`,
      `zz\r\nhello\r\n`,
      `5;name=value\r\nhello\r\n`,
      `3\r\nhello\r\n`,
      `${chance.text(chance.below(20), '0123456789abcdef')}\r\n`,
    ]),
  ).join('');
  const also = chance.hits(0.2) ? 'Content-Length: 5\r\n' : '';
  return Buffer.from(
    `POST /api/v1/apps HTTP/1.1\r\nHost: localhost\r\n${also}Transfer-Encoding: chunked\r\n\r\n${chunks}${chance.hits(0.6) ? '0\r\n\r\n' : ''}`,
  );
}
