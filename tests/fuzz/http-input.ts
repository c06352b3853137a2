// Requests as no client should send them: well-framed ones without sense, broken ones, and good ones with bytes spoiled.
import { bodyInput } from './body-input.ts';
import type { Chance } from './chance.ts';
import { badHeaders, chunked, requestLine, wrongLength } from './http-broken-input.ts';
import { spoil } from './spoil.ts';

export interface HttpInput {
  kind: string;
  bytes: Buffer;
  /** It is framed as it must be, so that an answer is owed. Else the connection may as well be closed, or left waiting for more. */
  isWhole: boolean;
  /** HEAD: the answer has no body. */
  isHead: boolean;
}

/** What a request may name that is there. */
export interface Known {
  tokens: readonly [string, ...string[]];
  ids: readonly [string, ...string[]];
}

type Endpoint = readonly [method: string, path: string];

const endpoints: readonly [Endpoint, ...Endpoint[]] = [
  ['POST', '/api/v1/statuses'],
  ['POST', '/api/v1/statuses'],
  ['POST', '/api/v1/statuses'],
  ['GET', '/api/v1/statuses'],
  ['GET', '/api/v1/statuses/ID'],
  ['DELETE', '/api/v1/statuses/ID'],
  ['GET', '/api/v1/statuses/ID/context'],
  ['POST', '/api/v1/statuses/ID/favourite'],
  ['POST', '/api/v1/statuses/ID/reblog'],
  ['POST', '/api/v1/statuses/ID/unreblog'],
  ['POST', '/api/v1/statuses/ID/bookmark'],
  ['GET', '/api/v1/statuses/ID/favourited_by'],
  ['POST', '/api/v1/accounts'],
  ['GET', '/api/v1/accounts/ID'],
  ['GET', '/api/v1/accounts/ID/statuses'],
  ['GET', '/api/v1/accounts/ID/followers'],
  ['POST', '/api/v1/accounts/ID/follow'],
  ['POST', '/api/v1/accounts/ID/mute'],
  ['GET', '/api/v1/accounts/lookup'],
  ['GET', '/api/v1/accounts/search'],
  ['GET', '/api/v1/accounts/relationships'],
  ['GET', '/api/v1/accounts/verify_credentials'],
  ['PATCH', '/api/v1/accounts/update_credentials'],
  ['POST', '/api/v1/accounts/change_password'],
  ['GET', '/api/v1/timelines/home'],
  ['GET', '/api/v1/timelines/public'],
  ['GET', '/api/v1/timelines/tag/ID'],
  ['GET', '/api/v1/notifications'],
  ['GET', '/api/v1/notifications/ID'],
  ['POST', '/api/v1/notifications/ID/dismiss'],
  ['POST', '/api/v1/notifications/clear'],
  ['POST', '/api/v1/apps'],
  ['GET', '/api/v1/apps/verify_credentials'],
  ['GET', '/api/v1/preferences'],
  ['GET', '/api/v1/instance'],
  ['GET', '/api/v2/instance'],
  ['GET', '/api/v2/search'],
  ['GET', '/api/v1/markers'],
  ['GET', '/api/v1/trends/tags'],
  ['GET', '/api/v1/streaming'],
  ['GET', '/api/v1/streaming/user'],
  ['GET', '/api/v1/streaming/hashtag'],
  ['GET', '/api/v1/streaming/health'],
  ['GET', '/oauth/authorize'],
  ['POST', '/oauth/authorize'],
  ['POST', '/oauth/token'],
  ['POST', '/oauth/revoke'],
  ['GET', '/auth/sign_up'],
  ['POST', '/auth/sign_up'],
  ['GET', '/nodeinfo/2.0'],
  ['GET', '/.well-known/nodeinfo'],
  ['GET', '/'],
  ['GET', '/app.js'],
  ['GET', '/avatars/ID.png'],
  ['GET', '/health'],
];
const withBodies = endpoints.filter(([method]) => method !== 'GET');
const methods: readonly [string, ...string[]] = [
  'GET',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PURGE',
];
const parameters: readonly [string, ...string[]] = [
  'limit',
  'max_id',
  'min_id',
  'since_id',
  'q',
  'type',
  'id[]',
  'acct',
  'stream',
  'tag',
  'since',
  'client_id',
  'redirect_uri',
  'response_type',
  'local',
  'offset',
];
const printable = Array.from({ length: 94 }, (_, at) => String.fromCharCode(33 + at)).join('');
const inPaths = printable.replace(/[?#]/g, '');

export function httpInput(chance: Chance, known: Known): HttpInput {
  switch (chance.below(20)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
      return wholeRequest(chance, known, 'body');
    case 6:
    case 7:
    case 8:
    case 9:
      return wholeRequest(chance, known, 'address');
    case 10:
    case 11:
    case 12:
    case 13:
      return broken('spoiled request', spoil(wholeRequest(chance, known, 'body').bytes, chance));
    case 14:
      return broken(
        'bad request line',
        Buffer.from(`${requestLine(chance)}\r\nHost: localhost\r\n\r\n`, 'latin1'),
      );
    case 15:
      return broken('bad headers', badHeaders(chance));
    case 16:
      return broken('wrong length', wrongLength(chance, chance.pick(known.tokens)));
    case 17:
      return broken('chunks', chunked(chance));
    case 18: {
      const several = Array.from(
        { length: 2 + chance.below(6) },
        () => wholeRequest(chance, known, 'address').bytes,
      );
      return broken('pipelined', Buffer.concat(several));
    }
    default:
      return broken(
        'noise',
        Buffer.concat([chance.bytes(chance.below(300)), Buffer.from(chance.pick(['\r\n\r\n', '\n\n', '']))]),
      );
  }
}

function broken(kind: string, bytes: Buffer): HttpInput {
  return { kind, bytes, isWhole: false, isHead: false };
}

function wholeRequest(chance: Chance, known: Known, about: 'body' | 'address'): HttpInput {
  const [usual, path] =
    about === 'body' ? (withBodies[chance.below(withBodies.length)] ?? endpoints[0]) : chance.pick(endpoints);
  const method = chance.hits(0.85) ? usual : chance.pick(methods);
  const address = about === 'body' ? withId(path, chance, known) : senselessAddress(path, chance, known);
  const body =
    about === 'body' && !['GET', 'HEAD', 'OPTIONS', 'TRACE'].includes(method) ? bodyInput(chance) : null;
  const lines = [
    `${method} ${address} HTTP/1.1`,
    `Host: ${chance.hits(0.9) ? 'localhost:1' : chance.text(1 + chance.below(20), printable)}`,
  ];
  lines.push(...tokenLine(chance, known), ...oddLines(chance));
  if (body !== null) {
    if (body.type !== null) lines.push(`Content-Type: ${body.type}`);
    lines.push(`Content-Length: ${body.bytes.length}`);
  }
  return {
    kind: body === null ? 'senseless address' : body.kind,
    bytes: Buffer.concat([
      Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'),
      body?.bytes ?? Buffer.alloc(0),
    ]),
    // An answer to a body that is too long may be lost: the connection ends while it is still being sent.
    isWhole: body?.kind !== 'oversized',
    isHead: method === 'HEAD',
  };
}

function tokenLine(chance: Chance, known: Known): string[] {
  switch (chance.below(6)) {
    case 0:
    case 1:
    case 2:
      return [`Authorization: Bearer ${chance.pick(known.tokens)}`];
    case 3:
      return [
        `Authorization: ${chance.pick(['Bearer', 'Basic', 'bearer', 'Digest x'])} ${chance.text(chance.below(300), printable)}`,
      ];
    case 4:
      return [`Authorization: Bearer ${chance.pick(known.tokens).slice(0, -1)}${chance.text(1, printable)}`];
    default:
      return [];
  }
}

function oddLines(chance: Chance): string[] {
  if (!chance.hits(0.3)) return [];
  return [
    chance.pick([
      `X-Request-Id: ${chance.text(chance.below(300), printable)}`,
      `X-Forwarded-For: ${chance.text(chance.below(60), '0123456789.,: abcdef[]')}`,
      `Idempotency-Key: ${chance.text(chance.below(600), printable)}`,
      `Cookie: ${chance.text(chance.below(6000), printable)}`,
      `Accept: ${chance.text(chance.below(60), printable)}`,
      `Access-Control-Request-Headers: ${chance.text(chance.below(200), printable)}`,
      'If-None-Match: "x"',
      'Range: bytes=0-1',
      'Accept-Encoding: gzip, br',
      'Connection: close',
      'Upgrade: h2c',
    ]),
  ];
}

function withId(path: string, chance: Chance, known: Known): string {
  return path.replace('ID', () =>
    chance.pick([
      chance.pick(known.ids),
      chance.pick(known.ids),
      '0',
      '-1',
      '18446744073709551616',
      chance.text(1 + chance.below(45), '0123456789'),
      '%00',
      '%ff',
      '%C3%A4',
    ]),
  );
}

function senselessAddress(path: string, chance: Chance, known: Known): string {
  if (chance.hits(0.2)) return `/${chance.text(chance.below(200), inPaths)}`;
  if (chance.hits(0.1))
    return chance.pick([
      '//',
      '/..',
      '/../../etc/passwd',
      '/%2e%2e/%2e%2e/etc/passwd',
      '/api/v1/',
      '/api//v1/statuses',
      '/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o',
      '/?',
      '/api/v1/statuses/%zz',
    ]);
  const value = (): string =>
    chance.pick([
      chance.pick(known.ids),
      '',
      '-5',
      '1e9',
      'true',
      '%',
      '%ff',
      '%00',
      '%F0%9F%90%A6',
      chance.text(chance.below(80), inPaths.replace(/[&+]/g, '')),
      '9'.repeat(1 + chance.below(70)),
    ]);
  const query = Array.from(
    { length: 1 + chance.below(6) },
    () => `${chance.pick(parameters)}=${value()}`,
  ).join('&');
  return `${withId(path, chance, known)}?${query}`;
}
