// Signing up, by the API and by the page: what is refused and how it is said.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { oauthAppEndpoints } from '../../gateway/oauth-app-endpoints.ts';
import { oauthAuthorizeEndpoints } from '../../gateway/oauth-authorize-endpoints.ts';
import { oauthTokenEndpoints } from '../../gateway/oauth-token-endpoints.ts';
import { signUpEndpoints } from '../../gateway/sign-up-endpoints.ts';
import { checkShape } from '../support/schema.ts';
import { type ApiServer, startApi } from './api-server.ts';

const endpoints = [
  ...oauthAppEndpoints(),
  ...oauthAuthorizeEndpoints(),
  ...oauthTokenEndpoints(),
  ...signUpEndpoints(),
];
const person = {
  username: 'Ann_1',
  password: 'correct horse',
  agreement: true,
  email: 'ann@birds.example',
  locale: 'en',
};

let api: ApiServer;
let token: string;

beforeAll(async () => {
  api = await startApi({ endpoints });
  token = await appToken('read write');
});

afterAll(async () => {
  await api.close();
  expect(api.faults).toEqual([]);
});

async function appToken(scopes: string, of: ApiServer = api): Promise<string> {
  const body = { client_name: 'An app', redirect_uris: 'urn:ietf:wg:oauth:2.0:oob', scopes };
  const { client_id, client_secret } = await of.json('POST', '/api/v1/apps', { body });
  const grant = { grant_type: 'client_credentials', client_id, client_secret, scope: scopes };
  return String((await of.json('POST', '/oauth/token', { body: grant }))['access_token']);
}

async function details(fields: Record<string, unknown>): Promise<unknown> {
  const body = { ...person, ...fields };
  const { body: said } = await api.ask('POST', '/api/v1/accounts', { token, body, status: 422 });
  checkShape('ValidationError', said);
  return said;
}

describe('by the API', () => {
  test('an app signs somebody up, and gets their token', async () => {
    const made = await api.json('POST', '/api/v1/accounts', { token, body: person, shape: 'Token' });
    expect(made).toMatchObject({ token_type: 'Bearer', scope: 'read write' });
    const me = await api.json('GET', '/api/v1/accounts/verify_credentials', {
      token: String(made['access_token']),
    });
    expect(me).toMatchObject({ username: 'Ann_1', acct: 'Ann_1' });
    expect(JSON.stringify(me)).not.toContain('birds.example');
  });

  test('a handle that is taken, in whatever case, says so in details', async () => {
    expect(await details({ username: 'aNN_1' })).toEqual({
      error: 'Validation failed: Username has already been taken',
      details: { username: [{ error: 'ERR_TAKEN', description: 'has already been taken' }] },
    });
  });

  test.each([
    [{ username: 'no spaces' }, 'username', 'ERR_INVALID'],
    [{ username: 'x'.repeat(31) }, 'username', 'ERR_TOO_LONG'],
    [{ username: '' }, 'username', 'ERR_BLANK'],
    [{ username: 'Admin' }, 'username', 'ERR_RESERVED'],
    [{ password: 'seven77' }, 'password', 'ERR_TOO_SHORT'],
    [{ password: '' }, 'password', 'ERR_BLANK'],
    [{ password: 'x'.repeat(1001) }, 'password', 'ERR_TOO_LONG'],
    [{ agreement: false }, 'agreement', 'ERR_ACCEPTED'],
    [{ agreement: undefined }, 'agreement', 'ERR_ACCEPTED'],
  ])('%o is refused: %s %s', async (fields, field, error) => {
    expect(await details({ username: 'somebody', ...fields })).toMatchObject({
      details: { [field]: [{ error }] },
    });
  });

  test('all that is wrong is told at once', async () => {
    const told = await details({ username: 'no spaces', password: 'short' });
    expect(told).toMatchObject({ details: { username: [{}], password: [{}] } });
    expect(told).toMatchObject({ error: expect.stringMatching(/Username .*, Password /) });
  });

  test('without a token, or without the scope, nobody is signed up', async () => {
    await api.ask('POST', '/api/v1/accounts', { body: person, status: 401 });
    await api.ask('POST', '/api/v1/accounts', { token: await appToken('read'), body: person, status: 403 });
  });

  test('an address that signs up too many is refused for a while', async () => {
    const other = await startApi({ endpoints, core: { signUpsAnHour: 2 } });
    const own = await appToken('write', other);
    const signUp = (username: string, status: number) =>
      other.ask('POST', '/api/v1/accounts', { token: own, body: { ...person, username }, status });
    await signUp('one', 200);
    await signUp('two', 200);
    await signUp('three', 429);
    await other.close();
  });

  test('an address of IPv6 is a household: apps, sign-ups and wrong passwords from its /64 count together', async () => {
    const other = await startApi({
      endpoints,
      core: { signUpsAnHour: 2 },
      settings: { trustedProxy: true },
    });
    let host = 0;
    const from = (net: string) => ({ headers: { 'x-forwarded-for': `2001:db8:0:${net}::${++host}` } });
    const app = { client_name: 'An app', redirect_uris: 'urn:ietf:wg:oauth:2.0:oob', scopes: 'write' };
    const register = (net: string, status: number) =>
      other.json('POST', '/api/v1/apps', { body: app, status, ...from(net) });
    const { client_id, client_secret } = await register('1', 200);
    await register('1', 200);
    await register('1', 429);
    await register('2', 200);
    const byApp = { grant_type: 'client_credentials', client_id, client_secret, scope: 'write' };
    const own = String((await other.json('POST', '/oauth/token', { body: byApp }))['access_token']);
    const signUp = (username: string, net: string, status: number) =>
      other.ask('POST', '/api/v1/accounts', {
        token: own,
        body: { ...person, username },
        status,
        ...from(net),
      });
    await signUp('one', '1', 200);
    await signUp('two', '1', 200);
    await signUp('three', '1', 429);
    await signUp('three', '2', 200);
    const guess = (username: string, net: string, status: number) =>
      other.ask('POST', '/oauth/token', {
        body: { ...byApp, grant_type: 'password', username, password: 'wrong' },
        status,
        ...from(net),
      });
    await Promise.all(Array.from({ length: 20 }, (_, place) => guess(`nobody${place}`, '1', 400)));
    await guess('nobody', '1', 429);
    await guess('nobody', '2', 400);
    await other.close();
  });
});

describe('by the page', () => {
  async function send(fields: Record<string, string>): Promise<{ status: number; text: string }> {
    const answer = await fetch(`${api.url}/auth/sign_up`, {
      method: 'POST',
      body: new URLSearchParams(fields),
    });
    return { status: answer.status, text: await answer.text() };
  }

  test('a form without script, and a welcome that leads to the page', async () => {
    const form = await (await fetch(`${api.url}/auth/sign_up`)).text();
    expect(form).toContain('<form method="post" action="/auth/sign_up">');
    expect(form).not.toContain('<script');
    const { status, text } = await send({ username: 'bea', password: 'correct horse', agreement: 'true' });
    expect(status).toBe(200);
    expect(text).toContain('Welcome, @bea');
    expect(text).toContain('href="/"');
  });

  test('who came from a login goes back to it, and nowhere else', async () => {
    const query = 'response_type=code&client_id=1&state="><x>';
    const form = await (await fetch(`${api.url}/auth/sign_up?continue=${encodeURIComponent(query)}`)).text();
    expect(form).toContain('value="response_type=code&amp;client_id=1&amp;state=&quot;&gt;&lt;x&gt;"');
    const done = await send({
      username: 'cleo',
      password: 'correct horse',
      agreement: 'true',
      continue: query,
    });
    expect(done.text).toContain(
      'href="/oauth/authorize?response_type=code&amp;client_id=1&amp;state=&quot;&gt;&lt;x&gt;"',
    );
    const elsewhere = await send({
      username: 'dora',
      password: 'correct horse',
      agreement: 'true',
      continue: 'https://evil.example/ x',
    });
    expect(elsewhere.text).toContain('href="/"');
    expect(elsewhere.text).not.toContain('evil');
  });

  test('what is wrong is said on the form again, with the handle that was typed', async () => {
    const taken = await send({ username: 'BEA', password: 'correct horse', agreement: 'true' });
    expect(taken).toMatchObject({
      status: 422,
      text: expect.stringContaining('Username has already been taken.'),
    });
    const short = await send({ username: '"odd', password: 'short', agreement: 'true' });
    expect(short.status).toBe(422);
    expect(short.text).toContain('value="&quot;odd"');
    expect(short.text).not.toContain('value="short"');
    expect((await send({ username: 'eva', password: 'correct horse' })).status).toBe(422);
  });
});
