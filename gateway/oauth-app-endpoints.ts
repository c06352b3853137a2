// Apps: registering one, asking about one's own, and where the server's OAuth endpoints are.

import { get, post } from './api-parts.ts';
import type { ApiRequest, ApiResponse, Endpoint } from './endpoint.ts';
import { readFilled, readTexts } from './input.ts';
import { jsonAnswer } from './json-pieces.ts';
import { type App, findApp } from './oauth-client.ts';
import { faultOfRedirectUri, isWebAddress, longestUri, mostUris } from './oauth-redirect.ts';
import { defaultScopes, knownScopes, parseScopes } from './oauth-scopes.ts';
import { notFound, validationFailed } from './refusal.ts';

const longestName = 200;

export function oauthAppEndpoints(): Endpoint[] {
  return [
    post('/api/v1/apps', 'none', [], register),
    get('/api/v1/apps/verify_credentials', 'app', [], verify),
    get('/.well-known/oauth-authorization-server', 'none', [], metadata),
  ];
}

async function register(request: ApiRequest): Promise<ApiResponse> {
  const name = readFilled(request.input, 'client_name');
  if (name === null) throw validationFailed("Application name can't be blank");
  if (name.length > longestName) {
    throw validationFailed(`Application name is too long (maximum is ${longestName} characters)`);
  }
  const asked = {
    name,
    website: readWebsite(request),
    redirectUris: readUris(request),
    scopes: readScopes(request),
  };
  const { clientId, clientSecret } = await request.ask('createApp', {
    ...asked,
    ip: request.neighbourhood,
  });
  const credentials = { client_id: clientId, client_secret: clientSecret, client_secret_expires_at: 0 };
  return jsonAnswer({ ...shown({ ...asked, clientId }), ...credentials });
}

function readWebsite({ input }: ApiRequest): string | null {
  const website = readFilled(input, 'website');
  if (website === null) return null;
  if (website.length > longestUri || !isWebAddress(website))
    throw validationFailed('Website must be a valid URL');
  return website;
}

/** A string with one or several, separated by white space, or a list. */
function readUris({ input }: ApiRequest): string[] {
  const uris = readTexts(input, 'redirect_uris', mostUris)
    .flatMap((text) => text.split(/\s+/))
    .filter((uri) => uri !== '');
  if (uris.length === 0) throw validationFailed("Redirect URI can't be blank");
  if (uris.length > mostUris) throw validationFailed(`Redirect URI may have ${mostUris} entries at most`);
  for (const uri of uris) {
    const fault = faultOfRedirectUri(uri);
    if (fault !== null) throw validationFailed(`Redirect URI ${fault}`);
  }
  return [...new Set(uris)];
}

function readScopes({ input }: ApiRequest): string {
  const scopes = parseScopes(readFilled(input, 'scopes') ?? defaultScopes);
  if (scopes === null) throw validationFailed("Scopes doesn't match configured on the server.");
  return scopes.join(' ');
}

async function verify(request: ApiRequest): Promise<ApiResponse> {
  const app = request.caller === null ? null : await findApp(request, request.caller.clientId);
  if (app === null) throw notFound();
  return jsonAnswer(shown(app));
}

function shown({ clientId, name, website, redirectUris, scopes }: Omit<App, 'clientSecret'>) {
  return {
    // The id is the client id, as a number.
    id: BigInt(`0x${clientId}`).toString(),
    name,
    website,
    scopes: scopes.split(' '),
    redirect_uri: redirectUris.join('\n'),
    redirect_uris: redirectUris,
    // There is no Web Push.
    vapid_key: '',
  };
}

async function metadata({ origin }: ApiRequest): Promise<ApiResponse> {
  return jsonAnswer({
    issuer: `${origin}/`,
    service_documentation: 'https://docs.joinmastodon.org/',
    authorization_endpoint: `${origin}/oauth/authorize`,
    token_endpoint: `${origin}/oauth/token`,
    app_registration_endpoint: `${origin}/api/v1/apps`,
    revocation_endpoint: `${origin}/oauth/revoke`,
    userinfo_endpoint: `${origin}/oauth/userinfo`,
    scopes_supported: knownScopes,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'password', 'client_credentials'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    code_challenge_methods_supported: ['S256'],
  });
}
