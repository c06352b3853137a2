// Apps, the login page and tokens: every grant, and everything that must not give one.
import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { oauthAppEndpoints } from '../../gateway/oauth-app-endpoints.ts';
import { oauthAuthorizeEndpoints } from '../../gateway/oauth-authorize-endpoints.ts';
import { oauthTokenEndpoints } from '../../gateway/oauth-token-endpoints.ts';
import { checkShape } from '../support/schema.ts';
import { type ApiServer, type Person, password, startApi } from './api-server.ts';

const oob = 'urn:ietf:wg:oauth:2.0:oob';
const web = 'https://app.example/callback?from=here';
const custom = 'my.app+x://signed-in';

let api: ApiServer;
let ann: Person;
let app: { client_id: string; client_secret: string };
let now = Date.now();

beforeAll(async () => {
  api = await startApi({
    endpoints: [...oauthAppEndpoints(), ...oauthAuthorizeEndpoints(), ...oauthTokenEndpoints()],
    core: { now: () => now },
  });
  ann = await api.signedUp('ann');
  app = await register({ redirect_uris: [oob, web, custom], scopes: 'read write:statuses' });
});

afterAll(async () => {
  await api.close();
  expect(api.faults).toEqual([]);
});

async function register(
  fields: Record<string, unknown>,
): Promise<{ client_id: string; client_secret: string }> {
  return api.json('POST', '/api/v1/apps', {
    body: { client_name: 'An app', ...fields },
    shape: 'CredentialApplication',
  });
}

interface Said {
  status: number;
  headers: Headers;
  text: string;
}

async function ask(
  method: string,
  path: string,
  fields: Record<string, string> = {},
  headers: Record<string, string> = {},
): Promise<Said> {
  const isGet = method === 'GET';
  const query = new URLSearchParams(fields);
  const answer = await fetch(`${api.url}${path}${isGet && query.size > 0 ? `?${query}` : ''}`, {
    method,
    redirect: 'manual',
    headers,
    ...(isGet ? {} : { body: query }),
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

const request = (fields: Record<string, string> = {}): Record<string, string> => ({
  response_type: 'code',
  client_id: app.client_id,
  redirect_uri: web,
  scope: 'read',
  ...fields,
});
const credentials = { handle: 'ann', password };

async function codeFor(fields: Record<string, string> = {}): Promise<string> {
  const { status, headers } = await ask('POST', '/oauth/authorize', { ...request(fields), ...credentials });
  expect(status).toBe(302);
  return new URL(headers.get('location') ?? '').searchParams.get('code') ?? '';
}

async function token(
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Record<string, unknown> }> {
  const { status, text } = await ask('POST', '/oauth/token', { ...app, ...fields }, headers);
  return { status, body: JSON.parse(text) };
}

const byCode = (code: string, fields: Record<string, string> = {}) =>
  token({ grant_type: 'authorization_code', code, redirect_uri: web, ...fields });

describe('registering an app', () => {
  test('redirect URIs come as a list or in one string, and the answer names both forms', async () => {
    const one = await api.json('POST', '/api/v1/apps', {
      body: `client_name=One&redirect_uris=${encodeURIComponent(`${oob}\n${web}`)}&website=https%3A%2F%2Fapp.example`,
      type: 'application/x-www-form-urlencoded',
      shape: 'CredentialApplication',
    });
    expect(one).toMatchObject({
      name: 'One',
      website: 'https://app.example',
      scopes: ['read'],
      redirect_uris: [oob, web],
    });
    expect(one['redirect_uri']).toBe(`${oob}\n${web}`);
    expect(one['id']).toMatch(/^\d+$/);
    expect(one['client_secret_expires_at']).toBe(0);
  });

  test.each([
    [{ client_name: ' ' }],
    [{ redirect_uris: '' }],
    [{ redirect_uris: 'javascript:alert(1)' }],
    [{ redirect_uris: 'DATA:text/html,x' }],
    [{ redirect_uris: 'not-absolute' }],
    [{ redirect_uris: 'https://' }],
    [{ redirect_uris: 'https://app.example/#fragment' }],
    [{ redirect_uris: 'https://app.example/\u00e9' }],
    [{ redirect_uris: Array.from({ length: 21 }, (_, index) => `https://app.example/${index}`) }],
    [{ scopes: 'read everything' }],
    [{ website: 'javascript:alert(1)' }],
    [{ client_name: 'x'.repeat(201) }],
  ])('%j is refused with 422', async (fields) => {
    const body = { client_name: 'An app', redirect_uris: oob, ...fields };
    const { body: said } = await api.ask('POST', '/api/v1/apps', { body, status: 422 });
    expect(said).toMatchObject({ error: expect.stringMatching(/^Validation failed: /) });
  });

  test('a token tells which app it belongs to', async () => {
    const { body } = await token({ grant_type: 'client_credentials' });
    const asked = { token: String(body['access_token']), shape: 'Application' };
    const told = await api.json('GET', '/api/v1/apps/verify_credentials', asked);
    expect(told).toMatchObject({ name: 'An app', scopes: ['read', 'write:statuses'] });
    expect(told).not.toHaveProperty('client_secret');
    await api.ask('GET', '/api/v1/apps/verify_credentials', { status: 401 });
  });
});

describe('the login page', () => {
  test('shows the app and what it asks, escaped, and may be framed by nobody', async () => {
    const nasty = await register({ client_name: '<script>alert("1")</script>', redirect_uris: [web] });
    const fields = { response_type: 'code', client_id: nasty.client_id, state: '"><b>' };
    for (const path of ['/oauth/authorize', '/oauth/authorize/']) {
      const { status, headers, text } = await ask('GET', path, fields);
      expect(status).toBe(200);
      expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(text).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;');
      expect(text).not.toContain('<script');
      expect(text).toContain('value="&quot;&gt;&lt;b&gt;"');
      expect(text).toContain('(read)');
      const policy = headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).toContain("form-action 'self' http: https:");
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('cache-control')).toBe('no-store');
    }
  });

  test('lets its form lead to the scheme of an app, and nowhere when the code is only shown', async () => {
    const policyFor = async (uri: string): Promise<string> =>
      (await ask('GET', '/oauth/authorize', request({ redirect_uri: uri }))).headers.get(
        'content-security-policy',
      ) ?? '';
    expect(await policyFor(custom)).toContain("form-action 'self' my.app+x:;");
    expect(await policyFor(oob)).toContain("form-action 'self';");
  });

  test('the hash of its style is that of the style it has', async () => {
    const { headers, text } = await ask('GET', '/oauth/authorize', request());
    const style = /<style>([\s\S]*?)<\/style>/.exec(text)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(headers.get('content-security-policy')).toContain(`style-src 'sha256-${hash}'`);
  });

  test('sends nobody to an address that is not registered, letter for letter', async () => {
    for (const uri of [
      'https://evil.example/',
      `${web}&more=1`,
      web.toUpperCase(),
      'https://app.example/callback',
      'javascript:alert(1)',
    ]) {
      for (const method of ['GET', 'POST']) {
        const { status, headers } = await ask(method, '/oauth/authorize', {
          ...request({ redirect_uri: uri }),
          ...credentials,
        });
        expect(status).toBe(400);
        expect(headers.get('location')).toBeNull();
      }
    }
    expect((await ask('GET', '/oauth/authorize', request({ client_id: 'nobody' }))).status).toBe(400);
    expect((await ask('GET', '/oauth/authorize', { response_type: 'code' })).status).toBe(400);
  });

  test('tells the app, at its address, what it asked wrongly', async () => {
    const told = async (fields: Record<string, string>): Promise<URL> => {
      const { status, headers } = await ask('GET', '/oauth/authorize', request({ state: 's', ...fields }));
      expect(status).toBe(302);
      return new URL(headers.get('location') ?? '');
    };
    const tooMuch = await told({ scope: 'read write' });
    expect(tooMuch.searchParams.get('error')).toBe('invalid_scope');
    expect(tooMuch.searchParams.get('state')).toBe('s');
    expect(tooMuch.searchParams.get('from')).toBe('here');
    expect((await told({ response_type: 'token' })).searchParams.get('error')).toBe(
      'unsupported_response_type',
    );
    const plain = { code_challenge: 'x'.repeat(43), code_challenge_method: 'plain' };
    expect((await told(plain)).searchParams.get('error')).toBe('invalid_request');
  });

  test('a wrong password shows the page again with what was typed, and not the password', async () => {
    const typed = { handle: 'an"n', password: 'wrong one' };
    const { status, text } = await ask('POST', '/oauth/authorize', {
      ...request({ state: 'kept' }),
      ...typed,
    });
    expect(status).toBe(422);
    expect(text).toContain('role="alert"');
    expect(text).toContain('value="an&quot;n"');
    expect(text).toContain('value="kept"');
    expect(text).not.toContain('wrong one');
    expect((await ask('POST', '/oauth/authorize', { ...request(), handle: 'ann' })).status).toBe(422);
  });

  test('after many wrong passwords even the right one is refused for a while', async () => {
    await api.signedUp('guarded');
    const attempt = (given: string) =>
      ask('POST', '/oauth/authorize', { ...request(), handle: 'guarded', password: given });
    // What other tests got wrong is forgotten.
    now += 11 * 60_000;
    const wrong = await Promise.all(Array.from({ length: 20 }, () => attempt('wrong')));
    expect(wrong.map(({ status }) => status)).toEqual(Array(20).fill(422));
    expect((await attempt('wrong')).status).toBe(429);
    expect((await attempt(password)).status).toBe(429);
    now += 11 * 60_000;
    expect((await attempt(password)).status).toBe(302);
  });

  test('who cancels is sent back with access_denied', async () => {
    const { headers } = await ask('POST', '/oauth/authorize', { ...request({ state: 's' }), deny: '1' });
    const location = new URL(headers.get('location') ?? '');
    expect(location.searchParams.get('error')).toBe('access_denied');
    expect(location.searchParams.get('state')).toBe('s');
  });

  test("a code goes back with the state: by the query, by an app's scheme, or on a page to copy", async () => {
    const byWeb = await ask('POST', '/oauth/authorize', { ...request({ state: 'a b&c' }), ...credentials });
    expect(byWeb.status).toBe(302);
    expect(byWeb.headers.get('location')).toMatch(
      /^https:\/\/app\.example\/callback\?from=here&code=[\w-]+&state=a\+b%26c$/,
    );
    const byScheme = await ask('POST', '/oauth/authorize', {
      ...request({ redirect_uri: custom }),
      ...credentials,
    });
    expect(byScheme.headers.get('location')).toMatch(/^my\.app\+x:\/\/signed-in\?code=[\w-]+$/);
    const shown = await ask('POST', '/oauth/authorize', {
      ...request({ redirect_uri: oob }),
      ...credentials,
    });
    expect(shown.status).toBe(200);
    const code = /<code>([\w-]+)<\/code>/.exec(shown.text)?.[1] ?? '';
    expect((await byCode(code, { redirect_uri: oob })).status).toBe(200);
  });

  test('handles may be written with @, in any case, and with our host', async () => {
    for (const handle of ['@ann', 'ANN', 'ann@127.0.0.1']) {
      const { status } = await ask('POST', '/oauth/authorize', { ...request(), handle, password });
      expect(status).toBe(302);
    }
  });

  test('without a core the page says so', async () => {
    api.down();
    expect(await ask('GET', '/oauth/authorize', request())).toMatchObject({
      status: 503,
      text: expect.stringContaining('<h1>'),
    });
    api.up();
  });
});

describe('tokens', () => {
  test('a code gives a token once', async () => {
    const code = await codeFor();
    const { status, body } = await byCode(code);
    expect(status).toBe(200);
    checkShape('Token', body);
    expect(body).toMatchObject({ token_type: 'Bearer', scope: 'read' });
    expect(Number.isInteger(body['created_at'])).toBe(true);
    const me = await api.json('GET', '/api/v1/accounts/verify_credentials', {
      token: String(body['access_token']),
    });
    expect(me['id']).toBe(ann.id);
    expect(await byCode(code)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant', error_description: expect.any(String) },
    });
  });

  test('a code is void after ten minutes, with another address, with another app', async () => {
    const late = await codeFor();
    now += 10 * 60_000 + 1000;
    expect(await byCode(late)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(await byCode(await codeFor(), { redirect_uri: custom })).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    });
    const other = await register({ redirect_uris: [web] });
    const { client_id, client_secret } = other;
    expect(await byCode(await codeFor(), { client_id, client_secret })).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    });
    expect(await byCode('nonsense')).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });

  test('PKCE: only who knows the verifier gets the token', async () => {
    const verifier = randomBytes(32).toString('base64url');
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    const fields = { code_challenge: challenge, code_challenge_method: 'S256' };
    expect((await byCode(await codeFor(fields), { code_verifier: verifier })).status).toBe(200);
    expect((await byCode(await codeFor(fields), { code_verifier: `${verifier}x` })).status).toBe(400);
    expect((await byCode(await codeFor(fields))).status).toBe(400);
    // A challenge that was taken out on the way.
    expect((await byCode(await codeFor(), { code_verifier: verifier })).status).toBe(400);
  });

  test('an app proves itself in the body or by HTTP Basic, and else gets 401 invalid_client', async () => {
    const basic = (id: string, secret: string) => ({
      authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
    });
    const grant = { grant_type: 'client_credentials', client_id: '', client_secret: '' };
    expect((await token(grant, basic(app.client_id, app.client_secret))).status).toBe(200);
    const refused = { status: 401, body: { error: 'invalid_client', error_description: expect.any(String) } };
    expect(await token(grant)).toEqual(refused);
    expect(await token(grant, basic(app.client_id, 'wrong'))).toEqual(refused);
    expect(await token(grant, basic('nobody', app.client_secret))).toEqual(refused);
    expect(await token({ grant_type: 'client_credentials', client_secret: 'wrong' })).toEqual(refused);
    expect(
      await token({ grant_type: 'password', client_id: 'x'.repeat(300), username: 'ann', password }),
    ).toEqual(refused);
  });

  test('client_credentials gives a token of the app, within its scopes', async () => {
    const { status, body } = await token({
      grant_type: 'client_credentials',
      scope: 'read:accounts write:statuses',
    });
    expect(status).toBe(200);
    checkShape('Token', body);
    expect(body['scope']).toBe('read:accounts write:statuses');
    const refused = { status: 400, body: { error: 'invalid_scope' } };
    expect(await token({ grant_type: 'client_credentials', scope: 'write' })).toMatchObject(refused);
    expect(await token({ grant_type: 'client_credentials', scope: 'nonsense' })).toMatchObject(refused);
    await api.ask('GET', '/api/v1/accounts/verify_credentials', {
      token: String(body['access_token']),
      status: 422,
    });
  });

  test('a password gives a token, a wrong one invalid_grant', async () => {
    const { status, body } = await token({ grant_type: 'password', username: 'ann', password });
    expect(status).toBe(200);
    expect(body['scope']).toBe('read');
    const refused = { status: 400, body: { error: 'invalid_grant' } };
    expect(await token({ grant_type: 'password', username: 'ann', password: 'wrong' })).toMatchObject(
      refused,
    );
    expect(await token({ grant_type: 'password', username: 'nobody', password })).toMatchObject(refused);
    expect(await token({ grant_type: 'password', username: 'ann' })).toMatchObject(refused);
  });

  test("what is no grant is refused in OAuth's words", async () => {
    expect(await token({})).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect(await token({ grant_type: 'implicit' })).toMatchObject({
      status: 400,
      body: { error: 'unsupported_grant_type' },
    });
    expect(await token({ grant_type: 'authorization_code' })).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    });
  });

  test('a revoked token is void at once; another app may not revoke it; an unknown one is revoked already', async () => {
    const { body } = await token({ grant_type: 'password', username: 'ann', password });
    const given = String(body['access_token']);
    await api.ask('GET', '/api/v1/accounts/verify_credentials', { token: given });
    const other = await register({ redirect_uris: [web] });
    const { client_id, client_secret } = other;
    expect((await ask('POST', '/oauth/revoke', { client_id, client_secret, token: given })).status).toBe(403);
    expect(
      (await ask('POST', '/oauth/revoke', { client_id, client_secret: 'wrong', token: given })).status,
    ).toBe(403);
    await api.ask('GET', '/api/v1/accounts/verify_credentials', { token: given });
    expect(await ask('POST', '/oauth/revoke', { ...app, token: given })).toMatchObject({
      status: 200,
      text: '{}',
    });
    await api.ask('GET', '/api/v1/accounts/verify_credentials', { token: given, status: 401 });
    expect((await ask('POST', '/oauth/revoke', { ...app, token: given })).status).toBe(200);
    expect((await ask('POST', '/oauth/revoke', { ...app, token: 'nonsense' })).status).toBe(200);
  });

  test('userinfo says whose a token is', async () => {
    const info = await api.json('GET', '/oauth/userinfo', { token: ann.token });
    expect(info).toMatchObject({ iss: `${api.url}/`, preferred_username: 'ann', profile: `${api.url}/@ann` });
  });

  test('the metadata names what is there', async () => {
    const told = await api.json('GET', '/.well-known/oauth-authorization-server', {
      shape: 'DiscoverOauthServerConfigurationResponse',
    });
    expect(told).toMatchObject({
      issuer: `${api.url}/`,
      token_endpoint: `${api.url}/oauth/token`,
      code_challenge_methods_supported: ['S256'],
      grant_types_supported: ['authorization_code', 'password', 'client_credentials'],
    });
  });
});
