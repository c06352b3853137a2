// Streams by WebSocket, against a whole gateway with a real core behind a real link.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkShape } from '../support/schema.ts';
import { until } from '../support/until.ts';
import { type Frame, openStream, RefusedError, type StreamClient } from './stream-client.ts';
import { type Person, startWholeGateway, type WholeGateway } from './whole-gateway.ts';

let whole: WholeGateway;
let ann: Person;
let ben: Person;
let cem: Person;

beforeAll(async () => {
  whole = await startWholeGateway();
  [ann, ben, cem] = await Promise.all([whole.person('ann'), whole.person('ben'), whole.person('cem')]);
  await whole.follow(ben, ann);
});

afterAll(async () => {
  await whole.close();
  expect(whole.faults).toEqual([]);
});

const open: StreamClient[] = [];
const openCount = (): number => open.filter((client) => client.closed() === null).length;

/** Opens a stream and waits until the core knows of it. */
async function attached(
  person: Person,
  query = '?stream=user',
  protocols: string[] = [],
): Promise<StreamClient> {
  await until(async () => (await whole.sessions()) === openCount(), { what: 'earlier sessions to be gone' });
  const headers = { authorization: `Bearer ${person.token}` };
  const client = await openStream({ url: whole.socketUrl, query, headers, protocols });
  open.push(client);
  await until(async () => (await whole.sessions()) === openCount(), { what: 'the session to be attached' });
  return client;
}

/** A stream of a topic, once the core tells the gateway of that topic: a post that only this waits for has come. */
async function listening(
  person: Person,
  stream: Record<string, string>,
  prove: string,
): Promise<StreamClient> {
  const client = await openStream({ url: whole.socketUrl, query: `?access_token=${person.token}` });
  client.say({ type: 'subscribe', ...stream });
  await until(
    async () => {
      await whole.post(cem, prove);
      return client.frames.length > 0;
    },
    { everyMs: 50, what: 'the topic to be listened to' },
  );
  return client;
}

async function refusal(opening: Parameters<typeof openStream>[0]): Promise<RefusedError> {
  try {
    await openStream(opening);
  } catch (error) {
    if (error instanceof RefusedError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('the handshake', () => {
  test('a token that is wrong, missing or an app alone is refused with 401 and an empty body', async () => {
    const url = whole.socketUrl;
    expect(await refusal({ url })).toMatchObject({ status: 401, body: '' });
    expect(await refusal({ url, query: '?access_token=nonsense' })).toMatchObject({ status: 401, body: '' });
    const spoiled = `${ann.token.slice(0, -1)}${ann.token.endsWith('A') ? 'B' : 'A'}`;
    expect(await refusal({ url, query: `?access_token=${spoiled}` })).toMatchObject({
      status: 401,
      body: '',
    });
    const app = await whole.ask('createToken', { account: null, clientId: '0'.repeat(16), scopes: 'read' });
    expect(await refusal({ url, query: `?access_token=${app.token}` })).toMatchObject({
      status: 401,
      body: '',
    });
  });

  test('a token is taken from the header, from the query and from the subprotocol, which is echoed', async () => {
    const url = whole.socketUrl;
    const byHeader = await openStream({ url, headers: { authorization: `Bearer ${ann.token}` } });
    expect(byHeader.socket.protocol).toBe('');
    const byQuery = await openStream({ url, query: `/?access_token=${ann.token}` });
    const byProtocol = await openStream({ url, protocols: [ann.token] });
    expect(byProtocol.socket.protocol).toBe(ann.token);
    await Promise.all([byHeader, byQuery, byProtocol].map((client) => client.end()));
  });

  test('a request that is no upgrade is told that there is nothing here', async () => {
    const answer = await whole.request('GET', '/api/v1/streaming', ann.token);
    expect(answer.status).toBe(404);
  });
});

describe('the user stream', () => {
  test('a post reaches its follower and its author as a full Status, with a cursor; nobody else', async () => {
    const followers = await attached(ben);
    const own = await attached(ann);
    const other = await attached(cem);
    const posted = await whole.post(ann, 'to all who follow');
    const { frame, payload } = await followers.event('update');
    checkShape('Status', payload);
    expect(payload['id']).toBe(posted['id']);
    expect(payload['content']).toBe('<p>to all who follow</p>');
    expect(payload).toMatchObject({
      favourited: false,
      reblogged: false,
      bookmarked: false,
      muted: false,
      filtered: [],
    });
    expect(frame.stream).toEqual(['user']);
    expect(frame.cursor).toMatch(/^[0-9a-f]{24}$/);
    expect((await own.event('update')).payload['id']).toBe(posted['id']);
    // What comes later shows that the first did not come.
    await whole.post(cem, 'to myself');
    expect((await other.event('update')).payload['content']).toBe('<p>to myself</p>');
    expect(other.frames).toHaveLength(1);
    await Promise.all([followers, own, other].map((client) => client.end()));
  });

  test('a delete carries the bare id', async () => {
    const client = await attached(ben);
    const posted = await whole.post(ann, 'soon gone');
    await client.event('update');
    await whole.request('DELETE', `/api/v1/statuses/${posted['id']}`, ann.token);
    const { frame } = await client.event('delete');
    expect(frame.payload).toBe(posted['id']);
    expect(frame.cursor).toMatch(/^[0-9a-f]{24}$/);
    await client.end();
  });

  test('a boost is a Status of its own with the original inside', async () => {
    const client = await attached(ben);
    const original = await whole.post(cem, 'worth boosting');
    await whole.request('POST', `/api/v1/statuses/${original['id']}/reblog`, ann.token);
    const { payload } = await client.event('update');
    checkShape('Status', payload);
    expect(payload).toMatchObject({
      account: { acct: 'ann' },
      reblog: { id: original['id'], account: { acct: 'cem' } },
    });
    await client.end();
  });

  test('mentions, follows and favourites are notifications, with their Status', async () => {
    const client = await attached(ben);
    await whole.post(cem, 'hello @ben');
    const mention = await client.event('notification');
    checkShape('Notification', mention.payload);
    expect(mention.payload).toMatchObject({
      type: 'mention',
      account: { acct: 'cem' },
      status: { content: expect.any(String) },
    });
    await whole.follow(cem, ben);
    const follow = await client.next(
      'the follow',
      ({ event, payload }) => event === 'notification' && payload?.includes('"follow"') === true,
    );
    checkShape('Notification', JSON.parse(follow.payload ?? ''));
    await client.end();
  });

  test('user:notification brings notifications alone, and beside user each stream its own frame', async () => {
    const alone = await attached(ben, '?stream=user:notification');
    const both = await attached(ben);
    both.say({ type: 'subscribe', stream: 'user:notification' });
    both.say({ type: 'subscribe', stream: 'nothing' });
    await both.next('the answer to the last command', ({ error }) => error !== undefined);
    await whole.post(ann, 'an update @ben');
    await alone.event('notification');
    expect(alone.frames.map(({ stream, event }) => [stream, event])).toEqual([
      [['user:notification'], 'notification'],
    ]);
    await both.event('notification', '["user:notification"]');
    await both.event('notification', '["user"]');
    await both.event('update', '["user"]');
    expect(both.frames).toHaveLength(4);
    await Promise.all([alone.end(), both.end()]);
  });

  test('subscribing twice is subscribing once, and unsubscribing ends it', async () => {
    const client = await attached(ben);
    client.say({ type: 'subscribe', stream: 'user' });
    client.say({ type: 'subscribe', stream: 'user' });
    const first = await whole.post(ann, 'once');
    await client.event('update');
    client.say({ type: 'unsubscribe', stream: 'user' });
    client.say({ type: 'unsubscribe', stream: 'user' });
    client.say({ type: 'unsubscribe', stream: 'nothing' });
    await client.next('the answer to the last command', ({ error }) => error !== undefined);
    await whole.post(ann, 'not seen');
    client.say({ type: 'subscribe', stream: 'user' });
    const last = await until(
      async () => {
        const posted = await whole.post(ann, 'seen again');
        return client.frames.some(({ payload }) => payload?.includes('seen again')) ? posted : null;
      },
      { everyMs: 50, what: 'the stream to come back' },
    );
    expect(last).toBeTruthy();
    const contents = client.frames
      .filter(({ event }) => event === 'update')
      .map(({ payload }) => JSON.parse(payload ?? ''));
    expect(contents.filter(({ id }) => id === first['id'])).toHaveLength(1);
    expect(contents.some(({ content }) => content === '<p>not seen</p>')).toBe(false);
    await client.end();
  });

  test('a token without read:notifications gets updates without notifications', async () => {
    const half = await whole.person('ben', 'read:statuses');
    const client = await attached(half);
    client.say({ type: 'subscribe', stream: 'user:notification' });
    expect(await client.next('the refusal', ({ error }) => error !== undefined)).toMatchObject({
      status: 403,
    });
    await whole.post(cem, 'unheard @ben');
    await whole.post(ann, 'heard');
    expect((await client.event('update')).payload['content']).toBe('<p>heard</p>');
    expect(client.frames.filter(({ event }) => event === 'notification')).toEqual([]);
    await client.end();
  });
});

describe('what clients get wrong', () => {
  test('unknown streams, lists, tags without a name and messages that are none are refused in words, and the socket stays', async () => {
    const client = await openStream({
      url: whole.socketUrl,
      query: `?access_token=${ben.token}&stream=nonsense`,
    });
    const say = async (message: unknown): Promise<unknown> => {
      const count = client.frames.length;
      client.say(message);
      return until(() => client.frames[count], { what: 'an answer' });
    };
    expect(await until(() => client.frames[0])).toEqual({ error: 'Unknown stream type', status: 400 });
    expect(await say({ type: 'subscribe', stream: 'nonsense' })).toEqual({
      error: 'Unknown stream type',
      status: 400,
    });
    expect(await say({ type: 'subscribe', stream: 'hashtag' })).toMatchObject({ status: 400 });
    expect(await say({ type: 'subscribe', stream: 'list' })).toMatchObject({ status: 400 });
    expect(await say({ type: 'subscribe', stream: 'list', list: '7' })).toEqual({
      error: 'Record not found',
      status: 404,
    });
    expect(await say({ type: 'shout', stream: 'user' })).toMatchObject({ status: 400 });
    expect(await say('{"type":')).toMatchObject({ status: 400 });
    expect(await say('[]')).toMatchObject({ status: 400 });
    expect(await say('null')).toMatchObject({ status: 400 });
    expect(client.closed()).toBeNull();
    await client.end();
  });

  test('a binary frame closes with 1003, a long one with 1009, a flood of commands with 1008', async () => {
    const query = `?access_token=${ben.token}`;
    const binary = await openStream({ url: whole.socketUrl, query });
    binary.socket.send(Buffer.from('{"type":"subscribe","stream":"user"}'));
    expect(await until(() => binary.closed())).toEqual({ code: 1003, reason: 'binary-frame' });
    const long = await openStream({ url: whole.socketUrl, query });
    long.say(' '.repeat(5000));
    expect(await until(() => long.closed())).toEqual({ code: 1009, reason: 'too-large' });
    const longer = await openStream({ url: whole.socketUrl, query });
    longer.say(' '.repeat(100_000));
    expect(await until(() => longer.closed())).toBeTruthy();
    const flood = await openStream({ url: whole.socketUrl, query });
    for (let count = 0; count < 301; count++) flood.say({ type: 'subscribe', stream: 'nonsense' });
    expect(await until(() => flood.closed())).toEqual({ code: 1008, reason: 'too-many-commands' });
  });
});

describe('streams of topics', () => {
  test('public brings public posts to whoever listens, and their deletion, without a cursor', async () => {
    const client = await listening(ben, { stream: 'public' }, 'first');
    await whole.post(cem, 'not listed', { visibility: 'unlisted' });
    const posted = await whole.post(cem, 'for everybody');
    const frame = await client.next('the post', ({ payload }) => payload?.includes('for everybody') === true);
    checkShape('Status', JSON.parse(frame.payload ?? ''));
    expect(frame.stream).toEqual(['public']);
    expect(frame.cursor).toBeUndefined();
    await whole.request('DELETE', `/api/v1/statuses/${posted['id']}`, cem.token);
    const deleted = await client.event('delete');
    expect(deleted.frame.payload).toBe(posted['id']);
    expect(client.frames.some(({ payload }) => payload?.includes('not listed'))).toBe(false);
    await client.end();
  });

  test('a hashtag is named as it was asked for, and found however it is written', async () => {
    const client = await listening(ben, { stream: 'hashtag', tag: 'TeaTime' }, 'a #teatime post');
    client.say({ type: 'subscribe', stream: 'hashtag:local', tag: 'teatime' });
    client.say({ type: 'subscribe', stream: 'nonsense' });
    await client.next('the answer to the last command', ({ error }) => error !== undefined);
    await whole.post(cem, 'more #TEATIME, and #coffee');
    const fits = (label: string) => (frame: Frame) =>
      JSON.stringify(frame.stream) === label && frame.payload?.includes('coffee') === true;
    await client.next('the first stream', fits('["hashtag","TeaTime"]'));
    await client.next('the second stream', fits('["hashtag:local","teatime"]'));
    await client.end();
  });

  test('people who are blocked or muted are not shown, either way round', async () => {
    const [viewer, muted, blocked, blocker] = await Promise.all([
      whole.person('viewer'),
      whole.person('muted'),
      whole.person('blocked'),
      whole.person('blocker'),
    ]);
    const of = { account: viewer.account };
    await whole.ask('mute', { ...of, target: muted.account, notifications: true, durationS: 0 });
    await whole.ask('block', { ...of, target: blocked.account });
    await whole.ask('block', { account: blocker.account, target: viewer.account });
    const client = await listening(viewer, { stream: 'public' }, 'begin');
    for (const author of [muted, blocked, blocker]) await whole.post(author, 'hidden from the viewer');
    await whole.post(cem, 'the last one');
    await client.next('the last post', ({ payload }) => payload?.includes('the last one') === true);
    expect(client.frames.some(({ payload }) => payload?.includes('hidden from the viewer'))).toBe(false);
    await client.end();
  });
});

describe('resuming', () => {
  test('a socket with a cursor first gets what it missed, oldest first, then what comes', async () => {
    const first = await attached(ben);
    await whole.post(ann, 'seen');
    const { frame } = await first.event('update');
    await first.end();
    const missed = [await whole.post(ann, 'missed 1'), await whole.post(ann, 'missed 2')];
    const gone = await whole.post(ann, 'missed and deleted');
    await whole.request('DELETE', `/api/v1/statuses/${gone['id']}`, ann.token);
    const again = await attached(ben, `?stream=user&since=${frame.cursor}`);
    await whole.post(ann, 'live');
    await again.next('the live one', ({ payload }) => payload?.includes('live') === true);
    const updates = again.frames
      .filter(({ event }) => event === 'update')
      .map(({ payload }) => JSON.parse(payload ?? ''));
    expect(updates.slice(0, 2).map(({ id }) => id)).toEqual(missed.map(({ id }) => id));
    expect(updates.map(({ content }) => content)).toEqual([
      '<p>missed 1</p>',
      '<p>missed 2</p>',
      '<p>live</p>',
    ]);
    const cursors = again.frames.map(({ cursor }) => cursor ?? '');
    expect(cursors).toEqual([...cursors].sort());
    await again.end();
  });

  test('a cursor that is none, or too old, is answered with a resync that carries a good one', async () => {
    for (const since of ['nonsense', '0'.repeat(24)]) {
      const client = await attached(ben, `?stream=user&since=${since}`);
      const frame = await client.next('the resync', ({ event }) => event === 'resync');
      expect(frame).toEqual({
        stream: ['user'],
        event: 'resync',
        cursor: expect.stringMatching(/^[0-9a-f]{24}$/),
      });
      await client.end();
      await whole.post(ann, `after the resync of ${since}`);
      const again = await attached(ben, `?stream=user&since=${frame.cursor}`);
      const { payload } = await again.event('update');
      expect(payload['content']).toBe(`<p>after the resync of ${since}</p>`);
      await again.end();
    }
  });
});

describe('tokens', () => {
  test('a revoked token closes its sockets and no others', async () => {
    const other = await attached(ben);
    const { token } = await whole.ask('issueToken', { handle: 'ben', scopes: 'read' });
    const one = await attached({ ...ben, token });
    const two = await openStream({ url: whole.socketUrl, query: `?access_token=${token}` });
    await whole.ask('revoke', { token });
    expect(await until(() => one.closed())).toEqual({ code: 1008, reason: 'token-revoked' });
    expect(await until(() => two.closed())).toEqual({ code: 1008, reason: 'token-revoked' });
    expect(await refusal({ url: whole.socketUrl, query: `?access_token=${token}` })).toMatchObject({
      status: 401,
    });
    await whole.post(ann, 'still here');
    await other.event('update');
    await other.end();
  });
});
