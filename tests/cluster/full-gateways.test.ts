// Many gateways on one port, as real processes with room for a few connections each: full ones, the last one, one that crashes.
import { request } from 'node:http';
import { expect, onTestFinished, test, vi } from 'vitest';
import { listenersOn } from '../../gateway/http-listener.ts';
import { openStream, RefusedError, type StreamClient } from '../gateway/stream-client.ts';
import { heardBy } from '../support/live-posts.ts';
import { postSafely, signUp } from '../support/people.ts';
import { type Server, startServer } from '../support/server.ts';
import { until } from '../support/until.ts';

vi.setConfig({ testTimeout: 240_000 });

const most = 12;

async function start(args: string[]): Promise<Server> {
  const server = await startServer({ gateways: 3, args: ['--rate-limit', '0', ...args] });
  onTestFinished(() => server.stop());
  return server;
}

interface Tries {
  streams: StreamClient[];
  /** Refused with 503. */
  refused: number;
  /** Anything else that went wrong: a reset above all. */
  faults: unknown[];
}

/** A wave of connections at once. */
async function tryStreams(server: Server, token: string, wave: number): Promise<Tries> {
  const tries: Tries = { streams: [], refused: 0, faults: [] };
  const query = `?stream=user&access_token=${token}&since=`;
  await Promise.all(
    Array.from({ length: wave }, async () => {
      try {
        const stream = await openStream({ url: server.url.replace('http', 'ws'), query });
        onTestFinished(() => stream.kill());
        tries.streams.push(stream);
      } catch (error) {
        if (error instanceof RefusedError && error.status === 503) tries.refused++;
        else tries.faults.push(error);
      }
    }),
  );
  return tries;
}

interface Answered {
  status: number;
  retryAfter: string | undefined;
  connection: string | undefined;
}

/** On a connection of its own, which the client would keep. */
function ask(server: Server, path: string, headers: Record<string, string> = {}): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const kept = { connection: 'keep-alive', ...headers };
    const asking = request(server.url + path, { agent: false, headers: kept }, (response) => {
      const { statusCode = 0, headers: said } = response;
      response.resume();
      response.on('end', () =>
        resolve({ status: statusCode, retryAfter: said['retry-after'], connection: said.connection }),
      );
    });
    asking.on('error', reject);
    asking.end();
  });
}

/** Of each gateway, by a metric. */
async function perGateway(server: Server, name: string): Promise<number[]> {
  const text = await (await fetch(`${server.url}/metrics`, { headers: { connection: 'close' } })).text();
  return [0, 1, 2].map((index) => {
    const lines = text.matchAll(new RegExp(`^${name}\\{(.*)\\} (\\d+)$`, 'gm'));
    return [...lines]
      .filter(([, labels = '']) => labels.includes(`process="gateway-${index}"`))
      .reduce((sum, [, , value]) => sum + Number(value), 0);
  });
}

test('full gateways leave accepting to the others without a reset; the last one stays and says 503; all come back when there is room', async () => {
  const server = await start(['--most-connections', String(most)]);
  const { token } = await signUp(server.url, 'crowd');
  const held: StreamClient[] = [];
  let refused = 0;
  // Until streams have all the room, and the two others are away: idle connections of who signed up end within 10 s.
  await until(
    async () => {
      const wave = await tryStreams(server, token, 6);
      expect(wave.faults).toEqual([]);
      held.push(...wave.streams);
      refused += wave.refused;
      const streams = await perGateway(server, 'murmuration_connections');
      return refused >= 6 && streams.every((each) => each >= most) && listenersOn(server.port).length === 1;
    },
    { withinMs: 60_000, everyMs: 100, what: 'all being full' },
  );
  // A gateway that is busy is left out of what one answer says.
  await until(
    async () => {
      const sockets = await perGateway(server, 'murmuration_connections');
      return sockets.reduce((sum, each) => sum + each, 0) === held.length;
    },
    { what: 'that as many are counted as are held' },
  );
  // Beyond what they may, only what had been accepted when they left.
  expect(held.length).toBeLessThanOrEqual(3 * most + 2 * 8);
  await until(
    async () => (await perGateway(server, 'murmuration_connections_most')).every((each) => each === most),
    { what: 'that each says how many it holds' },
  );

  const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
  const key = { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };
  const socket = await ask(server, `/api/v1/streaming?access_token=${token}`, { ...upgrade, ...key });
  const events = await ask(server, '/api/v1/streaming/user', { authorization: `Bearer ${token}` });
  for (const each of [socket, events]) {
    expect(each).toMatchObject({ status: 503, connection: 'close' });
    expect(Number(each.retryAfter)).toBeGreaterThan(0);
  }
  // What is asked besides by those who are held is answered, and holds no room.
  expect(await ask(server, '/api/v1/instance')).toMatchObject({ status: 200, connection: 'close' });
  expect(held.filter((stream) => stream.closed() !== null)).toEqual([]);

  for (const stream of held.splice(3)) stream.kill();
  await until(() => listenersOn(server.port).length === 3, { what: 'all listening again' });
  const again = await tryStreams(server, token, most);
  expect(again).toMatchObject({ refused: 0, faults: [] });
});

test('the last one at a port that is full and crashes leaves nobody outside: one that was away listens again', async () => {
  const server = await start(['--most-connections', '4']);
  const { token } = await signUp(server.url, 'crowd');
  await until(
    async () => {
      const { streams, faults } = await tryStreams(server, token, 2);
      expect(faults).toEqual([]);
      return streams.length === 0 && listenersOn(server.port).length === 1;
    },
    { withinMs: 60_000, what: 'all being full' },
  );
  const listening = await perGateway(server, 'murmuration_listening');
  const last = listening.indexOf(1);
  // The agent would start it again: here it is the others that are to notice.
  const agent = server.agentPid();
  process.kill(agent, 'SIGSTOP');
  try {
    process.kill(server.gatewayPids()[last] ?? 0, 'SIGKILL');
    await until(async () => (await ask(server, '/health')).status === 200);
  } finally {
    process.kill(agent, 'SIGCONT');
  }
});

test('a gateway that crashes takes only its own sockets along; they resume by their cursors and miss nothing', async () => {
  const server = await start([]);
  const author = await signUp(server.url, 'author');
  const { streams } = await tryStreams(server, author.token, 24);
  await Promise.all(streams.map((stream) => stream.next('where it starts', () => true)));
  const before = await perGateway(server, 'murmuration_connections');
  const victim = before.findIndex((sockets) => sockets > 0);
  const pid = server.gatewayPids()[victim] ?? 0;
  process.kill(pid, 'SIGKILL');
  const gone = await until(
    () => {
      const closed = streams.filter((stream) => stream.closed() !== null);
      return closed.length >= (before[victim] ?? 0) && closed;
    },
    { what: 'its sockets closing' },
  );
  const id = await postSafely(server.url, author, 'while it was away');
  const url = server.url.replace('http', 'ws');
  for (const stream of gone) {
    const cursor = stream.frames.findLast((frame) => frame.cursor !== undefined)?.cursor ?? '';
    const query = `?stream=user&access_token=${author.token}&since=${cursor}`;
    const resumed = await until(() => openStream({ url, query }));
    onTestFinished(() => resumed.kill());
    await until(() => heardBy(resumed).includes(id), { what: 'the post being heard by who came back' });
  }
  const others = streams.filter((stream) => !gone.includes(stream));
  await until(() => others.every((stream) => heardBy(stream).includes(id)), {
    what: 'the others hearing it',
  });
  expect(gone.length).toBe(before[victim]);
  expect(others.filter((stream) => stream.closed() !== null)).toEqual([]);
  await until(() => server.gatewayPids().length === 3 && !server.gatewayPids().includes(pid));
});
