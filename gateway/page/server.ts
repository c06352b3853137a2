// The one way to ask the server something: a request in, a reply out, tried again where that is safe. What can be asked is api.ts's.
import { backOffMs } from './back-off.ts';
import { olderPage } from './page-link.ts';
import { Misshapen, type Shape } from './shape.ts';
import { token } from './token.ts';

export interface Request<T> {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly body?: object;
  /** What the answer must look like. */
  readonly answer: Shape<T>;
  /** Another token than that of the session; null for none. */
  readonly token?: string | null;
  /** Makes a post that is sent again the same post. */
  readonly idempotencyKey?: string;
  /** How often to try in all while the server cannot be reached. One, where a second time would be a second deed. */
  readonly tries?: number;
  /** Told before each wait. */
  readonly onRetry?: () => void;
}

export type Refusal =
  | { readonly kind: 'refused'; readonly status: number; readonly words: string }
  | { readonly kind: 'unreachable'; readonly words: string };

export type Reply<T> = { readonly kind: 'done'; readonly value: T; readonly older: string | null } | Refusal;

const timeoutMs = 15_000;
const retryBackOff = { firstMs: 400, mostMs: 5_000 };
const usualTries = 5;

/** Never throws: whatever goes wrong is a reply, with words for whoever waits. */
export async function ask<T>(request: Request<T>): Promise<Reply<T>> {
  const tries = request.tries ?? usualTries;
  for (let failures = 1; ; failures++) {
    const reply = await askOnce(request);
    if (!mayPass(reply) || failures >= tries) return reply;
    request.onRetry?.();
    await new Promise((resume) => setTimeout(resume, backOffMs(retryBackOff, failures, Math.random())));
  }
}

/** A server that restarts, or is not there for a moment, is worth another try. Any other refusal is its answer. */
export function mayPass(reply: Reply<unknown>): boolean {
  return reply.kind === 'unreachable' || (reply.kind === 'refused' && [502, 503, 504].includes(reply.status));
}

async function askOnce<T>(request: Request<T>): Promise<Reply<T>> {
  const bearer = request.token === undefined ? token.get() : request.token;
  let response: Response;
  let text: string;
  try {
    response = await fetch(request.path + queryOf(request.query), {
      method: request.method ?? 'GET',
      headers: headersOf(request, bearer),
      credentials: 'omit',
      signal: AbortSignal.timeout(timeoutMs),
      ...(request.body ? { body: JSON.stringify(request.body) } : {}),
    });
    text = await response.text();
  } catch {
    return { kind: 'unreachable', words: 'The server cannot be reached. Check your connection.' };
  }
  if (!response.ok) {
    // The session ended elsewhere: logged out, password changed, account deleted.
    if (response.status === 401 && bearer !== null && bearer === token.get()) token.set(null);
    return { kind: 'refused', status: response.status, words: wordsOf(text) ?? usualWords(response.status) };
  }
  try {
    const value = request.answer(text === '' ? null : JSON.parse(text), '');
    return { kind: 'done', value, older: olderPage(response.headers.get('Link')) };
  } catch (error) {
    const why = error instanceof Misshapen ? `: ${error.message}` : '';
    return { kind: 'refused', status: response.status, words: `The server’s answer makes no sense${why}.` };
  }
}

function headersOf(request: Request<unknown>, bearer: string | null): Record<string, string> {
  return {
    Accept: 'application/json',
    ...(request.body ? { 'Content-Type': 'application/json' } : {}),
    ...(bearer === null ? {} : { Authorization: `Bearer ${bearer}` }),
    ...(request.idempotencyKey === undefined ? {} : { 'Idempotency-Key': request.idempotencyKey }),
  };
}

function queryOf(query: Request<unknown>['query']): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (typeof value === 'string') pairs.append(name, value);
    else for (const entry of value ?? []) pairs.append(`${name}[]`, entry);
  }
  const text = pairs.toString();
  return text && `?${text}`;
}

/** The server's own words are the best there are. */
function wordsOf(text: string): string | null {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== 'object' || body === null) return null;
    const { error, error_description } = { error: null, error_description: null, ...body };
    if (typeof error_description === 'string') return error_description;
    return typeof error === 'string' ? error : null;
  } catch {
    return null;
  }
}

function usualWords(status: number): string {
  if (status === 404) return 'There is nothing here.';
  if (status === 429) return 'That was a lot at once. Wait a few minutes, then try again.';
  if (status >= 500) return 'The server has trouble at the moment. Try again soon.';
  return `The server refused (${status}).`;
}
