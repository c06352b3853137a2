// People of a running server, by the way that a client without an account takes; and posts that are safe once this says so.
import { randomUUID } from 'node:crypto';
import { until } from './until.ts';

export interface SignedUp {
  id: string;
  token: string;
}

export async function callJson(
  url: string,
  token: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

export async function signUp(url: string, username: string): Promise<SignedUp> {
  const registration = {
    client_name: 'test',
    redirect_uris: 'urn:ietf:wg:oauth:2.0:oob',
    scopes: 'read write',
  };
  const { client_id, client_secret } = await fields(await callJson(`${url}/api/v1/apps`, '', registration));
  const grant = { grant_type: 'client_credentials', scope: 'read write', client_id, client_secret };
  const { access_token = '' } = await fields(await callJson(`${url}/oauth/token`, '', grant));
  const person = { username, password: 'correct horse', agreement: true, locale: 'en' };
  const { access_token: token = '' } = await fields(
    await callJson(`${url}/api/v1/accounts`, access_token, person),
  );
  const headers = { authorization: `Bearer ${token}` };
  const { id = '' } = await fields(await fetch(`${url}/api/v1/accounts/verify_credentials`, { headers }));
  return { id, token };
}

export async function follow(url: string, follower: SignedUp, followee: SignedUp): Promise<void> {
  const answer = await callJson(`${url}/api/v1/accounts/${followee.id}/follow`, follower.token, {});
  if (answer.status !== 200) throw new Error(`following: ${answer.status}`);
}

/** The same key, however often it takes: gives back the id when the server says that it is safe. */
export function postSafely(
  url: string,
  { token }: SignedUp,
  status: string,
  withinMs = 60_000,
): Promise<string> {
  const key = randomUUID();
  return until(
    async () => {
      const answer = await callJson(`${url}/api/v1/statuses`, token, { status }, { 'idempotency-key': key });
      return answer.status === 200 ? String((await fields(answer))['id']) : null;
    },
    { withinMs, everyMs: 50, what: `the post ${status} to be taken` },
  );
}

/** Ids of the newest posts that somebody has made, newest first: all pages of them. */
export async function postsOf(url: string, { id, token }: SignedUp): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const below = ids.at(-1);
    const query = `limit=40${below === undefined ? '' : `&max_id=${below}`}`;
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${url}/api/v1/accounts/${id}/statuses?${query}`, { headers });
    const page = (await answer.json()) as { id: string }[];
    ids.push(...page.map((status) => status.id));
    if (page.length < 40) return ids;
  }
}

async function fields(answer: Response): Promise<Record<string, string>> {
  return (await answer.json()) as Record<string, string>;
}
