// Posting over HTTP: what is taken, what is refused, and the key that makes asking again safe.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiServer, type Entity, type Person, startApi } from './api-server.ts';

let api: ApiServer;
let alice: Person;
let bob: Person;

beforeAll(async () => {
  api = await startApi();
  [alice, bob] = [await api.person('Alice'), await api.person('bob')];
});
afterAll(() => api.close());

async function refused(body: Record<string, unknown>, status = 422): Promise<string> {
  const reply = await api.ask('POST', '/api/v1/statuses', { token: alice.token, body, status });
  return (reply.body as { error: string }).error;
}

describe('a post', () => {
  it('is what was written', async () => {
    const status = await api.post(alice, ' Hello @BOB and @nobody,\r\n#World https://example.org ', {
      spoiler_text: 'greeting',
      language: 'en',
      visibility: 'unlisted',
    });
    expect(status).toMatchObject({
      account: { acct: 'Alice', statuses_count: 1 },
      spoiler_text: 'greeting',
      sensitive: true,
      language: 'en',
      visibility: 'unlisted',
      mentions: [{ acct: 'bob', id: bob.id, url: `${api.url}/@bob` }],
      tags: [{ name: 'world', url: `${api.url}/tags/world` }],
      url: `${api.url}/@Alice/${status.id}`,
    });
    expect(status.content).toContain('<br />');
    expect(status.content).not.toContain('@<span>nobody');
  });

  it.each([
    [
      'urlencoded',
      'application/x-www-form-urlencoded',
      'status=one+two%21&sensitive=True&visibility=private',
    ],
    [
      'multipart',
      'multipart/form-data; boundary=B',
      '--B\r\nContent-Disposition: form-data; name="status"\r\n\r\none two!\r\n--B\r\nContent-Disposition: form-data; name="sensitive"\r\n\r\n1\r\n--B\r\nContent-Disposition: form-data; name="visibility"\r\n\r\nprivate\r\n--B--\r\n',
    ],
    [
      'JSON',
      'application/json',
      '{"status":"one two!","sensitive":true,"visibility":"private","media_ids":[],"poll":null}',
    ],
  ])('may come as %s', async (_, type, body) => {
    const status = await api.json<Entity>('POST', '/api/v1/statuses', {
      token: alice.token,
      type,
      body,
      shape: 'Status',
    });
    expect(status).toMatchObject({ content: '<p>one two!</p>', sensitive: true, visibility: 'private' });
  });

  it('takes what is not said from the account', async () => {
    const carol = await api.person('carol');
    const source = { privacy: 'private', sensitive: true, language: 'de' };
    await api.ask('PATCH', '/api/v1/accounts/update_credentials', { token: carol.token, body: { source } });
    expect(await api.post(carol, 'leise')).toMatchObject({
      visibility: 'private',
      sensitive: true,
      language: 'de',
    });
    expect(
      await api.post(carol, 'laut', { visibility: 'public', sensitive: false, language: 'nonsense!' }),
    ).toMatchObject({
      visibility: 'public',
      sensitive: false,
      language: 'de',
    });
  });

  it('with a content warning alone has that as its text', async () => {
    expect(await api.post(alice, '', { spoiler_text: 'only this' })).toMatchObject({
      content: '<p>only this</p>',
      spoiler_text: '',
    });
  });

  it('may have 500 characters, counted as Mastodon counts them', async () => {
    const link = `https://example.org/${'x'.repeat(400)}`;
    await api.post(alice, `${'a'.repeat(500 - 24)} ${link}`);
    await api.post(alice, '👨‍👩‍👧'.repeat(500));
    await api.post(alice, 'a'.repeat(490), { spoiler_text: 'b'.repeat(10) });
    const tooLong = 'Validation failed: Text is longer than the limit of 500 characters';
    expect(await refused({ status: 'a'.repeat(501) })).toBe(tooLong);
    expect(await refused({ status: `${'a'.repeat(500 - 23)} ${link}` })).toBe(tooLong);
    expect(await refused({ status: 'a'.repeat(490), spoiler_text: 'b'.repeat(11) })).toBe(tooLong);
    expect(await refused({ status: 'a'.repeat(100_000) })).toBe(tooLong);
  });

  it('by an app is shown with the name of the app', async () => {
    const app = {
      name: 'Tests',
      website: 'https://tests.example.org',
      redirectUris: ['urn:ietf:wg:oauth:2.0:oob'],
      scopes: 'read write',
      ip: '',
    };
    const { clientId } = await api.core.ask('createApp', { ...app, ip: '10.9.9.9' });
    const { token } = await api.core.ask('createToken', {
      account: alice.account,
      clientId,
      scopes: 'read write',
    });
    const status = await api.json<Entity>('POST', '/api/v1/statuses', {
      token,
      body: { status: 'by app' },
      shape: 'Status',
    });
    expect(status.application).toEqual({ name: 'Tests', website: 'https://tests.example.org' });
  });

  it('that is a reply keeps its place', async () => {
    const root = await api.post(alice, 'root');
    expect(await api.post(bob, 'reply', { in_reply_to_id: root.id })).toMatchObject({
      in_reply_to_id: root.id,
      in_reply_to_account_id: alice.id,
    });
    expect(await api.post(bob, 'no reply', { in_reply_to_id: '' })).toMatchObject({ in_reply_to_id: null });
    expect(await refused({ status: 'x', in_reply_to_id: '12345' }, 404)).toBe(
      'The status that this answers is not there',
    );
  });
});

describe('what is not supported', () => {
  it.each([
    [{ media_ids: ['1'] }, 'Validation failed: Media attachments are not supported here'],
    [{ poll: { options: ['a', 'b'], expires_in: 300 } }, 'Validation failed: Polls are not supported here'],
    [{ scheduled_at: '2030-01-01T00:00:00Z' }, 'Validation failed: Scheduled posts are not supported here'],
    [{ quoted_status_id: '1' }, 'Validation failed: Quotes are not supported here'],
    [{ visibility: 'local' }, 'Validation failed: Visibility must be public, unlisted, private or direct'],
    [{ sensitive: 'maybe' }, 'Validation failed: sensitive must be true or false'],
    [{ status: '' }, "Validation failed: Text can't be blank"],
    [{ status: ' \n ' }, "Validation failed: Text can't be blank"],
    [{ status: null }, "Validation failed: Text can't be blank"],
    [{ status: ['x'] }, 'Validation failed: status must be a text'],
  ])('%j is refused in words', async (fields, words) => {
    expect(await refused({ status: 'x', ...fields })).toBe(words);
  });

  it.each(['/api/v1/media', '/api/v2/media'])('POST %s is refused in words', async (path) => {
    const reply = await api.ask('POST', path, { token: alice.token, body: {}, status: 422 });
    expect(reply.body).toEqual({ error: 'Validation failed: Media attachments are not supported here' });
  });
});

describe('the same Idempotency-Key', () => {
  const keyed = (key: string, status: string, person = alice): Promise<Entity> =>
    api.json('POST', '/api/v1/statuses', {
      token: person.token,
      body: { status },
      headers: { 'idempotency-key': key },
      shape: 'Status',
    });

  it('gives the same status, also when asked at once', async () => {
    const [one, other] = await Promise.all([keyed('k1', 'once'), keyed('k1', 'once')]);
    expect(one.id).toBe(other.id);
    expect((await keyed('k1', 'once')).id).toBe(one.id);
    const statuses = await api.json<Entity>('GET', `/api/v1/accounts/${alice.id}/statuses?limit=3`);
    expect(statuses.filter(({ content }: Entity) => content === '<p>once</p>')).toHaveLength(1);
  });

  it('of another, or of any length, is another', async () => {
    expect((await keyed('k2', 'a')).id).not.toBe((await keyed('k2', 'b', bob)).id);
    const long = 'k'.repeat(3000);
    expect((await keyed(long, 'long')).id).toBe((await keyed(long, 'long')).id);
    expect((await keyed(`${long}x`, 'long')).id).not.toBe((await keyed(long, 'long')).id);
  });
});

it('posting needs the scope for it', async () => {
  const reader = await api.person('reader', 'read write:favourites');
  const reply = await api.ask('POST', '/api/v1/statuses', {
    token: reader.token,
    body: { status: 'x' },
    status: 403,
  });
  expect(reply.body).toEqual({ error: 'This action is outside the authorized scopes' });
});
