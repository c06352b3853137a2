// masto registers an app, signs somebody up, and logs in by every way there is.
import { createHash, randomBytes } from 'node:crypto';
import { createOAuthAPIClient, createRestAPIClient, type mastodon } from 'masto';
import { beforeAll, expect, test } from 'vitest';
import { logInAt } from '../browser.ts';
import { type Person, password, type Scene } from '../scene.ts';
import { refusalOf } from './refusal.ts';

const outOfBand = 'urn:ietf:wg:oauth:2.0:oob';
const scope = 'read write follow';
const callback = 'http://127.0.0.1:9/callback?kept=1';

export function loginFlow(scene: () => Scene): void {
  let url: string;
  let oauth: mastodon.oauth.Client;
  let person: Person;
  let app: { clientId: string; clientSecret: string };

  beforeAll(async () => {
    url = scene().url;
    oauth = createOAuthAPIClient({ url });
    person = await scene().person('Marta');
  });

  test('an app is registered and told who it is', async () => {
    const made = await createRestAPIClient({ url }).v1.apps.create({
      clientName: 'a <b>bold</b> app',
      redirectUris: [outOfBand, callback],
      scopes: scope,
      website: 'https://app.example/',
    });
    expect(made).toMatchObject({
      name: 'a <b>bold</b> app',
      website: 'https://app.example/',
      redirectUri: `${outOfBand}\n${callback}`,
      redirectUris: [outOfBand, callback],
      scopes: ['read', 'write', 'follow'],
    });
    const { clientId, clientSecret } = made;
    if (!clientId || !clientSecret) throw new Error(`an app without credentials: ${JSON.stringify(made)}`);
    app = { clientId, clientSecret };

    const grant = await oauth.token.create({
      ...app,
      grantType: 'client_credentials',
      redirectUri: outOfBand,
      scope,
    });
    expect(grant).toEqual({
      accessToken: expect.stringMatching(/^\S{20,}$/),
      tokenType: 'Bearer',
      scope,
      createdAt: expect.any(Number),
    });
    expect(Math.abs(grant.createdAt - Date.now() / 1000)).toBeLessThan(600);
    const itself = await createRestAPIClient({
      url,
      accessToken: grant.accessToken,
    }).v1.apps.verifyCredentials();
    expect(itself).toMatchObject({ name: 'a <b>bold</b> app', redirectUris: [outOfBand, callback] });
    expect(made).toMatchObject(itself);
    expect(itself).not.toHaveProperty('clientSecret');
  });

  test('somebody signs up in the app, and the token is theirs', async () => {
    const grant = await oauth.token.create({
      ...app,
      grantType: 'client_credentials',
      redirectUri: outOfBand,
      scope,
    });
    const rest = createRestAPIClient({ url, accessToken: grant.accessToken });
    const asked = { username: 'Nina_1', password, email: 'n@example.org', agreement: true, locale: 'en' };
    const token = await rest.v1.accounts.create(asked);
    expect(token).toMatchObject({ tokenType: 'Bearer', scope, createdAt: expect.any(Number) });
    const nina = createRestAPIClient({ url, accessToken: token.accessToken });
    expect(await nina.v1.accounts.verifyCredentials()).toMatchObject({
      username: 'Nina_1',
      acct: 'Nina_1',
      displayName: '',
      url: `${url}/@Nina_1`,
      followersCount: 0,
      statusesCount: 0,
      source: { privacy: 'public', sensitive: false, language: null, note: '', fields: [] },
    });

    const again = await refusalOf(rest.v1.accounts.create({ ...asked, username: 'nina_1' }));
    expect(again).toMatchObject({
      statusCode: 422,
      message: 'Validation failed: Username has already been taken',
      details: { username: [{ error: 'ERR_TAKEN', description: 'has already been taken' }] },
    });
  });

  test('a code that is copied from the page is exchanged for a token, once', async () => {
    const arrival = await logInAt(authorizeUrl({ redirect_uri: outOfBand }), person);
    // The app's name is text, whatever it is made of.
    expect(arrival.page).toContain('a &lt;b&gt;bold&lt;/b&gt; app');
    expect(arrival.location).toBeNull();
    const code = arrival.code ?? '';
    const asked = { ...app, grantType: 'authorization_code', code, redirectUri: outOfBand, scope } as const;
    const token = await oauth.token.create(asked);
    expect(token).toMatchObject({ tokenType: 'Bearer', scope });
    expect(await whoHas(token)).toBe('Marta');
    expect(await refusalOf(oauth.token.create(asked))).toMatchObject({
      statusCode: 400,
      message: 'invalid_grant',
      description: expect.stringContaining('authorization grant is invalid'),
    });
  });

  test('a code comes back by a redirect, with the state', async () => {
    const state = 'x &"<>=ü';
    const { location, code, status } = await logInAt(authorizeUrl({ redirect_uri: callback, state }), person);
    expect(status).toBe(302);
    expect(`${location?.origin}${location?.pathname}`).toBe('http://127.0.0.1:9/callback');
    expect(location?.searchParams.get('kept')).toBe('1');
    expect(location?.searchParams.get('state')).toBe(state);
    const token = await oauth.token.create({
      ...app,
      grantType: 'authorization_code',
      code: code ?? '',
      redirectUri: callback,
    });
    expect(await whoHas(token)).toBe('Marta');
  });

  test('with PKCE, only who has the verifier gets the token', async () => {
    const codeVerifier = randomBytes(32).toString('base64url');
    const code_challenge = createHash('sha256').update(codeVerifier).digest('base64url');
    const exchange = async (verifier: { codeVerifier?: string }): Promise<mastodon.v1.Token> => {
      const address = authorizeUrl({ redirect_uri: callback, code_challenge, code_challenge_method: 'S256' });
      const { code } = await logInAt(address, person);
      const asked = {
        ...app,
        grantType: 'authorization_code',
        code: code ?? '',
        redirectUri: callback,
      } as const;
      return oauth.token.create({ ...asked, ...verifier });
    };
    expect(await whoHas(await exchange({ codeVerifier }))).toBe('Marta');
    expect(await refusalOf(exchange({}))).toMatchObject({ statusCode: 400, message: 'invalid_grant' });
    const other = randomBytes(32).toString('base64url');
    expect(await refusalOf(exchange({ codeVerifier: other }))).toMatchObject({
      statusCode: 400,
      message: 'invalid_grant',
    });
  });

  test('who does not let the app in, or mistypes, gives it no code', async () => {
    const denied = await logInAt(authorizeUrl({ redirect_uri: callback, state: 's' }), {
      ...person,
      deny: true,
    });
    expect(denied.code).toBeNull();
    expect(denied.location?.searchParams.get('error')).toBe('access_denied');
    expect(denied.location?.searchParams.get('state')).toBe('s');
    const mistyped = await logInAt(authorizeUrl({ redirect_uri: callback }), {
      ...person,
      password: 'wrong horse',
    });
    expect(mistyped).toMatchObject({ status: 422, location: null, code: null });
    expect(mistyped.body).toContain('Wrong handle or password');
  });

  test('a password gives a token with the scopes asked for, a wrong one does not', async () => {
    const asked = {
      ...app,
      grantType: 'password',
      redirectUri: outOfBand,
      username: 'marta',
      scope: 'read',
    } as const;
    const token = await oauth.token.create({ ...asked, password });
    expect(token).toMatchObject({ tokenType: 'Bearer', scope: 'read' });
    expect(await whoHas(token)).toBe('Marta');
    const rest = createRestAPIClient({ url, accessToken: token.accessToken });
    expect(await refusalOf(rest.v1.statuses.create({ status: 'not with this one' }))).toMatchObject({
      statusCode: 403,
      message: 'This action is outside the authorized scopes',
    });
    expect(await refusalOf(oauth.token.create({ ...asked, password: 'wrong horse' }))).toMatchObject({
      statusCode: 400,
      message: 'invalid_grant',
    });
    expect(
      await refusalOf(oauth.token.create({ ...asked, password, scope: 'read write:nonsense' })),
    ).toMatchObject({
      statusCode: 400,
      message: 'invalid_scope',
    });
    expect(await refusalOf(oauth.token.create({ ...asked, password, clientSecret: 'no' }))).toMatchObject({
      statusCode: 401,
      message: 'invalid_client',
    });
  });

  test('a revoked token is good for nothing', async () => {
    const asked = {
      ...app,
      grantType: 'password',
      redirectUri: outOfBand,
      username: 'Marta',
      password,
    } as const;
    const token = await oauth.token.create(asked);
    expect(await whoHas(token)).toBe('Marta');
    await oauth.revoke({ ...app, token: token.accessToken });
    expect(await refusalOf(whoHas(token))).toMatchObject({
      statusCode: 401,
      message: 'The access token is invalid',
    });
  });

  function authorizeUrl(more: Record<string, string>): string {
    return `${url}/oauth/authorize?${new URLSearchParams({ client_id: app.clientId, response_type: 'code', scope, ...more })}`;
  }

  async function whoHas({ accessToken }: mastodon.v1.Token): Promise<string> {
    return (await createRestAPIClient({ url, accessToken }).v1.accounts.verifyCredentials()).username;
  }
}
