// Server-sent events over real connections.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkShape } from '../support/schema.ts';
import { until } from '../support/until.ts';
import { type EventClient, openEvents } from './stream-client.ts';
import { type Person, startWholeGateway, type WholeGateway } from './whole-gateway.ts';

let whole: WholeGateway;
let ann: Person;
let ben: Person;
const open: EventClient[] = [];

beforeAll(async () => {
  whole = await startWholeGateway({ gateway: { thumpMs: 100 } });
  [ann, ben] = await Promise.all([whole.person('ann'), whole.person('ben')]);
  await whole.follow(ben, ann);
});

afterAll(async () => {
  await whole.close();
  expect(whole.faults).toEqual([]);
});

/** Opens a stream and waits until the core knows of it. */
async function attached(path: string, headers: Record<string, string> = {}): Promise<EventClient> {
  await until(async () => (await whole.sessions()) === open.filter((client) => !client.ended()).length);
  const client = await openEvents(`${whole.url}/api/v1/streaming/${path}`, headers);
  open.push(client);
  const count = open.filter((other) => !other.ended()).length;
  await until(async () => (await whole.sessions()) === count, { what: 'the session to be attached' });
  return client;
}

test('an event stream greets, says what happens as Mastodon does, and breathes', async () => {
  const client = await attached(`user?access_token=${ben.token}`);
  expect(client.headers.get('content-type')).toBe('text/event-stream');
  expect(client.headers.get('cache-control')).toBe('no-store');
  expect(client.headers.get('access-control-allow-origin')).toBe('*');
  const posted = await whole.post(ann, 'an event\nof two lines');
  const [update] = await until(() => (client.events().length > 0 ? client.events() : null), {
    what: 'the event',
  });
  expect(client.text().startsWith(':)\n')).toBe(true);
  // Some clients take an id without an event for a fault: only who asks is told the start.
  expect(client.start()).toBeUndefined();
  expect(update?.['event']).toBe('update');
  expect(update?.['id']).toMatch(/^[0-9a-f]{24}$/);
  checkShape('Status', JSON.parse(update?.['data'] ?? ''));
  await whole.request('DELETE', `/api/v1/statuses/${posted['id']}`, ann.token);
  const deleted = await until(() => client.events().find(({ event }) => event === 'delete'), {
    what: 'the delete',
  });
  expect(deleted['data']).toBe(posted['id']);
  await until(() => client.text().split('\n').includes(':thump'), { what: 'a thump' });
  client.stop();
});

test('Last-Event-ID resumes, and so does since; a cursor that is none is told to read anew', async () => {
  const first = await attached('user', { authorization: `Bearer ${ben.token}` });
  await whole.post(ann, 'seen');
  const seen = await until(() => first.events()[0], { what: 'the first' });
  first.stop();
  await whole.post(ann, 'missed');
  const again = await attached('user', {
    authorization: `Bearer ${ben.token}`,
    'last-event-id': seen['id'] ?? '',
  });
  const missed = await until(() => again.events()[0], { what: 'what was missed' });
  expect(JSON.parse(missed['data'] ?? '').content).toBe('<p>missed</p>');
  again.stop();
  const bySince = await attached(`user?since=${seen['id']}&access_token=${ben.token}`);
  expect((await until(() => bySince.events()[0]))['id']).toBe(missed['id']);
  bySince.stop();
  const lost = await attached('user', { authorization: `Bearer ${ben.token}`, 'last-event-id': 'nonsense' });
  const resync = await until(() => lost.events()[0], { what: 'the resync' });
  expect(resync).toEqual({ id: expect.stringMatching(/^[0-9a-f]{24}$/), event: 'resync', data: 'resync' });
  lost.stop();
});

test('who has heard nothing yet can come back, too', async () => {
  const first = await attached(`user?since=&access_token=${ben.token}`);
  const start = await until(() => first.start(), { what: 'the start' });
  first.stop();
  await whole.post(ann, 'missed from the start');
  const again = await attached('user', { authorization: `Bearer ${ben.token}`, 'last-event-id': start });
  const missed = await until(() => again.events()[0], { what: 'what was missed' });
  expect(JSON.parse(missed['data'] ?? '').content).toBe('<p>missed from the start</p>');
  again.stop();
});

test('user/notification, public and hashtag bring what they are called', async () => {
  const notifications = await attached(`user/notification?access_token=${ben.token}`);
  const listen = async (path: string): Promise<EventClient> =>
    openEvents(`${whole.url}/api/v1/streaming/${path}access_token=${ben.token}`);
  const [everybody, local, tagged] = await Promise.all([
    listen('public?'),
    listen('public/local?'),
    listen('hashtag?tag=Tea&'),
  ]);
  await until(
    async () => {
      await whole.post(ann, 'for @ben: #tea');
      return [everybody, local, tagged].every((client) => client.events().length > 0);
    },
    { everyMs: 50, what: 'all topics to be listened to' },
  );
  for (const client of [everybody, local, tagged]) {
    expect(client.events()[0]?.['event']).toBe('update');
    expect(client.events()[0]?.['id']).toBeUndefined();
  }
  const heard = await until(() => notifications.events()[0], { what: 'the notification' });
  expect(heard['event']).toBe('notification');
  expect(new Set(notifications.events().map(({ event }) => event))).toEqual(new Set(['notification']));
  checkShape('Notification', JSON.parse(heard['data'] ?? ''));
  for (const client of [notifications, everybody, local, tagged]) client.stop();
});

test('what cannot be streamed is refused as JSON, with a status', async () => {
  const refused = async (path: string): Promise<unknown> => {
    const answer = await whole.request('GET', `/api/v1/streaming/${path}`, null);
    return [answer.status, await answer.json()];
  };
  const token = `access_token=${ben.token}`;
  expect(await refused('user')).toEqual([401, { error: 'Missing access token' }]);
  expect(await refused('user?access_token=nonsense')).toEqual([
    401,
    { error: 'The access token is invalid' },
  ]);
  expect(await refused(`hashtag?${token}`)).toEqual([400, { error: 'Missing tag name parameter' }]);
  expect(await refused(`list?list=1&${token}`)).toEqual([404, { error: 'Record not found' }]);
  const { token: writer } = await whole.ask('issueToken', { handle: 'ben', scopes: 'write' });
  expect(await refused(`user?access_token=${writer}`)).toMatchObject([403, {}]);
  expect(await (await fetch(`${whole.url}/api/v1/streaming/health`)).text()).toBe('OK');
});

test('a revoked token ends its stream, and a client that leaves is detached', async () => {
  const { token } = await whole.ask('issueToken', { handle: 'ben', scopes: 'read' });
  const client = await attached(`user?access_token=${token}`);
  await whole.ask('revoke', { token });
  await until(() => client.ended(), { what: 'the end of the stream' });
  const leaving = await attached(`user?access_token=${ben.token}`);
  leaving.stop();
  await until(async () => (await whole.sessions()) === 0, { what: 'no session left' });
});

test('a reader that takes nothing is cut off, while others go on', async () => {
  const brisk = await attached(`user?access_token=${ben.token}`);
  const stalled = await fetch(`${whole.url}/api/v1/streaming/user?access_token=${ben.token}`);
  const slow = async (): Promise<number> => {
    const text = (await whole.ask('metrics', {})).text;
    return Number(/murmuration_slow_consumers_total\{[^}]*\} (\d+)/.exec(text)?.[1] ?? 0);
  };
  // Each is six characters in HTML.
  const text = '"'.repeat(500);
  let count = 0;
  await until(
    async () => {
      const batch = Array.from({ length: 20 }, () => whole.publish(ann, text));
      await Promise.all(batch);
      count += 20;
      return (await slow()) > 0;
    },
    { withinMs: 25_000, everyMs: 0, what: 'the slow reader to be cut off' },
  );
  await until(() => brisk.events().length === count, { what: 'the other reader to have all' });
  brisk.stop();
  await stalled.body?.cancel().catch(() => {});
});
