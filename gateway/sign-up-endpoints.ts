// Signing up: for apps by the API, for people without one by a page.
import type { Answered } from '../cluster/core-client.ts';
import { get, post } from './api-parts.ts';
import { ApiError, type ApiRequest, type ApiResponse, type Endpoint } from './endpoint.ts';
import { readFilled, readText } from './input.ts';
import { faultLine, hiddenFields, html, pageAnswer } from './oauth-page.ts';
import { tokenAnswer } from './oauth-token-endpoints.ts';
import { Refusal } from './refusal.ts';
import {
  type Fault,
  faultOfRejection,
  faultsAnswer,
  longestPassword,
  readSignUp,
  type SignUp,
  sayFaults,
  shortestPassword,
} from './sign-up-form.ts';

/** The query of a login page, to go back to. */
const longestContinue = 8000;

export function signUpEndpoints(): Endpoint[] {
  return [
    post('/api/v1/accounts', 'app', ['write:accounts'], signUp),
    get('/auth/sign_up', 'none', [], async (request) => formPage(request, null)),
    post('/auth/sign_up', 'none', [], signUpByForm),
  ];
}

function make(request: ApiRequest, { handle, password }: SignUp): Promise<Answered<'signUp'>> {
  return request.tryAsk('signUp', { handle, password, displayName: '', ip: request.neighbourhood });
}

/** Answers with a token of the app that asked. An e-mail address may be sent, as Mastodon wants one; nothing is done with it here. */
async function signUp(request: ApiRequest): Promise<ApiResponse> {
  const { signUp: person, faults } = readSignUp(request.input);
  if (faults.length > 0) return faultsAnswer(faults);
  const { caller } = request;
  if (caller === null) throw new ApiError(401, 'The access token is invalid');
  const made = await make(request, person);
  if (!made.ok) {
    const fault = faultOfRejection(made.rejection);
    if (fault === null) throw new Refusal(made.rejection);
    return faultsAnswer([fault]);
  }
  const { clientId, scopes } = caller;
  return tokenAnswer(request, { clientId, account: made.value.account, scopes: [...scopes].join(' ') });
}

async function signUpByForm(request: ApiRequest): Promise<ApiResponse> {
  const { signUp: person, faults } = readSignUp(request.input);
  if (faults.length > 0) return formPage(request, { status: 422, fault: sentence(faults) });
  const made = await make(request, person);
  if (made.ok) return welcomePage(request, person.handle);
  const fault = faultOfRejection(made.rejection);
  if (fault !== null) return formPage(request, { status: 422, fault: sentence([fault]) });
  const { status } = new Refusal(made.rejection);
  return formPage(request, { status, fault: `${made.rejection.message}.` });
}

function sentence(faults: readonly Fault[]): string {
  return `${sayFaults(faults)}.`;
}

function formPage(request: ApiRequest, failed: { status: number; fault: string } | null): ApiResponse {
  return pageAnswer({
    title: 'Sign up',
    status: failed?.status ?? 200,
    main: html`<h1>Sign up</h1>
${faultLine(failed?.fault ?? null)}
<form method="post" action="/auth/sign_up">
${hiddenFields({ continue: continueOf(request) })}<label for="username">Handle</label>
<input id="username" name="username" value="${handleOf(request)}" maxlength="30" pattern="[A-Za-z0-9_]+" title="Letters, digits and underscores" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus>
<label for="password">Password, at least ${String(shortestPassword)} characters</label>
<input id="password" name="password" type="password" minlength="${String(shortestPassword)}" maxlength="${String(longestPassword)}" autocomplete="new-password" required>
<label class="check"><input type="checkbox" name="agreement" value="true" required> What I post in public can be read by anybody, and I keep to the rules of this server.</label>
<button type="submit">Sign up</button>
</form>`,
  });
}

function welcomePage(request: ApiRequest, handle: string): ApiResponse {
  const query = continueOf(request);
  // Only ever our own login page: the query cannot lead elsewhere.
  const next =
    query === null
      ? html`<a class="button" href="/">Go to Murmuration</a>`
      : html`<a class="button" href="/oauth/authorize?${query}">Log in</a>`;
  return pageAnswer({
    title: 'Welcome',
    main: html`<h1>Welcome, @${handle}</h1>
<p>Your account is there. Log in with your handle and your password.</p>
${next}`,
  });
}

function continueOf({ input }: ApiRequest): string | null {
  const query = readFilled(input, 'continue');
  return query !== null && query.length <= longestContinue && /^[!-~]*$/.test(query) ? query : null;
}

function handleOf({ input }: ApiRequest): string {
  return (readText(input, 'username') ?? '').slice(0, 100);
}
