// The compact form over real sockets.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { openStream, type StreamClient } from './stream-client.ts';
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

async function compact(person: Person): Promise<StreamClient> {
  await until(async () => (await whole.sessions()) === 0, { what: 'earlier sessions to be gone' });
  const query = `?stream=user&access_token=${person.token}`;
  const client = await openStream({ url: whole.socketUrl, query, protocols: ['murmuration.compact.v1'] });
  await until(async () => (await whole.sessions()) === 1, { what: 'the session to be attached' });
  return client;
}

test('events are msgpack lists of about 200 bytes, and an account comes in full once', async () => {
  const client = await compact(ben);
  expect(client.socket.protocol).toBe('murmuration.compact.v1');
  const text =
    'a post of the usual length, about as long as people write them when they have something to say';
  const first = await whole.post(ann, text);
  const second = await whole.post(ann, text, { spoiler_text: 'careful' });
  await until(() => client.packed.length === 2, { what: 'two updates' });
  const cursor = expect.stringMatching(/^[0-9a-f]{24}$/);
  const account = [String(ann.account), 'ann', '', '', false, false, expect.any(Number)];
  expect(client.packed[0]).toEqual([
    1,
    ['user'],
    cursor,
    [first['id'], account, expect.any(Number), text, 'public', '', false, null, null, [], null],
  ]);
  expect(client.packed[1]).toEqual([
    1,
    ['user'],
    cursor,
    [
      second['id'],
      String(ann.account),
      expect.any(Number),
      text,
      'public',
      'careful',
      true,
      null,
      null,
      [],
      null,
    ],
  ]);
  expect(client.sizes[1]).toBeLessThan(300);
  await whole.request('DELETE', `/api/v1/statuses/${first['id']}`, ann.token);
  await until(() => client.packed.length === 3, { what: 'the delete' });
  expect(client.packed[2]).toEqual([2, ['user'], cursor, first['id']]);
  await whole.post(cem, 'hello @ben');
  await until(() => client.packed.length === 4, { what: 'the notification' });
  const from = [String(cem.account), 'cem', '', '', false, false, expect.any(Number)];
  const notification = [expect.any(String), 'mention', expect.any(Number), from, expect.any(Array)];
  expect(client.packed[3]).toEqual([3, ['user'], cursor, notification]);
  client.say({ type: 'subscribe', stream: 'nonsense' });
  await until(() => client.packed.length === 5, { what: 'the refusal' });
  expect(client.packed[4]).toEqual([5, 400, 'Unknown stream type']);
  await client.end();
});

test('an account that changes is sent in full again', async () => {
  const client = await compact(ben);
  await whole.post(ann, 'as I was');
  await until(() => client.packed.length === 1, { what: 'the first' });
  await whole.request('PATCH', '/api/v1/accounts/update_credentials', ann.token, {
    display_name: 'Ann the second',
  });
  await whole.post(ann, 'as I am');
  await until(() => client.packed.length === 2, { what: 'the second' });
  const account = [String(ann.account), 'ann', 'Ann the second', '', false, false, expect.any(Number)];
  expect(client.packed[1]).toMatchObject({ 3: { 1: account, 3: 'as I am' } });
  await client.end();
});

test('a boost names both authors, and its original is a status inside', async () => {
  const client = await compact(ben);
  const original = await whole.post(cem, 'worth boosting');
  await whole.request('POST', `/api/v1/statuses/${original['id']}/reblog`, ann.token);
  await until(() => client.packed.length === 1, { what: 'the boost' });
  expect(client.packed[0]).toMatchObject({
    0: 1,
    3: { 1: { 1: 'ann' }, 10: { 0: original['id'], 1: { 1: 'cem' }, 3: 'worth boosting' } },
  });
  await client.end();
});
