// The programs as they run, and kill -9 while posts flow: a killed core is a pause for sockets, a killed gateway a reconnect.
import { afterEach, expect, test } from 'vitest';
import { follow, postSafely, signUp } from '../support/people.ts';
import { type Server, startServer } from '../support/server.ts';
import { until } from '../support/until.ts';
import { openStream, type StreamClient } from './stream-client.ts';

let server: Server | null = null;

afterEach(async () => {
  const ending = server;
  // No stream is opened again from here on.
  server = null;
  await ending?.stop();
});

test('while core and gateway are killed, everybody who follows gets every acknowledged post once, in order', async () => {
  const running = await startServer({ args: ['--rate-limit', '0'] });
  server = running;
  const { url } = running;
  const [ann, ben] = await Promise.all([signUp(url, 'ann'), signUp(url, 'ben')]);
  await follow(url, ben, ann);

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
      if (received.length === 0) await postSafely(url, ann, 'are you there?', 30_000);
      return received.length > 0;
    },
    { everyMs: 100, what: 'the stream to be live' },
  );
  const posted: string[] = [];
  for (let round = 0; round < 60; round++) {
    posted.push(await postSafely(url, ann, `round ${round}`, 30_000));
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
  const ann = await signUp(url, 'ann');
  const client = await openStream({
    url: url.replace('http', 'ws'),
    query: `?stream=user&access_token=${ann.token}`,
  });
  const gateways = running.gatewayPids();
  for (const pid of gateways) process.kill(pid, 'SIGINT');
  process.kill(running.agentPid(), 'SIGKILL');
  const id = await until(
    async () => {
      const posted = await postSafely(url, ann, 'still here', 30_000);
      return client.frames.some(({ payload }) => payload?.includes(posted)) ? posted : null;
    },
    { everyMs: 100, what: 'a post to come by the same socket' },
  );
  expect(id).toBeTruthy();
  expect(client.closed()).toBeNull();
  for (const pid of gateways) expect(() => process.kill(pid, 0)).not.toThrow();
});
