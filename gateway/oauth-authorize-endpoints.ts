// The login page that apps send people to, and the code it sends them back with.
//
// There is no session behind it: whoever lets an app in types handle and password for that one app. So there is nothing that another
// site could use on somebody's behalf, and no cookie to steal.
import type { AccountId } from '../runtime/account-id.ts';
import { get, post } from './api-parts.ts';
import type { ApiRequest, ApiResponse, Endpoint } from './endpoint.ts';
import { readFilled, readText } from './input.ts';
import {
  type Asked,
  type Authorization,
  authorizationInput,
  readAuthorization,
} from './oauth-authorize-request.ts';
import { faultLine, type Html, hiddenFields, html, pageAnswer } from './oauth-page.ts';
import { formTargetsOf, outOfBand, redirectTo } from './oauth-redirect.ts';
import { Refusal } from './refusal.ts';

const longestHandle = 100;
const longestPassword = 1000;

export function oauthAuthorizeEndpoints(): Endpoint[] {
  return [
    get('/oauth/authorize', 'none', [], show),
    post('/oauth/authorize', 'none', [], decide),
    // Where Mastodon shows codes; some clients wait for this address.
    get('/oauth/authorize/native', 'none', [], async (request) =>
      codePage(readFilled(request.input, 'code') ?? ''),
    ),
  ];
}

async function show(request: ApiRequest): Promise<ApiResponse> {
  const asked = await asPage(() => readAuthorization(request));
  if ('status' in asked) return asked;
  return asked.kind === 'good' ? loginPage(request, asked.authorization, null) : refusalAnswer(asked);
}

async function decide(request: ApiRequest): Promise<ApiResponse> {
  const asked = await asPage(() => readAuthorization(request));
  if ('status' in asked) return asked;
  if (asked.kind !== 'good') return refusalAnswer(asked);
  const { authorization } = asked;
  const { redirectUri, state } = authorization;
  if (readFilled(request.input, 'deny') !== null) {
    const fault = 'The resource owner or authorization server denied the request.';
    const location = redirectTo(redirectUri, { error: 'access_denied', error_description: fault, state });
    return refusalAnswer({ kind: 'sent', location, redirectUri, fault: 'You did not let the app in.' });
  }
  const handle = readFilled(request.input, 'handle') ?? readFilled(request.input, 'username') ?? '';
  const password = readText(request.input, 'password') ?? '';
  if (handle === '' || password === '') {
    return loginPage(request, authorization, {
      status: 422,
      fault: 'Type your handle and your password.',
      handle,
    });
  }
  if (handle.length > longestHandle || password.length > longestPassword) {
    return loginPage(request, authorization, { status: 422, fault: 'Wrong handle or password', handle: '' });
  }
  const known = await request.tryAsk('logIn', { handle, password, ip: request.neighbourhood });
  if (!known.ok) {
    const refusal = new Refusal(known.rejection);
    const status = refusal.status === 401 ? 422 : refusal.status;
    return loginPage(request, authorization, { status, fault: known.rejection.message, handle });
  }
  return asPage(() => letIn(request, { ...authorization, account: known.value.account }));
}

async function letIn(
  request: ApiRequest,
  { account, app, redirectUri, scopes, state, challenge }: Authorization & { account: AccountId },
): Promise<ApiResponse> {
  const asked = { account, clientId: app.clientId, redirectUri, scopes: scopes.join(' '), challenge };
  const { code } = await request.ask('createCode', asked);
  return redirectUri === outOfBand ? codePage(code) : redirect(redirectTo(redirectUri, { code, state }));
}

/** People look at these answers, so that a core that is away is told on a page, too. */
async function asPage<T>(make: () => Promise<T>): Promise<T | ApiResponse> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return faultPage(error.status, error.message);
  }
}

function redirect(location: string): ApiResponse {
  const headers = { Location: location, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' };
  return { status: 302, headers, body: { kind: 'empty' } };
}

function refusalAnswer(asked: Exclude<Asked, { kind: 'good' }>): ApiResponse {
  if (asked.kind === 'sent' && asked.redirectUri !== outOfBand) return redirect(asked.location);
  return faultPage(400, asked.fault);
}

function faultPage(status: number, fault: string): ApiResponse {
  return pageAnswer({
    title: 'Log in',
    status,
    main: html`<h1>That did not work</h1>
${faultLine(fault)}
<p>Go back to the app and try again from there.</p>`,
  });
}

function codePage(code: string): ApiResponse {
  return pageAnswer({
    title: 'Your code',
    main: html`<h1>Your code</h1>
<p>Copy it into the app that sent you here. It works once, within ten minutes.</p>
<code>${code}</code>`,
  });
}

function loginPage(
  request: ApiRequest,
  { app, redirectUri, scopes }: Authorization,
  failed: { status: number; fault: string; handle: string } | null,
): ApiResponse {
  const fields = authorizationInput(request);
  const query = new URLSearchParams(
    Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== null),
  );
  const typed = failed?.handle ?? '';
  const signUp = `/auth/sign_up?${new URLSearchParams({ continue: String(query) })}`;
  return pageAnswer({
    title: 'Log in',
    status: failed?.status ?? 200,
    formTargets: formTargetsOf(redirectUri),
    main: html`<h1>Let ${app.name} into your account?</h1>
${app.website === null ? null : html`<p>It says that it comes from ${app.website}.</p>`}
<p>It asks to:</p>
<ul>
${scopes.map(scopeLine)}</ul>
${faultLine(failed?.fault ?? null)}
<form method="post" action="/oauth/authorize">
${hiddenFields(fields)}<label for="handle">Handle</label>
<input id="handle" name="handle" value="${typed}" maxlength="100" autocomplete="username" autocapitalize="none" spellcheck="false" required${typed === '' ? focus : null}>
<label for="password">Password</label>
<input id="password" name="password" type="password" maxlength="1000" autocomplete="current-password" required${typed === '' ? null : focus}>
<button type="submit">Log in and let it in</button>
<button type="submit" class="quiet" name="deny" value="1" formnovalidate>Cancel</button>
</form>
<p>New here? <a href="${signUp}">Sign up</a>, then come back to this page.</p>`,
  });
}

const focus = html` autofocus`;

const meanings: Record<string, string> = {
  read: 'read everything of your account',
  write: 'post and change everything of your account',
  follow: 'follow, mute and block people for you',
  push: 'be told of what is new',
  profile: 'see who you are',
};

function scopeLine(scope: string): Html {
  const [verb = '', what] = scope.split(':');
  const meaning =
    what === undefined || verb === 'admin'
      ? meanings[scope]
      : `${verb === 'read' ? 'read' : 'change'} your ${what}`;
  return html`<li>${meaning ?? 'nothing that this server has'} (${scope})</li>\n`;
}
