// What an app asks for when it sends somebody to log in, checked against what it has registered.
import { ApiError, type ApiRequest } from './endpoint.ts';
import { readFilled } from './input.ts';
import { type App, findApp } from './oauth-client.ts';
import { redirectTo } from './oauth-redirect.ts';
import { grantScopes } from './oauth-scopes.ts';

export interface Authorization {
  app: App;
  redirectUri: string;
  scopes: string[];
  state: string | null;
  challenge: string | null;
}

/**
 * shown: the app or its address is in doubt, so the person is told and nobody is sent anywhere. sent: the app is told, at its
 * registered address.
 */
export type Asked =
  | { kind: 'good'; authorization: Authorization }
  | { kind: 'shown'; fault: string }
  | { kind: 'sent'; location: string; redirectUri: string; fault: string };

/** The request's own fields: a form repeats them, hidden. */
export const authorizationFields = [
  'response_type',
  'client_id',
  'redirect_uri',
  'scope',
  'state',
  'code_challenge',
  'code_challenge_method',
] as const;

const longestState = 2000;
/** A SHA-256 hash in base64url. */
const challengeForm = /^[A-Za-z0-9_-]{43}$/;

export async function readAuthorization(request: ApiRequest): Promise<Asked> {
  const { input } = request;
  const clientId = readFilled(input, 'client_id');
  const app = clientId === null ? null : await findApp(request, clientId);
  if (app === null)
    return { kind: 'shown', fault: 'The app that sent you here is not known to this server.' };
  const redirectUri = chosenUri(app, readFilled(input, 'redirect_uri'));
  if (redirectUri === null) {
    return {
      kind: 'shown',
      fault: 'The address you are to be sent back to is not one that the app has registered.',
    };
  }
  const state = readFilled(input, 'state');
  if (state !== null && state.length > longestState)
    return { kind: 'shown', fault: 'The app sent too long a state.' };
  const refuse = (error: string, fault: string): Asked => ({
    kind: 'sent',
    location: redirectTo(redirectUri, { error, error_description: fault, state }),
    redirectUri,
    fault,
  });
  if (readFilled(input, 'response_type') !== 'code') {
    return refuse(
      'unsupported_response_type',
      'The authorization server does not support this response type.',
    );
  }
  const scopes = grantScopes(app.scopes, readFilled(input, 'scope'));
  if (scopes === null)
    return refuse('invalid_scope', 'The requested scope is invalid, unknown, or malformed.');
  const challenge = readFilled(input, 'code_challenge');
  const method = readFilled(input, 'code_challenge_method');
  if (challenge !== null && (method !== 'S256' || !challengeForm.test(challenge))) {
    return refuse('invalid_request', 'The code_challenge_method must be S256.');
  }
  return { kind: 'good', authorization: { app, redirectUri, scopes, state, challenge } };
}

/** Exactly as registered. An app with a single address need not name it. */
function chosenUri({ redirectUris }: App, asked: string | null): string | null {
  if (asked === null) return redirectUris.length === 1 ? (redirectUris[0] ?? null) : null;
  return redirectUris.includes(asked) ? asked : null;
}

/** The request's fields as they came, to be asked with again. */
export function authorizationInput({ input }: ApiRequest): Record<string, string | null> {
  return Object.fromEntries(authorizationFields.map((name) => [name, safely(() => readFilled(input, name))]));
}

function safely(read: () => string | null): string | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof ApiError) return null;
    throw error;
  }
}
