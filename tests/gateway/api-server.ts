// The API in this process: a real HTTP server in front of a real core on a real store, without agents, links and child processes.
import pino from 'pino';
import { Registry } from 'prom-client';
import type { Answer, Ask, RequestKind } from '../../actors/messages.ts';
import type { CoreClient } from '../../cluster/core-client.ts';
import { createApi } from '../../gateway/api.ts';
import { createAuthenticator } from '../../gateway/authenticator.ts';
import { DeletedPosts } from '../../gateway/deleted-posts.ts';
import type { Endpoint } from '../../gateway/endpoint.ts';
import { createHttpServer, type HttpServer, type HttpSettings } from '../../gateway/http-server.ts';
import { readPage } from '../../gateway/page-files.ts';
import { type AccountId, partitionCount } from '../../runtime/account-id.ts';
import { openTestCore, type TestCore } from '../support/core.ts';
import { checkShape, checkViewer } from '../support/schema.ts';

export interface Reply {
  status: number;
  headers: Headers;
  /** Parsed when it is JSON, else the text. */
  body: unknown;
}

export interface Asking {
  token?: string;
  /** Sent as JSON, unless `type` says otherwise. */
  body?: unknown;
  type?: string;
  headers?: Record<string, string>;
  /** What the answer must be: `Status`, `Status[]`. Errors are always held against `Error`. */
  shape?: string;
  /** 200 unless told. */
  status?: number;
}

export interface Person {
  id: string;
  account: AccountId;
  handle: string;
  token: string;
}

export interface ApiServer {
  url: string;
  core: TestCore;
  http: HttpServer;
  registry: Registry;
  /** Asks, and checks status and shape. */
  ask(method: string, path: string, asking?: Asking): Promise<Reply>;
  /** The body alone. */
  json<T = Record<string, unknown>>(method: string, path: string, asking?: Asking): Promise<T>;
  /** An account with a token, and without a password. */
  person(handle: string, scopes?: string): Promise<Person>;
  /** An account with a password, and a token. */
  signedUp(handle: string): Promise<Person>;
  post(author: Person, status: string, fields?: Record<string, unknown>): Promise<Entity>;
  follow(follower: Person, followee: Person): Promise<void>;
  /** Cuts the link to the core, and mends it. */
  down(): void;
  up(): void;
  /** How often the core was asked, by kind. */
  calls: Map<RequestKind, number>;
  /** What the server logged as failed. */
  faults: string[];
  close(): Promise<void>;
}

/** As much of a JSON entity as tests look at. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into parsed JSON, and its shape has been checked.
export type Entity = any;

export const everyPartition: ReadonlySet<number> = new Set(Array.from({ length: partitionCount }).keys());

export const password = 'correct horse';

export interface ApiServerOptions {
  settings?: Partial<HttpSettings>;
  endpoints?: Endpoint[];
  pageFolder?: string | null;
  core?: Parameters<typeof openTestCore>[0];
}

export async function startApi(options: ApiServerOptions = {}): Promise<ApiServer> {
  const core = await openTestCore(options.core);
  const registry = new Registry();
  const calls = new Map<RequestKind, number>();
  const faults: string[] = [];
  let isUp = true;
  const deleted = new DeletedPosts();
  const client: CoreClient = {
    async call<K extends RequestKind>(kind: K, ask: Ask<K>, counted?: { limitKey: string }) {
      calls.set(kind, (calls.get(kind) ?? 0) + 1);
      if (!isUp)
        return { ok: false, rejection: { code: 'unavailable', message: 'The core cannot be reached' } };
      const { outcome, allowance } = await core.core.handle(kind, ask, core.gateway, counted ?? null);
      const answered = outcome.ok ? { ok: true as const, value: outcome.value as Answer<K> } : outcome;
      return allowance === undefined ? answered : { ...answered, allowance };
    },
    listen: () => {},
    covered: () => () => isUp,
    linked: () => () => isUp,
    get isUp() {
      return isUp;
    },
    close: async () => {},
  };
  const api = createApi({ client, deleted, metrics: registry });
  const authenticator = createAuthenticator({ client });
  core.gateway.sendChanged = (changed) => {
    deleted.add(changed.deleted ?? []);
    api.changed(changed);
    authenticator.changed(changed);
  };
  const http = createHttpServer({
    endpoints: [...api.endpoints, ...(options.endpoints ?? [])],
    client,
    authenticator,
    settings: {
      publicUrl: null,
      trustedProxy: false,
      rateLimit: { requests: 0, windowS: 300 },
      ...options.settings,
    },
    log: pino({ level: 'error' }, { write: (line: string) => faults.push(line) }),
    metrics: registry,
    pages: options.pageFolder == null ? [] : (await readPage(options.pageFolder)).endpoints,
  });
  const port = await http.listen(0, '127.0.0.1');
  const url = `http://127.0.0.1:${port}`;

  async function withToken(account: AccountId, handle: string, scopes: string): Promise<Person> {
    const { token } = await core.ask('createToken', { account, clientId: '', scopes });
    return { id: String(account), account, handle, token };
  }

  const server: ApiServer = {
    url,
    core,
    http,
    registry,
    calls,
    faults,
    async ask(method, path, { token, body, type, headers = {}, shape, status = 200 } = {}) {
      const answer = await fetch(url + path, {
        method,
        redirect: 'manual',
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': type ?? 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: type === undefined ? JSON.stringify(body) : (body as string) }),
      });
      const said = await answer.text();
      const isJson = (answer.headers.get('content-type') ?? '').startsWith('application/json');
      const reply = {
        status: answer.status,
        headers: answer.headers,
        body: isJson ? JSON.parse(said) : said,
      };
      if (answer.status !== status) {
        throw new Error(
          `${method} ${path}: ${answer.status} instead of ${status}: ${said} ${faults.join('')}`,
        );
      }
      if (answer.status >= 400) checkShape('Error', reply.body);
      else if (shape !== undefined) checkShape(shape, reply.body);
      if (isJson && answer.status < 400) checkViewer(reply.body, token !== undefined);
      return reply;
    },
    async json<T>(method: string, path: string, asking?: Asking) {
      return (await server.ask(method, path, asking)).body as T;
    },
    async person(handle, scopes = 'read write follow') {
      const [account] = await core.accounts(handle);
      if (account === undefined) throw new Error(`no account for ${handle}`);
      return withToken(account, handle, scopes);
    },
    async signedUp(handle) {
      const { account } = await core.ask('signUp', { handle, password, displayName: '', ip: '10.0.0.1' });
      return withToken(account, handle, 'read write follow');
    },
    post: (author, status, fields = {}) =>
      server.json('POST', '/api/v1/statuses', {
        token: author.token,
        body: { status, ...fields },
        shape: 'Status',
      }),
    async follow(follower, followee) {
      await server.ask('POST', `/api/v1/accounts/${followee.id}/follow`, {
        token: follower.token,
        shape: 'Relationship',
      });
    },
    down() {
      isUp = false;
      api.lost(everyPartition);
      authenticator.lost(everyPartition);
    },
    up() {
      isUp = true;
    },
    async close() {
      http.close();
      await core.close();
    },
  };
  return server;
}
