// Tokens: given for a code, for an app alone, or for a password; taken back; and whose one is.

import { createHash } from 'node:crypto';
import type { AccountId } from '../runtime/account-id.ts';
import { callerAccount, get, post } from './api-parts.ts';
import { ApiError, type ApiRequest, type ApiResponse, type Endpoint } from './endpoint.ts';
import { type Input, readFilled, readText } from './input.ts';
import { jsonAnswer } from './json-pieces.ts';
import { type App, isSame, provenApp } from './oauth-client.ts';
import { grantScopes } from './oauth-scopes.ts';
import { notFound, Refusal } from './refusal.ts';
import { renderAccount } from './render-account.ts';

const longestSecret = 200;
const longestHandle = 100;
const longestPassword = 1000;

export function oauthTokenEndpoints(): Endpoint[] {
  return [
    post('/oauth/token', 'none', [], grant),
    post('/oauth/revoke', 'none', [], revoke),
    get('/oauth/userinfo', 'user', ['profile', 'read:accounts'], userInfo),
  ];
}

async function grant(request: ApiRequest): Promise<ApiResponse> {
  const kind = readFilled(request.input, 'grant_type');
  switch (kind) {
    case 'authorization_code':
      return byCode(request, await provenApp(request));
    case 'client_credentials': {
      const app = await provenApp(request);
      return newToken(request, { app, account: null, scopes: demandScopes(app, request.input) });
    }
    case 'password':
      return byPassword(request, await provenApp(request));
    case null:
      throw new ApiError(400, 'invalid_request', 'Missing required parameter: grant_type.');
    default:
      throw new ApiError(
        400,
        'unsupported_grant_type',
        'The authorization grant type is not supported by the authorization server.',
      );
  }
}

const invalidGrant = (): ApiError =>
  new ApiError(
    400,
    'invalid_grant',
    'The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.',
  );

/** A code is spent by the first attempt, whatever comes of it: who tries to guess what belongs to it has one guess. */
async function byCode(request: ApiRequest, app: App): Promise<ApiResponse> {
  const code = readFilled(request.input, 'code');
  const redirectUri = readFilled(request.input, 'redirect_uri');
  if (code === null) throw new ApiError(400, 'invalid_request', 'Missing required parameter: code.');
  if (redirectUri === null)
    throw new ApiError(400, 'invalid_request', 'Missing required parameter: redirect_uri.');
  if (code.length > longestSecret) throw invalidGrant();
  const taken = await request.tryAsk('takeCode', { code });
  if (!taken.ok) throw taken.rejection.code === 'invalid' ? invalidGrant() : new Refusal(taken.rejection);
  const { account, clientId, redirectUri: agreed, scopes, challenge } = taken.value;
  const fits =
    clientId === app.clientId && agreed === redirectUri && answersChallenge(request.input, challenge);
  if (!fits) throw invalidGrant();
  return newToken(request, { app, account, scopes });
}

/** PKCE. A verifier without a challenge is refused, too: somebody has taken the challenge out of the request on its way. */
function answersChallenge(input: Input, challenge: string | null): boolean {
  const verifier = readFilled(input, 'code_verifier');
  if (challenge === null) return verifier === null;
  return verifier !== null && isSame(createHash('sha256').update(verifier).digest('base64url'), challenge);
}

async function byPassword(request: ApiRequest, app: App): Promise<ApiResponse> {
  const handle = readFilled(request.input, 'username');
  const password = readText(request.input, 'password') ?? '';
  if (
    handle === null ||
    handle.length > longestHandle ||
    password === '' ||
    password.length > longestPassword
  ) {
    throw invalidGrant();
  }
  const scopes = demandScopes(app, request.input);
  const known = await request.tryAsk('logIn', { handle, password, ip: request.neighbourhood });
  if (!known.ok)
    throw known.rejection.code === 'unauthorized' ? invalidGrant() : new Refusal(known.rejection);
  return newToken(request, { app, account: known.value.account, scopes });
}

function demandScopes(app: App, input: Input): string {
  const scopes = grantScopes(app.scopes, readFilled(input, 'scope'));
  if (scopes === null) {
    throw new ApiError(400, 'invalid_scope', 'The requested scope is invalid, unknown, or malformed.');
  }
  return scopes.join(' ');
}

async function newToken(
  request: ApiRequest,
  { app, account, scopes }: { app: App; account: AccountId | null; scopes: string },
): Promise<ApiResponse> {
  return tokenAnswer(request, { clientId: app.clientId, account, scopes });
}

/** Makes a token and tells it. */
export async function tokenAnswer(
  request: Pick<ApiRequest, 'ask'>,
  { clientId, account, scopes }: { clientId: string; account: AccountId | null; scopes: string },
): Promise<ApiResponse> {
  const { token, createdMs } = await request.ask('createToken', { account, clientId, scopes });
  const value = {
    access_token: token,
    token_type: 'Bearer',
    scope: scopes,
    created_at: Math.floor(createdMs / 1000),
  };
  return jsonAnswer(value, { 'Cache-Control': 'no-store', Pragma: 'no-cache' });
}

/** A token that is unknown is as good as revoked; one of another app is not this one's to revoke. */
async function revoke(request: ApiRequest): Promise<ApiResponse> {
  const foreign = new ApiError(403, 'unauthorized_client', 'You are not authorized to revoke this token');
  let app: App;
  try {
    app = await provenApp(request);
  } catch (error) {
    throw error instanceof ApiError && error.status === 401 ? foreign : error;
  }
  const token = readFilled(request.input, 'token');
  if (token === null || token.length > longestSecret) return jsonAnswer({});
  const known = await request.tryAsk('authenticate', { token });
  if (!known.ok) {
    if (known.rejection.code === 'unauthorized') return jsonAnswer({});
    throw new Refusal(known.rejection);
  }
  if (known.value.clientId !== app.clientId) throw foreign;
  await request.ask('revoke', { token });
  return jsonAnswer({});
}

async function userInfo(request: ApiRequest): Promise<ApiResponse> {
  const { rows } = await request.ask('accounts', { ids: [callerAccount(request)] });
  const row = rows[0] ?? null;
  if (row === null) throw notFound();
  const { uri, url, avatar, display_name } = renderAccount(row, request.origin);
  return jsonAnswer({
    iss: `${request.origin}/`,
    sub: uri,
    name: display_name,
    preferred_username: row.handle,
    profile: url,
    picture: avatar,
  });
}
