// Logging in by the OAuth authorisation code flow: off to the server's own page, and back with a code that only this tab can use.
import { grantToken, scopes } from './api.ts';
import { forgetApplication, ownApplication, redirectUri, registered } from './application.ts';
import type { Refusal } from './server.ts';

const pendingName = 'murmuration.login';

/** Leaves the page. Comes back with words only if it cannot. */
export async function beginLogin(): Promise<Refusal | null> {
  const reply = await ownApplication();
  if (reply.kind !== 'done') return reply;
  const verifier = randomText();
  const state = randomText();
  const challenge = await challengeOf(verifier);
  sessionStorage.setItem(
    pendingName,
    JSON.stringify({ verifier: challenge && verifier, state, hash: location.hash }),
  );
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: reply.value.client_id,
    redirect_uri: redirectUri(),
    scope: scopes,
    state,
    ...(challenge ? { code_challenge: challenge, code_challenge_method: 'S256' } : {}),
  });
  location.assign(`/oauth/authorize?${query}`);
  return null;
}

export type Return =
  /** Nobody comes back from logging in. */
  | { readonly kind: 'none' }
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'failed'; readonly words: string };

/** Trades the code in the address for a token, and cleans the address. */
export async function finishLogin(): Promise<Return> {
  const answer = new URLSearchParams(location.search);
  const code = answer.get('code');
  const error = answer.get('error');
  if (code === null && error === null) return { kind: 'none' };
  const pending = takePending();
  history.replaceState(history.state, '', `/${pending?.hash ?? ''}`);
  if (error === 'access_denied')
    return { kind: 'failed', words: 'You did not let this page in, so you are not logged in.' };
  if (code === null)
    return { kind: 'failed', words: answer.get('error_description') ?? 'Logging in failed. Try again.' };
  // Somebody else's code could log this browser into their account.
  if (pending === null || answer.get('state') !== pending.state) {
    return { kind: 'failed', words: 'That log-in was not begun in this tab. Try again.' };
  }
  const application = registered();
  if (application === null)
    return { kind: 'failed', words: 'This page is not known to the server any more. Try again.' };
  const reply = await grantToken({
    grant_type: 'authorization_code',
    code,
    ...application,
    redirect_uri: redirectUri(),
    ...(pending.verifier ? { code_verifier: pending.verifier } : {}),
  });
  if (reply.kind === 'done') return { kind: 'token', token: reply.value.access_token };
  if (reply.kind === 'refused') forgetApplication();
  return { kind: 'failed', words: reply.words };
}

function takePending(): { readonly verifier: string; readonly state: string; readonly hash: string } | null {
  const text = sessionStorage.getItem(pendingName);
  sessionStorage.removeItem(pendingName);
  if (text === null) return null;
  const pending: unknown = JSON.parse(text);
  if (typeof pending !== 'object' || pending === null) return null;
  const { verifier, state, hash } = { verifier: '', state: '', hash: '', ...pending };
  return typeof state === 'string' && state !== ''
    ? { verifier: String(verifier), state, hash: String(hash) }
    : null;
}

function randomText(): string {
  return base64Url(crypto.getRandomValues(new Uint8Array(32)));
}

/** Empty where the browser offers no hashing: over plain http on another host than this one. The secret and the state remain. */
async function challengeOf(verifier: string): Promise<string> {
  if (!('subtle' in crypto) || crypto.subtle === undefined) return '';
  return base64Url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))));
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, '-')
    .replace(/\//g, '_')
    .replace(/=+$/, '');
}
