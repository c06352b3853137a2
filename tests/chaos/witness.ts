// Clients of a server that is being killed: they post, follow and watch, keep their own record of what was acknowledged, and
// compare it with what the server says afterwards.
import { randomBytes } from 'node:crypto';
import WebSocket from 'ws';
import { until } from '../support/until.ts';

/** How long a client keeps asking for one thing: the server is being killed all the time. */
const patienceMs = 60_000;

export interface Person {
  handle: string;
  token: string;
  id: string;
}

/** One request, asked again until the server has an answer other than "not now". Safe for writes: they carry a key or are idempotent. */
export async function ask(
  url: string,
  path: string,
  person: Person,
  init: RequestInit = {},
): Promise<Response> {
  return await until(
    async () => {
      const response = await fetch(`${url}${path}`, {
        ...init,
        headers: { authorization: `Bearer ${person.token}`, ...init.headers },
        signal: AbortSignal.timeout(10_000),
      });
      if (response.status < 500) return response;
      await response.body?.cancel();
      return null;
    },
    { withinMs: patienceMs, everyMs: 20, what: `an answer to ${init.method ?? 'GET'} ${path}` },
  );
}

export async function askJson<T>(
  url: string,
  path: string,
  person: Person,
  init: RequestInit = {},
): Promise<T> {
  const response = await ask(url, path, person, init);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

export interface Acknowledged {
  key: string;
  id: string;
  author: string;
}

/** What the clients of one run were told. */
export class Record {
  readonly posts: Acknowledged[] = [];
  /** `follower followee` -> whether the follow is on, as last acknowledged. */
  readonly follows = new Map<string, boolean>();
}

/** Posts until told to stop; every post has a key of its own, named in its text. */
export async function writePosts(
  url: string,
  person: Person,
  record: Record,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    const key = randomBytes(8).toString('hex');
    const status = await askJson<{ id: string }>(url, '/api/v1/statuses', person, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ status: `key ${key} by ${person.handle}` }),
    });
    record.posts.push({ key, id: status.id, author: person.handle });
  }
}

/** Follows and unfollows one person in turn. */
export async function turnFollow(
  url: string,
  person: Person,
  other: Person,
  record: Record,
  isOver: () => boolean,
): Promise<void> {
  for (let isOn = true; !isOver(); isOn = !isOn) {
    const done: { following: boolean } = await askJson<{ following: boolean }>(
      url,
      `/api/v1/accounts/${other.id}/${isOn ? 'follow' : 'unfollow'}`,
      person,
      { method: 'POST' },
    );
    if (done.following !== isOn) throw new Error(`${person.handle} was told following: ${done.following}`);
    record.follows.set(`${person.handle} ${other.handle}`, isOn);
  }
}

interface Frame {
  event: string;
  payload: string;
  cursor?: string;
}

/** Watches a user's stream, connects again with the last cursor whenever the socket drops, and keeps what it was sent. */
export class Watcher {
  /** Status ids in the order in which they came, doubles included. */
  readonly received: { id: string; author: string }[] = [];
  resyncs = 0;
  drops = 0;
  #cursor: string | null = null;
  #socket: WebSocket | null = null;
  #isClosed = false;
  readonly #url: string;
  readonly #person: Person;

  constructor(url: string, person: Person) {
    this.#url = url.replace('http', 'ws');
    this.#person = person;
    this.#connect();
  }

  get isOpen(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  #connect(): void {
    if (this.#isClosed) return;
    const since = this.#cursor === null ? '' : `&since=${this.#cursor}`;
    const socket = new WebSocket(`${this.#url}/api/v1/streaming?stream=user${since}`, {
      headers: { authorization: `Bearer ${this.#person.token}` },
      perMessageDeflate: false,
    });
    this.#socket = socket;
    socket.on('message', (data) => this.#take(JSON.parse(String(data)) as Frame));
    socket.on('error', () => {});
    socket.once('close', () => {
      this.drops++;
      // As clients do: again, a little later.
      setTimeout(() => this.#connect(), 20);
    });
  }

  #take(frame: Frame): void {
    if (frame.cursor !== undefined) this.#cursor = frame.cursor;
    if (frame.event === 'resync') this.resyncs++;
    if (frame.event !== 'update') return;
    const status = JSON.parse(frame.payload) as { id: string; account: { username: string } };
    this.received.push({ id: status.id, author: status.account.username });
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.terminate();
  }
}

/** All ids of a timeline, page by page through `Link`, newest first. */
export async function wholeTimeline(
  url: string,
  path: string,
  person: Person,
): Promise<{ id: string; content: string }[]> {
  const all: { id: string; content: string }[] = [];
  let next: string | null = `${path}${path.includes('?') ? '&' : '?'}limit=40`;
  while (next !== null) {
    const response: Response = await ask(url, next, person);
    if (!response.ok) throw new Error(`${next}: ${response.status}`);
    all.push(...((await response.json()) as typeof all));
    const link: string | undefined = /<([^>]+)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
    next = link === undefined ? null : link.slice(new URL(link).origin.length);
  }
  return all;
}
