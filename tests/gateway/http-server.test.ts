// The HTTP server itself: bodies, errors, limits, other origins, a core that is gone, an orderly end.
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { get, post } from '../../gateway/api-parts.ts';
import { jsonAnswer } from '../../gateway/json-pieces.ts';
import { until } from '../support/until.ts';
import { type ApiServer, type Person, startApi } from './api-server.ts';

const gate = { open: (): void => {}, entered: 0 };
const endpoints = [
  post('/api/test/echo', 'none', [], async ({ input }) => jsonAnswer(input)),
  get('/api/test/echo', 'none', [], async ({ input, ip, origin }) => jsonAnswer({ input, ip, origin })),
  get('/api/test/broken', 'none', [], async () => {
    throw new TypeError('a bug');
  }),
  get('/api/test/slow', 'none', [], async () => {
    gate.entered++;
    await new Promise<void>((resolve) => {
      gate.open = resolve;
    });
    return jsonAnswer('done');
  }),
  get('/api/test/header', 'none', [], async () => ({
    ...jsonAnswer(1),
    headers: { 'X-Test': 'a\r\nX-Injected: b' },
  })),
];

let api: ApiServer;
let alice: Person;

beforeAll(async () => {
  api = await startApi({ endpoints });
  alice = await api.person('alice');
});
afterAll(() => api.close());

const close = 'Connection: close\r\n';

/** Bytes as they are, and what comes back until the other side closes. */
function raw(bytes: string | Uint8Array): Promise<string> {
  const port = Number(new URL(api.url).port);
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    let said = '';
    socket.on('data', (chunk) => {
      said += chunk.toString('latin1');
    });
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(said));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? resolve(said) : reject(error),
    );
    socket.setTimeout(20_000, () => socket.destroy(new Error('nobody closed the connection')));
  });
}

describe('a request', () => {
  it('is answered with an id of its own, or the one it came with', async () => {
    const one = await api.ask('GET', '/api/v1/custom_emojis');
    const two = await api.ask('GET', '/api/v1/custom_emojis');
    expect(one.headers.get('x-request-id')).toMatch(/^[\w.-]+$/);
    expect(one.headers.get('x-request-id')).not.toBe(two.headers.get('x-request-id'));
    const given = await api.ask('GET', '/api/v1/custom_emojis', { headers: { 'x-request-id': 'my-id.1' } });
    expect(given.headers.get('x-request-id')).toBe('my-id.1');
    const bad = await api.ask('GET', '/api/v1/custom_emojis', { headers: { 'x-request-id': 'a b' } });
    expect(bad.headers.get('x-request-id')).not.toBe('a b');
  });

  it('may have a slash at its end', async () => {
    await api.ask('GET', '/api/v1/custom_emojis/', { shape: 'CustomEmoji[]' });
    await api.ask('GET', `/api/v1/accounts/${alice.id}/`, { shape: 'Account' });
  });

  it('for nothing there is, or with a method that is not possible, is refused in words', async () => {
    expect((await api.ask('GET', '/api/v1/nothing', { status: 404 })).body).toEqual({
      error: 'There is nothing here',
    });
    const wrong = await api.ask('PUT', '/api/v1/statuses', { token: alice.token, body: {}, status: 405 });
    expect(wrong.headers.get('allow')).toBe('GET, POST');
  });

  it('with HEAD is answered without a body, with the length it would have', async () => {
    const whole = await fetch(`${api.url}/api/v1/accounts/${alice.id}`);
    const head = await fetch(`${api.url}/api/v1/accounts/${alice.id}`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(head.headers.get('content-length')).toBe(String((await whole.arrayBuffer()).byteLength));
  });

  it('that runs into a bug is answered with 500, and the bug is logged, not told', async () => {
    const reply = await api.ask('GET', '/api/test/broken', { status: 500 });
    expect(JSON.stringify(reply.body)).not.toContain('a bug');
    expect(api.faults.join()).toContain('a bug');
    expect(api.faults.join()).toContain(reply.headers.get('x-request-id'));
    api.faults.length = 0;
  });

  it('has its body before its query, and both', async () => {
    const reply = await api.json('POST', '/api/test/echo?a=1&b=2', { body: { b: 3, c: [4] } });
    expect(reply).toEqual({ a: '1', b: 3, c: [4] });
  });

  it('may have a body without a type, or neither, and DELETE may have one', async () => {
    expect(await api.json('POST', '/api/test/echo')).toEqual({});
    const untyped = `POST /api/test/echo HTTP/1.1\r\nHost: h\r\n${close}Content-Length: 7\r\n\r\n{"a":1}`;
    expect(await raw(untyped)).toContain('{"a":1}');
  });

  it('may come in pieces, however small', async () => {
    const chunked = `POST /api/test/echo HTTP/1.1\r\nHost: h\r\n${close}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const body = '{"a":"\u00fc"}';
    const chunks = [...Buffer.from(body)].map((byte) =>
      Buffer.concat([Buffer.from('1\r\n'), Buffer.of(byte), Buffer.from('\r\n')]),
    );
    const said = await raw(Buffer.concat([Buffer.from(chunked), ...chunks, Buffer.from('0\r\n\r\n')]));
    expect(Buffer.from(said, 'latin1').toString()).toContain(body);
  });

  it('must not be too large', async () => {
    const large = 'x'.repeat(256 * 1024 + 1);
    await expect(
      fetch(`${api.url}/api/test/echo`, { method: 'POST', body: large }).then(({ status }) => status),
    ).resolves.toBe(413);
    const head = 'POST /api/test/echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n';
    expect(await raw(head + `10000\r\n${'x'.repeat(65_536)}\r\n`.repeat(6))).toMatch(/^HTTP\/1.1 413 /);
    await api.ask('GET', '/api/v1/custom_emojis');
  });

  it.each([
    ['application/json', '{'],
    ['application/json', '[]'],
    ['application/x-www-form-urlencoded', 'a=%zz'],
    ['multipart/form-data', 'x'],
  ])('with a broken body (%s) is refused with 400 in words', async (type, body) => {
    const reply = await api.ask('POST', '/api/test/echo', { type, body, status: 400 });
    expect(reply.body).toEqual({ error: expect.stringMatching(/\w+ \w+/) });
  });

  it('with a broken query, or without a host that could be one, is refused with 400', async () => {
    await api.ask('GET', '/api/test/echo?a=%zz', { status: 400 });
    expect(await raw(`GET /api/test/echo HTTP/1.1\r\nHost: a/b\r\n${close}\r\n`)).toMatch(/^HTTP\/1.1 400 /);
  });

  it('cannot make the server write headers', async () => {
    const answer = await fetch(`${api.url}/api/test/header`);
    expect(answer.headers.get('x-injected')).toBeNull();
    expect(answer.headers.get('x-test')).toBe('a X-Injected: b');
  });
});

describe('a browser of another origin', () => {
  it('may ask for all of the API, with any header', async () => {
    const preflight = await fetch(`${api.url}/api/v1/statuses`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://elk.example.org',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,idempotency-key',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect(preflight.headers.get('access-control-allow-headers')).toBe('authorization,idempotency-key');
    expect(preflight.headers.get('access-control-allow-methods')).toContain('DELETE');
  });

  it('may read answers, errors too, with the headers that matter', async () => {
    for (const [path, status] of [
      ['/api/v1/custom_emojis', 200],
      ['/api/v1/timelines/home', 401],
      ['/api/v1/nothing', 404],
    ] as const) {
      const { headers } = await api.ask('GET', path, { status });
      expect(headers.get('access-control-allow-origin')).toBe('*');
      expect(headers.get('access-control-allow-credentials')).toBeNull();
      for (const name of ['Link', 'X-RateLimit-Remaining', 'X-Request-Id']) {
        expect(headers.get('access-control-expose-headers')).toContain(name);
      }
    }
  });
});

describe('a token', () => {
  it.each(['Bearer nonsense', 'Bearer', 'Basic YTpi', 'Bearer a b', `Bearer ${'x'.repeat(300)}`])(
    'like %.20s is refused',
    async (authorization) => {
      for (const path of ['/api/v1/timelines/home', '/api/v1/timelines/public']) {
        const reply = await api.ask('GET', path, { headers: { authorization }, status: 401 });
        expect(reply.body).toEqual({ error: 'The access token is invalid' });
        expect(reply.headers.get('www-authenticate')).toMatch(/^Bearer/);
      }
    },
  );

  it('of an app alone reads what is public, and no home', async () => {
    const { clientId } = await api.core.ask('createApp', {
      name: 'a',
      website: null,
      redirectUris: ['x:y'],
      scopes: 'read',
      ip: '10.2.2.2',
    });
    const { token } = await api.core.ask('createToken', { account: null, clientId, scopes: 'read' });
    const { status } = await fetch(`${api.url}/api/v1/timelines/public`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(status).toBe(200);
    const reply = await api.ask('GET', '/api/v1/timelines/home', { token, status: 422 });
    expect(reply.body).toEqual({ error: 'This method requires an authenticated user' });
  });

  it('opens what its scopes open', async () => {
    const narrow = await api.person('narrow', 'read:statuses follow');
    await api.ask('GET', '/api/v1/timelines/home', { token: narrow.token });
    await api.ask('GET', '/api/v1/accounts/verify_credentials', { token: narrow.token, status: 403 });
    await api.ask('POST', `/api/v1/accounts/${alice.id}/follow`, {
      token: narrow.token,
      shape: 'Relationship',
    });
    await api.ask('POST', '/api/v1/statuses', { token: narrow.token, body: { status: 'x' }, status: 403 });
  });

  it('that is revoked is refused from then on', async () => {
    const gone = await api.person('gone');
    await api.ask('GET', '/api/v1/timelines/home', { token: gone.token });
    await api.core.ask('revoke', { token: gone.token });
    await api.ask('GET', '/api/v1/timelines/home', { token: gone.token, status: 401 });
  });
});

describe('without a core', () => {
  it('nothing is shown, from memory or otherwise, and clients are told when to come back', async () => {
    const { id } = await api.post(alice, 'remembered');
    const paths = [
      `/api/v1/statuses/${id}`,
      `/api/v1/accounts/${alice.id}`,
      '/api/v1/timelines/public',
      '/health',
      '/metrics',
    ];
    for (const path of paths) await api.ask('GET', path);
    api.down();
    for (const path of paths) {
      const reply = await api.ask('GET', path, { status: 503 });
      expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    await api.ask('GET', '/api/v1/timelines/home', { token: alice.token, status: 503 });
    await api.ask('POST', '/api/v1/statuses', { token: alice.token, body: { status: 'x' }, status: 503 });
    api.up();
    for (const path of paths) await api.ask('GET', path);
    expect((await api.ask('GET', '/health')).body).toEqual({ status: 'ok' });
  });
});

describe('limits', () => {
  it('are counted once a request and token, told in headers, and end in 429', async () => {
    const limited = await startApi({ core: { rateLimit: { requests: 5, windowS: 300 } } });
    const bob = await limited.person('bob');
    const seen: (string | null)[] = [];
    // Several calls of the core, one call, and none: each request counts once.
    for (const path of [
      '/api/v1/timelines/home',
      '/api/v1/notifications',
      '/api/v1/filters',
      `/api/v1/accounts/${bob.id}`,
    ]) {
      const { headers } = await limited.ask('GET', path, { token: bob.token });
      seen.push(headers.get('x-ratelimit-remaining'));
      expect(headers.get('x-ratelimit-limit')).toBe('5');
      expect(headers.get('x-ratelimit-reset')).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    }
    expect(seen).toEqual(['4', '3', '2', '1']);
    await limited.post(bob, 'the last one');
    for (const path of ['/api/v1/timelines/home', '/api/v1/filters', `/api/v1/accounts/${bob.id}`]) {
      const reply = await limited.ask('GET', path, { token: bob.token, status: 429 });
      expect(reply.body).toEqual({ error: 'Too many requests' });
      expect(reply.headers.get('x-ratelimit-remaining')).toBe('0');
    }
    await limited.ask('POST', '/api/v1/statuses', {
      token: bob.token,
      body: { status: 'one too many' },
      status: 429,
    });
    const statuses = await limited.json<unknown[]>('GET', `/api/v1/accounts/${bob.id}/statuses`);
    expect(statuses).toHaveLength(1);
    await limited.close();
  });

  it('without a token are counted by address, and so, apart, is guessing at tokens', async () => {
    const limited = await startApi({
      settings: { rateLimit: { requests: 4, windowS: 300 }, trustedProxy: true },
    });
    const from = (ip: string, headers = {}) => ({ headers: { 'x-forwarded-for': ip, ...headers } });
    for (let asked = 0; asked < 4; asked++)
      await limited.ask('GET', '/api/v1/custom_emojis', from('1.1.1.1'));
    await limited.ask('GET', '/api/v1/custom_emojis', { ...from('1.1.1.1'), status: 429 });
    const guess = from('1.1.1.1', { authorization: 'Bearer guess' });
    for (let guesses = 0; guesses < 4; guesses++) {
      await limited.ask('GET', '/api/v1/timelines/home', { ...guess, status: 401 });
    }
    const before = limited.calls.get('authenticate');
    await limited.ask('GET', '/api/v1/timelines/home', { ...guess, status: 429 });
    expect(limited.calls.get('authenticate')).toBe(before);
    await limited.ask('GET', '/api/v1/custom_emojis', from('2.2.2.2'));
    await limited.close();
  });
});

it('addresses and origins come from X-Forwarded-* where the proxy is trusted, and nowhere else', async () => {
  const headers = {
    'x-forwarded-for': '9.9.9.9',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'front.org',
  };
  expect(await api.json('GET', '/api/test/echo', { headers })).toMatchObject({
    ip: '127.0.0.1',
    origin: api.url,
  });
  const behind = await startApi({ endpoints, settings: { trustedProxy: ['127.0.0.1'] } });
  expect(await behind.json('GET', '/api/test/echo', { headers })).toMatchObject({
    ip: '9.9.9.9',
    origin: 'https://front.org',
  });
  await behind.close();
});

it('metrics tell of requests by route and status, and of caches', async () => {
  await api.ask('GET', `/api/v1/accounts/${alice.id}`);
  const text = await api.registry.metrics();
  expect(text).toMatch(
    /murmuration_http_requests_total{method="GET",route="\/api\/v1\/accounts\/:id",status="200"} \d+/,
  );
  expect(text).toMatch(/murmuration_http_request_seconds_count{.*route="\/api\/v1\/accounts\/:id".*} \d+/);
  expect(text).toMatch(/murmuration_http_rejections_total{reason="unauthorized"} \d+/);
  for (const cache of ['row', 'fragment', 'page']) {
    expect(text).toMatch(new RegExp(`murmuration_cache_lookups_total{cache="${cache}",result="hit"} \\d+`));
  }
});

describe('ending', () => {
  it('answers what has begun, takes nothing new, and says so', async () => {
    const ending = await startApi({ endpoints });
    const slow = fetch(`${ending.url}/api/test/slow`);
    const before = gate.entered;
    await until(() => gate.entered > before || gate.entered > 0, { what: 'the request to begin' });
    let isDrained = false;
    const drained = ending.http.drain().then(() => {
      isDrained = true;
    });
    await until(
      async () =>
        fetch(`${ending.url}/health`).then(
          () => false,
          () => true,
        ),
      { what: 'new connections to be refused' },
    );
    expect(isDrained).toBe(false);
    gate.open();
    const answer = await slow;
    expect(await answer.json()).toBe('done');
    expect(answer.headers.get('connection')).toBe('close');
    await drained;
    await ending.close();
  });

  it('a client that goes away harms nobody', async () => {
    const control = new AbortController();
    const before = gate.entered;
    const slow = fetch(`${api.url}/api/test/slow`, { signal: control.signal }).catch(() => 'aborted');
    await until(() => gate.entered > before, { what: 'the request to begin' });
    control.abort();
    expect(await slow).toBe('aborted');
    await until(async () => /murmuration_http_aborted_total [1-9]/.test(await api.registry.metrics()), {
      what: 'the server to notice',
    });
    gate.open();
    await api.ask('GET', '/api/v1/custom_emojis');
    expect(api.faults).toEqual([]);
  });

  it('an address that cannot be listened on is told', async () => {
    const other = await startApi();
    await expect(other.http.listen(18_449, '203.0.113.1')).rejects.toThrow('cannot listen on 203.0.113.1');
    await other.close();
  });
});
