// A server for clients that nobody here wrote, and people on it. What a client does with them is the tests' part.
import { type Server, type ServerOptions, startServer } from '../support/server.ts';
import { until } from '../support/until.ts';

export interface Person {
  handle: string;
  password: string;
  id: string;
  /** Of an app of the scene's own: scopes `read write follow`. */
  token: string;
}

export interface Scene {
  server: Server;
  url: string;
  /** `ws://127.0.0.1:PORT` */
  socketUrl: string;
  /** Signs somebody up. Handles are given out once. */
  person(handle: string): Promise<Person>;
  people(...handles: string[]): Promise<Person[]>;
  /** Posts and follows without a client, where they are not what is tried. */
  post(author: Person, status: string, fields?: Record<string, unknown>): Promise<{ id: string }>;
  follow(follower: Person, followee: Person): Promise<void>;
  /** Opens something that listens to a user's stream, and waits until the core knows: what is posted before that is not sent. */
  attached<T>(open: () => T | Promise<T>): Promise<T>;
  /** Waits until no session is left, so that the next `attached` counts its own. */
  deserted(): Promise<void>;
  close(): Promise<void>;
}

export const password = 'correct horse battery';

export async function openScene(options: Pick<ServerOptions, 'env'> = {}): Promise<Scene> {
  const server = await startServer({
    ...options,
    args: ['--rate-limit', '0', '--sign-ups', '0', '--log-level', 'warn'],
  });
  const { url } = server;

  async function ask<T>(method: string, path: string, body?: unknown, token?: string): Promise<T> {
    const answer = await fetch(url + path, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const said = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${said}`);
    return JSON.parse(said) as T;
  }

  const scopes = 'read write follow';
  const app = await ask<{ client_id: string; client_secret: string }>('POST', '/api/v1/apps', {
    client_name: 'scene',
    redirect_uris: 'urn:ietf:wg:oauth:2.0:oob',
    scopes,
  });
  const own = await ask<{ access_token: string }>('POST', '/oauth/token', {
    grant_type: 'client_credentials',
    client_id: app.client_id,
    client_secret: app.client_secret,
    scope: scopes,
  });

  async function sessions(): Promise<number> {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    return Number(/^murmuration_sessions\{[^}]*\} (\d+)$/m.exec(metrics)?.[1]);
  }

  const scene: Scene = {
    server,
    url,
    socketUrl: url.replace('http', 'ws'),
    async person(handle) {
      const asked = {
        username: handle,
        password,
        email: `${handle}@example.org`,
        agreement: true,
        locale: 'en',
      };
      const { access_token: token } = await ask<{ access_token: string }>(
        'POST',
        '/api/v1/accounts',
        asked,
        own.access_token,
      );
      const { id } = await ask<{ id: string }>(
        'GET',
        '/api/v1/accounts/verify_credentials',
        undefined,
        token,
      );
      return { handle, password, id, token };
    },
    people: (...handles) => Promise.all(handles.map((handle) => scene.person(handle))),
    post: (author, status, fields = {}) =>
      ask('POST', '/api/v1/statuses', { status, ...fields }, author.token),
    async follow(follower, followee) {
      await ask('POST', `/api/v1/accounts/${followee.id}/follow`, undefined, follower.token);
    },
    async attached(open) {
      const before = await sessions();
      const opened = await open();
      await until(async () => (await sessions()) > before, {
        withinMs: 60_000,
        what: 'the stream to be attached',
      });
      return opened;
    },
    async deserted() {
      await until(async () => (await sessions()) === 0, {
        withinMs: 60_000,
        what: 'the last session to leave',
      });
    },
    close: () => server.stop(),
  };
  return scene;
}
