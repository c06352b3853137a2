// How clients ask: one HTTP request with its deed and its answer put on record, or one asked again until it is done.
import { setTimeout as sleep } from 'node:timers/promises';
import { accountIdOf } from '../../runtime/handle.ts';
import type { Random } from '../simulation/random.ts';
import {
  type Answer,
  type Asked,
  type ClientRecord,
  type Deed,
  type Got,
  nowMs,
  type Shown,
} from './record.ts';

export interface Gateway {
  name: string;
  url: string;
}

export interface Account {
  handle: string;
  id: string;
  token: string;
}

/** Longer than any bound the server keeps: what takes longer hangs. */
export const answerTimeoutMs = 25_000;
/** Longer than any fault lasts, with what it takes to be well again. */
const patienceMs = 120_000;
const pageLimit = 40;
/** What a request on a connection comes to that the other side has just ended. */
const endings: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);
const atOnceMs = 50;

export interface AskerOptions {
  record: ClientRecord;
  gateways: readonly Gateway[];
  /** Knows everybody by handle. */
  people: Map<string, Account>;
}

export class Asker {
  readonly gateways: readonly Gateway[];
  readonly people: Map<string, Account>;
  readonly record: ClientRecord;
  /** Of the app that signs people up. */
  appToken = '';

  constructor({ record, gateways, people }: AskerOptions) {
    this.record = record;
    this.gateways = gateways;
    this.people = people;
  }

  person(handle: string): Account {
    const person = this.people.get(handle);
    if (person === undefined) throw new Error(`nobody is called ${handle}`);
    return person;
  }

  /** Once. */
  async ask(who: string, gateway: Gateway, deed: Deed, token = this.person(who).token): Promise<Asked> {
    const beganMs = nowMs();
    const answer = await this.#answerTo(gateway, deed, token);
    const asked: Asked = { kind: 'asked', who, via: gateway.name, beganMs, endedMs: nowMs(), deed, answer };
    this.record.add(asked);
    return asked;
  }

  /** Once. Null: the name is somebody else's, or nobody knows. */
  async signUp(handle: string, gateway: Gateway): Promise<Account | null> {
    return this.#joined(handle, await this.ask(handle, gateway, { do: 'signUp', handle }, this.appToken));
  }

  /** Until it is done. Throws when the name is somebody else's, or patience was over. */
  async signUpAtLast(handle: string, random: Random): Promise<Account> {
    const asked = await this.persist(handle, { do: 'signUp', handle }, random, this.appToken);
    const account = this.#joined(handle, asked);
    if (account === null) throw new Error(`${handle} could not sign up: ${JSON.stringify(asked?.answer)}`);
    return account;
  }

  #joined(handle: string, asked: Asked | null): Account | null {
    if (asked?.answer.kind !== 'done' || asked.answer.got.kind !== 'token') return null;
    const account = { handle, id: String(accountIdOf(handle)), token: asked.answer.got.token };
    this.people.set(handle, account);
    return account;
  }

  /** Through one gateway after the other until it is done or refused for good. Null: patience was over first. */
  async persist(who: string, deed: Deed, random: Random, token?: string): Promise<Asked | null> {
    const sinceMs = nowMs();
    for (;;) {
      const asked = await this.ask(who, random.pick(this.gateways), deed, token);
      if (asked.answer.kind === 'done') return asked;
      if (asked.answer.kind === 'refused' && asked.answer.status < 500) return asked;
      if (nowMs() - sinceMs > patienceMs) {
        this.record.add({ kind: 'gaveUp', atMs: nowMs(), who, sinceMs, deed });
        return null;
      }
      await sleep(random.between(50, 300));
    }
  }

  /** A whole timeline, at the end: every page of it, asked again where that is needed. */
  async whole(who: string, gateway: Gateway, path: string): Promise<Shown[]> {
    const all: Shown[] = [];
    for (let next: string | null = `${path}?limit=${pageLimit}`; next !== null; ) {
      const response: Response = await this.read(who, gateway, next);
      all.push(...this.#shownIn(await response.json()));
      next = nextOf(response);
    }
    return all;
  }

  /** What is read at the end must be there to be read: a few tries, then it throws. */
  async read(who: string, gateway: Gateway, path: string): Promise<Response> {
    let last: unknown;
    for (let tries = 0; tries < 20; tries++) {
      try {
        const response = await this.#fetch(gateway, path, this.person(who).token);
        if (response.ok) return response;
        last = `${response.status} ${await response.text()}`;
      } catch (error) {
        last = error;
      }
      await sleep(500);
    }
    throw new Error(`${gateway.name} does not answer ${path} when all is well again: ${String(last)}`);
  }

  async #answerTo(gateway: Gateway, deed: Deed, token: string): Promise<Answer> {
    const { path, ...init } = this.#requestFor(deed);
    try {
      const response = await this.#fetch(gateway, path, token, init);
      const text = await response.text();
      if (!response.ok) return { kind: 'refused', status: response.status, reason: reasonIn(text) };
      return this.#doneWith(deed, response, text);
    } catch (error) {
      return { kind: 'none', why: whyOf(error) };
    }
  }

  /**
   * A read on a connection that was kept, and ends in that moment, is asked for once more, as browsers do (RFC 9112, 9.3.1): whoever closes an
   * idle connection cannot know that a request is on its way.
   */
  async #fetch(gateway: Gateway, path: string, token: string, init: RequestInit = {}): Promise<Response> {
    const beganMs = performance.now();
    try {
      return await this.#fetchOnce(gateway, path, token, init);
    } catch (error) {
      const isAtOnce = performance.now() - beganMs < atOnceMs;
      if (init.method !== undefined || !isAtOnce || !endings.has(whyOf(error))) throw error;
      return await this.#fetchOnce(gateway, path, token, init);
    }
  }

  async #fetchOnce(gateway: Gateway, path: string, token: string, init: RequestInit): Promise<Response> {
    return await fetch(`${gateway.url}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...init.headers },
      signal: AbortSignal.timeout(answerTimeoutMs),
    });
  }

  #requestFor(deed: Deed): RequestInit & { path: string } {
    const post = (path: string, body: object = {}) => ({ path, method: 'POST', body: JSON.stringify(body) });
    switch (deed.do) {
      case 'signUp':
        return post('/api/v1/accounts', {
          username: deed.handle,
          email: `${deed.handle}@example.org`,
          password: 'correct horse',
          agreement: true,
          locale: 'en',
        });
      case 'post':
        return {
          ...post('/api/v1/statuses', { status: `key ${deed.key}` }),
          headers: { 'idempotency-key': deed.key },
        };
      case 'delete':
        return { path: `/api/v1/statuses/${deed.id}`, method: 'DELETE' };
      case 'follow':
      case 'unfollow':
      case 'block':
      case 'unblock':
        return post(`/api/v1/accounts/${this.person(deed.target).id}/${deed.do}`);
      case 'readHome':
        return { path: `/api/v1/timelines/home?limit=${pageLimit}` };
      case 'readAuthor':
        return { path: `/api/v1/accounts/${this.person(deed.target).id}/statuses?limit=${pageLimit}` };
      case 'readStatus':
        return { path: `/api/v1/statuses/${deed.id}` };
      case 'readRelation':
        return { path: `/api/v1/accounts/relationships?id[]=${this.person(deed.target).id}` };
    }
  }

  /** What is no answer to the question is put down as a refusal with a status that no refusal has. */
  #doneWith(deed: Deed, response: Response, text: string): Answer {
    try {
      return { kind: 'done', got: this.#gotFrom(deed, response, JSON.parse(text)) };
    } catch (error) {
      return { kind: 'refused', status: response.status, reason: `not an answer: ${String(error)}` };
    }
  }

  #gotFrom(deed: Deed, response: Response, body: unknown): Got {
    switch (deed.do) {
      case 'signUp':
        return { kind: 'token', token: textIn(body, 'access_token') };
      case 'post':
        return { kind: 'post', id: textIn(body, 'id'), createdMs: Date.parse(textIn(body, 'created_at')) };
      case 'delete':
      case 'readStatus':
        return { kind: 'nothing' };
      case 'follow':
      case 'unfollow':
      case 'block':
      case 'unblock':
        return relationIn(body);
      case 'readRelation':
        return relationIn(Array.isArray(body) ? body[0] : null);
      case 'readHome':
      case 'readAuthor': {
        const through = response.headers.get('x-complete-through');
        const throughMs = through === null ? null : Date.parse(through);
        const hasMore = nextOf(response) !== null;
        return { kind: 'page', page: { posts: this.#shownIn(body), hasMore, throughMs } };
      }
    }
  }

  #shownIn(body: unknown): Shown[] {
    if (!Array.isArray(body)) throw new Error('a page that is no list');
    return body.map((status) => this.record.shown(shownOf(status)));
  }
}

/** A post as the API gives it. */
export function shownOf(status: unknown): Shown {
  const key = /key ([0-9a-z-]+)/.exec(textIn(status, 'content'))?.[1] ?? '';
  return { id: textIn(status, 'id'), author: textIn(fieldOf(status, 'account'), 'username'), key };
}

export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

export function textIn(value: unknown, name: string): string {
  const field = fieldOf(value, name);
  if (typeof field !== 'string') throw new Error(`an answer without ${name}`);
  return field;
}

function relationIn(body: unknown): Got {
  return {
    kind: 'relation',
    following: fieldOf(body, 'following') === true,
    blocking: fieldOf(body, 'blocking') === true,
  };
}

function nextOf(response: Response): string | null {
  const link = /<([^>]+)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
  return link === undefined ? null : link.slice(new URL(link).origin.length);
}

function reasonIn(text: string): string {
  try {
    return textIn(JSON.parse(text), 'error');
  } catch {
    return '';
  }
}

function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = fieldOf(error.cause, 'code');
  return typeof code === 'string' ? code : `${error.name}: ${error.message}`;
}
