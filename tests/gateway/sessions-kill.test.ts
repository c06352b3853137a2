// The programs as they run, and kill -9 while posts flow: a killed core is a pause for sockets, a killed gateway a reconnect.
import { randomUUID } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { type Server, startServer } from '../support/server.ts';
import { until } from '../support/until.ts';
import { openStream, type StreamClient } from './stream-client.ts';

let server: Server | null = null;

afterEach(async () => {
  await server?.stop();
  server = null;
});

interface Person {
  id: string;
  token: string;
}

async function json(answer: Response): Promise<Record<string, string>> {
  return (await answer.json()) as Record<string, string>;
}

async function call(
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

/** By the way that a client without an account takes: an app, a token of the app, a sign-up. */
async function signUp({ url }: Server, username: string): Promise<Person> {
  const registration = {
    client_name: 'test',
    redirect_uris: 'urn:ietf:wg:oauth:2.0:oob',
    scopes: 'read write',
  };
  const { client_id, client_secret } = await json(await call(`${url}/api/v1/apps`, '', registration));
  const grant = { grant_type: 'client_credentials', scope: 'read write', client_id, client_secret };
  const { access_token = '' } = await json(await call(`${url}/oauth/token`, '', grant));
  const person = { username, password: 'correct horse', agreement: true, locale: 'en' };
  const { access_token: token = '' } = await json(await call(`${url}/api/v1/accounts`, access_token, person));
  const headers = { authorization: `Bearer ${token}` };
  const { id = '' } = await json(await fetch(`${url}/api/v1/accounts/verify_credentials`, { headers }));
  return { id, token };
}

/** Posts until the server says that it is safe: the same key, however often it takes. */
async function postSafely(url: string, { token }: Person, status: string): Promise<string> {
  const key = randomUUID();
  return until(
    async () => {
      const answer = await call(`${url}/api/v1/statuses`, token, { status }, { 'idempotency-key': key });
      return answer.status === 200 ? String((await json(answer))['id']) : null;
    },
    { withinMs: 30_000, everyMs: 50, what: `the post ${status} to be taken` },
  );
}

test('while core and gateway are killed, everybody who follows gets every acknowledged post once, in order', async () => {
  const running = await startServer({ args: ['--rate-limit', '0'] });
  server = running;
  const { url } = running;
  const [ann, ben] = await Promise.all([signUp(running, 'ann'), signUp(running, 'ben')]);
  await call(`${url}/api/v1/accounts/${ann.id}/follow`, ben.token, {});

  const received: string[] = [];
  let cursor = '';
  let opened = 0;
  const open = async (): Promise<StreamClient> => {
    const since = cursor === '' ? '' : `&since=${cursor}`;
    const client = await until(
      () =>
        openStream({
          url: url.replace('http', 'ws'),
          query: `?stream=user&access_token=${ben.token}${since}`,
        }),
      { withinMs: 30_000, what: 'the stream to open' },
    );
    opened++;
    client.socket.on('message', () => {
      for (const frame of client.frames.splice(0)) {
        cursor = frame.cursor ?? cursor;
        if (frame.event === 'update') received.push(JSON.parse(frame.payload ?? '').id);
      }
    });
    client.socket.on('close', () => {
      if (server !== null) void open();
    });
    return client;
  };
  await open();
  await until(
    async () => {
      if (received.length === 0) await postSafely(url, ann, 'are you there?');
      return received.length > 0;
    },
    { everyMs: 100, what: 'the stream to be live' },
  );
  const posted: string[] = [];
  for (let round = 0; round < 60; round++) {
    posted.push(await postSafely(url, ann, `round ${round}`));
    if (round === 15 || round === 45) process.kill(running.corePid(), 'SIGKILL');
    if (round === 30) {
      // The socket has outlived the core.
      expect(opened).toBe(1);
      for (const pid of running.gatewayPids()) process.kill(pid, 'SIGKILL');
    }
  }
  await until(() => posted.every((id) => received.includes(id)), {
    withinMs: 20_000,
    what: 'every acknowledged post',
  });
  expect(opened).toBe(2);
  const once = [...new Set(received)].filter((id) => posted.includes(id));
  expect(once).toEqual(posted);
}, 120_000);

test('a gateway outlives Ctrl-C and the death of its agent, with its sockets', async () => {
  const running = await startServer();
  server = running;
  const { url } = running;
  const ann = await signUp(running, 'ann');
  const client = await openStream({
    url: url.replace('http', 'ws'),
    query: `?stream=user&access_token=${ann.token}`,
  });
  const gateways = running.gatewayPids();
  for (const pid of gateways) process.kill(pid, 'SIGINT');
  process.kill(running.agentPid(), 'SIGKILL');
  const id = await until(
    async () => {
      const posted = await postSafely(url, ann, 'still here');
      return client.frames.some(({ payload }) => payload?.includes(posted)) ? posted : null;
    },
    { everyMs: 100, what: 'a post to come by the same socket' },
  );
  expect(id).toBeTruthy();
  expect(client.closed()).toBeNull();
  for (const pid of gateways) expect(() => process.kill(pid, 0)).not.toThrow();
});
