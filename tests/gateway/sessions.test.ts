// Sessions across pauses of the core, restarts of the gateway, silent and slow clients, and drops at random.
import { afterEach, expect, test } from 'vitest';
import { compactProtocol } from '../../gateway/streaming-protocol.ts';
import { until } from '../support/until.ts';
import { type Frame, openEvents, openStream, RefusedError, type StreamClient } from './stream-client.ts';
import { type Person, startWholeGateway, type WholeGateway, type WholeOptions } from './whole-gateway.ts';

let whole: WholeGateway | null = null;

afterEach(async () => {
  await whole?.close();
  whole = null;
});

async function start(
  options: WholeOptions = {},
): Promise<{ server: WholeGateway; ann: Person; ben: Person }> {
  const server = await startWholeGateway(options);
  whole = server;
  const [ann, ben] = await Promise.all([server.person('ann'), server.person('ben')]);
  await server.follow(ben, ann);
  return { server, ann, ben };
}

async function attached(server: WholeGateway, person: Person, query = ''): Promise<StreamClient> {
  const before = await server.sessions();
  const client = await openStream({
    url: server.socketUrl,
    query: `?stream=user&access_token=${person.token}${query}`,
  });
  await until(async () => (await server.sessions()) > before, { what: 'the session to be attached' });
  return client;
}

function contents(frames: Frame[]): string[] {
  return frames
    .filter(({ event }) => event === 'update')
    .map(({ payload }) => JSON.parse(payload ?? '').content.replace(/<[^>]*>/g, ''));
}

test('a core that goes away and comes back is a pause: sockets stay, and nothing is lost or doubled', async () => {
  const { server, ann, ben } = await start();
  const client = await attached(server, ben);
  const silent = await attached(server, ben);
  await server.post(ann, 'before');
  await client.event('update');
  await server.stopCore();
  await server.startCore(async () => {
    // Nobody is attached yet: this is found by the cursors that the gateway kept.
    await server.publish(ann, 'between');
  });
  await until(async () => (await server.sessions()) === 2, { what: 'the sessions to be attached again' });
  await server.post(ann, 'after');
  for (const one of [client, silent]) {
    await until(() => contents(one.frames).includes('after'), { what: 'the post after the pause' });
    expect(contents(one.frames)).toEqual(['before', 'between', 'after']);
    expect(one.closed()).toBeNull();
  }
});

test('a session that was attached before anything happened misses nothing of a pause either', async () => {
  const { server, ann, ben } = await start();
  const client = await attached(server, ben);
  for (const round of [1, 2, 3]) {
    await server.stopCore();
    await server.startCore(async () => {
      await server.publish(ann, `between ${round}`);
    });
    await until(() => contents(client.frames).length === round, { what: `the post of round ${round}` });
  }
  expect(contents(client.frames)).toEqual(['between 1', 'between 2', 'between 3']);
});

test('a client that has heard nothing yet can ask where it starts, and misses nothing', async () => {
  const { server, ann, ben } = await start();
  for (const [stream, protocols] of [
    ['user', []],
    ['user:notification', []],
    ['user', [compactProtocol]],
  ] as const) {
    const query = `?stream=${stream}&since=&access_token=${ben.token}`;
    const client = await openStream({ url: server.socketUrl, query, protocols: [...protocols] });
    const frames = () => [...client.frames, ...client.packed];
    await until(() => frames().length === 1, { what: 'the start' });
    const isCompact = protocols.length > 0;
    const cursor = expect.stringMatching(/^[0-9a-f]{24}$/);
    expect(frames()).toEqual([
      isCompact ? [6, [stream], cursor] : { stream: [stream], event: 'cursor', cursor },
    ]);
    client.kill();
    const given = isCompact ? (client.packed[0] as string[])[2] : client.frames[0]?.cursor;
    await server.publish(ann, `@ben while away from ${stream} (${protocols})`);
    const resumed = await openStream({
      url: server.socketUrl,
      query: `?stream=user&since=${given}&access_token=${ben.token}`,
    });
    await until(() => contents(resumed.frames).length === 1, { what: 'what was missed' });
    expect(contents(resumed.frames)).toEqual([`@ben while away from ${stream} (${protocols})`]);
    resumed.kill();
  }
  await until(async () => (await server.sessions()) === 0, { what: 'the others to be gone' });
  const plain = await attached(server, ben);
  await server.publish(ann, 'hello');
  await until(() => plain.frames.length > 0);
  expect(plain.frames[0]?.event).toBe('update');
});

test('a token that was revoked while there was no link loses its socket, whatever it listens to', async () => {
  const { server, ann, ben } = await start();
  const kept = await attached(server, ben);
  const { token } = await server.ask('issueToken', { handle: 'ben', scopes: 'read' });
  const own = await attached(server, { ...ben, token });
  const topic = await openStream({ url: server.socketUrl, query: `?stream=public&access_token=${token}` });
  await server.stopCore();
  await server.startCore(async () => {
    await server.ask('revoke', { token });
    await server.publish(ann, 'not for the revoked');
  });
  for (const client of [own, topic]) {
    expect(await until(() => client.closed())).toEqual({ code: 1008, reason: 'token-revoked' });
    expect(client.frames).toEqual([]);
  }
  await until(() => contents(kept.frames).length === 1, { what: 'the other token to get it' });
});

test('without a core new sockets are refused with 503, and come back later', async () => {
  const { server, ben } = await start();
  await server.stopCore();
  const query = `?stream=user&access_token=${ben.token}`;
  const refusal = await openStream({ url: server.socketUrl, query }).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(RefusedError);
  expect(refusal).toMatchObject({ status: 503 });
  await server.startCore();
  const client = await until(() => openStream({ url: server.socketUrl, query }), {
    what: 'the gateway to serve again',
  });
  expect(client.closed()).toBeNull();
});

test('a gateway that stops tells every socket to come back, and ends event streams', async () => {
  const { server, ben } = await start();
  const client = await attached(server, ben);
  const compact = await openStream({
    url: server.socketUrl,
    query: `?access_token=${ben.token}`,
    protocols: ['murmuration.compact.v1'],
  });
  const events = await openEvents(`${server.url}/api/v1/streaming/user?access_token=${ben.token}`);
  await server.gateway.stop();
  expect(await until(() => client.closed())).toEqual({ code: 1012, reason: 'service-restart' });
  expect(await until(() => compact.closed())).toEqual({ code: 1012, reason: 'service-restart' });
  await until(() => events.ended(), { what: 'the event stream to end' });
  await expect(fetch(`${server.url}/health`)).rejects.toThrow();
});

test('a socket that does not answer pings is closed, one that does stays', async () => {
  const { server, ben } = await start({ gateway: { pingAfterS: 4 } });
  const open = (autoPong: boolean): Promise<StreamClient> =>
    openStream({ url: server.socketUrl, query: `?stream=user&access_token=${ben.token}`, autoPong });
  const [mute, answering] = await Promise.all([open(false), open(true)]);
  let pings = 0;
  answering.socket.on('ping', () => pings++);
  await until(() => mute.closed(), { withinMs: 20_000, what: 'the mute socket to be closed' });
  await until(() => pings >= 2, { withinMs: 20_000, what: 'a second ping' });
  expect(answering.closed()).toBeNull();
});

test('a slow reader is closed with slow-consumer, and resumes from where it was', async () => {
  const { server, ann, ben } = await start();
  const slow = await attached(server, ben);
  slow.socket.pause();
  const cutOff = async (): Promise<boolean> =>
    /murmuration_slow_consumers_total\{[^}]*\} 1/.test((await server.ask('metrics', {})).text);
  let count = 0;
  const publish = async (): Promise<void> => {
    // Each quote is six characters in HTML.
    const text = `${count++} ${'"'.repeat(490)}`;
    await server.publish(ann, text);
  };
  await until(
    async () => {
      for (let batch = 0; batch < 10; batch++)
        await Promise.all([publish(), publish(), publish(), publish(), publish()]);
      return cutOff();
    },
    { withinMs: 25_000, everyMs: 0, what: 'the slow reader to be cut off' },
  );
  slow.socket.resume();
  expect(await until(() => slow.closed(), { what: 'the close frame' })).toEqual({
    code: 1013,
    reason: 'slow-consumer',
  });
  const had = contents(slow.frames).length;
  expect(had).toBeLessThan(count);
  // More than 800 missed would be a resync: the reader was only as far behind as its buffers.
  const again = await attached(server, ben, `&since=${slow.frames.at(-1)?.cursor}`);
  await until(() => again.frames.length >= count - had, { what: 'the rest' });
  const numbers = [...contents(slow.frames), ...contents(again.frames)].map((text) =>
    Number.parseInt(text, 10),
  );
  expect(new Set(numbers).size).toBe(count);
});

test('a slow reader that knows cursors keeps its socket: it is told to read anew, and hears all that comes after that', async () => {
  const { server, ann, ben } = await start();
  const [slow, unaware] = [await attached(server, ben, '&since='), await attached(server, ben)];
  for (const { socket } of [slow, unaware]) socket.pause();
  let count = 0;
  const publish = () => server.publish(ann, `${count++} ${'"'.repeat(490)}`);
  const flood = async (): Promise<boolean> => {
    for (let batch = 0; batch < 20; batch++) await Promise.all([publish(), publish(), publish(), publish()]);
    return /murmuration_slow_consumers_total\{[^}]*\} 1/.test((await server.ask('metrics', {})).text);
  };
  await until(flood, { withinMs: 25_000, everyMs: 0, what: 'the other slow reader to be cut off' });
  await flood();
  slow.socket.resume();
  await until(() => slow.frames.some(({ event }) => event === 'resync'), { what: 'the resync' });
  const told = slow.frames.length;
  const resync = slow.frames.findIndex(({ event }) => event === 'resync');
  expect(contents(slow.frames.slice(0, resync)).length).toBeLessThan(count);
  await server.post(ann, 'after');
  await until(() => contents(slow.frames.slice(told)).includes('after'), { what: 'what came after it' });
  expect(slow.closed()).toBeNull();
  // What it was not sent is at home.
  const again = await attached(server, ben, `&since=${slow.frames[resync]?.cursor}`);
  await until(() => contents(again.frames).includes('after'), {
    what: 'what came after it, to another socket',
  });
});

test('a client that drops at random and resumes has every event once, in order for each author', async () => {
  const { server, ben } = await start();
  const authors = await Promise.all(['x', 'y', 'z'].map((handle) => server.person(handle)));
  for (const author of authors) await server.follow(ben, author);
  const seed = Date.now() % 100_000;
  const random = generator(seed);
  const rounds = 120;
  const seen: string[] = [];
  let cursor = '';
  let client = await attached(server, ben);
  const take = (): void => {
    for (const frame of client.frames.splice(0)) {
      cursor = frame.cursor ?? cursor;
      seen.push(...contents([frame]));
    }
  };
  client.socket.on('message', take);
  // Who has not received anything yet has nothing to resume from.
  await server.publish(ben, 'to begin with');
  await until(() => cursor !== '', { what: 'the first cursor' });
  seen.length = 0;
  for (let round = 0; round < rounds; round++) {
    await Promise.all(authors.map((author) => server.publish(author, `${author.handle} ${round}`)));
    if (random() < 0.15) {
      client.kill();
      take();
      const since = `&since=${cursor}`;
      client = await openStream({
        url: server.socketUrl,
        query: `?stream=user&access_token=${ben.token}${since}`,
      });
      client.socket.on('message', take);
    }
    if (round === 40 || round === 80) {
      await server.stopCore();
      await server.startCore();
    }
  }
  await until(() => new Set(seen).size === rounds * authors.length, { what: `every post (seed ${seed})` });
  for (const { handle } of authors) {
    const own = [...new Set(seen)]
      .filter((text) => text.startsWith(handle))
      .map((text) => Number(text.slice(2)));
    expect(own, `seed ${seed}`).toEqual(Array.from({ length: rounds }, (_, round) => round));
  }
});

/** Numbers from 0 to 1, the same for the same seed. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
