// megalodon finds out what the server is, registers an app, signs somebody up and logs in.
import { createHash, randomBytes } from 'node:crypto';
import { detector, Mastodon, type OAuth } from 'megalodon';
import { beforeAll, expect, test } from 'vitest';
import { logInAt } from '../browser.ts';
import { type Person, password, type Scene } from '../scene.ts';
import { refusalOf } from './refusal.ts';

const scopes = ['read', 'write', 'follow'];
const callback = 'my-app://callback';

export function loginFlow(scene: () => Scene): void {
  let url: string;
  let nobody: Mastodon;
  let person: Person;
  let app: OAuth.AppData;

  beforeAll(async () => {
    url = scene().url;
    nobody = new Mastodon(url);
    person = await scene().person('Mona');
  });

  test('the server is taken for one that speaks Mastodon’s language', async () => {
    expect(await detector(url)).toBe('mastodon');
  });

  test('an app is registered, and gets the address to send people to', async () => {
    app = await nobody.registerApp('an app', {
      scopes,
      redirect_uris: callback,
      website: 'https://app.example',
    });
    expect(app).toMatchObject({
      id: expect.stringMatching(/^\d+$/),
      name: 'an app',
      website: 'https://app.example',
      redirect_uri: callback,
      client_id: expect.stringMatching(/^\S{8,}$/),
      client_secret: expect.stringMatching(/^\S{20,}$/),
    });
    const address = new URL(app.url ?? '');
    expect(`${address.origin}${address.pathname}`).toBe(`${url}/oauth/authorize`);
  });

  test('the code from the app’s own scheme becomes a token', async () => {
    const { location, code, status } = await logInAt(app.url ?? '', person);
    expect(status).toBe(302);
    expect(location?.protocol).toBe('my-app:');
    const token = await nobody.fetchAccessToken(app.client_id, app.client_secret, code ?? '', callback);
    expect(token).toMatchObject({
      access_token: expect.any(String),
      token_type: 'Bearer',
      scope: 'read write follow',
      created_at: expect.any(Number),
    });
    const client = new Mastodon(url, token.access_token);
    expect((await client.verifyAccountCredentials()).data).toMatchObject({ id: person.id, username: 'Mona' });
    expect((await client.verifyAppCredentials()).data).toMatchObject({
      name: 'an app',
      website: 'https://app.example',
    });

    const again = nobody.fetchAccessToken(app.client_id, app.client_secret, code ?? '', callback);
    expect(await refusalOf(again)).toMatchObject({
      status: 400,
      error: 'invalid_grant',
      description: expect.any(String),
    });

    expect((await client.revokeToken(app.client_id, app.client_secret, token.access_token)).data).toEqual({});
    expect(await refusalOf(client.verifyAccountCredentials())).toEqual({
      status: 401,
      error: 'The access token is invalid',
      description: undefined,
    });
  });

  test('with PKCE, only who has the verifier gets the token', async () => {
    const verifier = randomBytes(48).toString('base64url');
    const address = new URL(app.url ?? '');
    address.searchParams.set('code_challenge', createHash('sha256').update(verifier).digest('base64url'));
    address.searchParams.set('code_challenge_method', 'S256');
    // megalodon's own call sends no verifier.
    const bare = await logInAt(String(address), person);
    const refused = nobody.fetchAccessToken(app.client_id, app.client_secret, bare.code ?? '', callback);
    expect(await refusalOf(refused)).toMatchObject({ status: 400, error: 'invalid_grant' });
    const { code } = await logInAt(String(address), person);
    const answer = await nobody.client.post<{ access_token: string }>('/oauth/token', {
      grant_type: 'authorization_code',
      client_id: app.client_id,
      client_secret: app.client_secret,
      redirect_uri: callback,
      code,
      code_verifier: verifier,
    });
    const client = new Mastodon(url, answer.data.access_token);
    expect((await client.verifyAccountCredentials()).data.username).toBe('Mona');
  });

  test('a password becomes a token, a wrong one does not', async () => {
    const logIn = (typed: string) =>
      nobody.client.post<{ access_token: string; scope: string }>('/oauth/token', {
        grant_type: 'password',
        client_id: app.client_id,
        client_secret: app.client_secret,
        username: 'Mona',
        password: typed,
        scope: 'read write',
      });
    const { data } = await logIn(password);
    expect(data.scope).toBe('read write');
    expect((await new Mastodon(url, data.access_token).verifyAccountCredentials()).data.id).toBe(person.id);
    expect(await refusalOf(logIn('wrong horse'))).toMatchObject({ status: 400, error: 'invalid_grant' });
  });

  test('somebody signs up in the app', async () => {
    const own = await nobody.client.post<{ access_token: string }>('/oauth/token', {
      grant_type: 'client_credentials',
      client_id: app.client_id,
      client_secret: app.client_secret,
      scope: scopes.join(' '),
    });
    const client = new Mastodon(url, own.data.access_token);
    const { data } = await client.registerAccount('newcomer', 'n@example.org', password, true, 'en');
    expect(data).toMatchObject({
      token_type: 'Bearer',
      scope: 'read write follow',
      created_at: expect.any(Number),
    });
    const newcomer = new Mastodon(url, data.access_token);
    expect((await newcomer.verifyAccountCredentials()).data).toMatchObject({
      username: 'newcomer',
      display_name: '',
      source: { privacy: 'public', sensitive: false, note: '' },
    });
    const refused = await refusalOf(client.registerAccount('short', 'n@example.org', 'short', false, 'en'));
    expect(refused).toMatchObject({
      status: 422,
      error:
        'Validation failed: Password is too short (minimum is 8 characters), Service agreement must be accepted',
    });
  });

  test('a profile is changed, preferences follow, and the instance says what it is', async () => {
    const client = new Mastodon(url, person.token);
    const { data } = await client.updateCredentials({
      display_name: 'Mona L.',
      note: 'smiles',
      bot: false,
      discoverable: true,
      source: { privacy: 'private', sensitive: true, language: 'it' },
      fields_attributes: [{ name: 'Where', value: 'Paris' }],
    });
    expect(data).toMatchObject({
      display_name: 'Mona L.',
      note: '<p>smiles</p>',
      fields: [{ name: 'Where', value: 'Paris', verified_at: null }],
      source: { privacy: 'private', sensitive: true, language: 'it', note: 'smiles' },
    });
    expect((await client.getPreferences()).data).toEqual({
      'posting:default:visibility': 'private',
      'posting:default:sensitive': true,
      'posting:default:language': 'it',
      'reading:expand:media': 'default',
      'reading:expand:spoilers': false,
    });
    const { data: instance } = await nobody.getInstance();
    expect(instance).toMatchObject({
      uri: new URL(url).host,
      title: 'Murmuration',
      version: expect.stringMatching(/^4\.2\.0 /),
      urls: { streaming_api: scene().socketUrl },
      registrations: true,
      configuration: { statuses: { max_characters: 500, characters_reserved_per_url: 23 } },
    });
    const second = await nobody.client.get<Record<string, unknown>>('/api/v2/instance');
    expect(second.data).toMatchObject({ domain: new URL(url).host, version: instance.version });
  });
}
