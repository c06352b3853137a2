// Notifications over HTTP: of what, filtered how, put away for good.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiServer, type Entity, type Person, startApi } from './api-server.ts';

let api: ApiServer;
let alice: Person;
let bob: Person;
let carol: Person;
let post: Entity;
let mention: Entity;

const told = (query = '', person = alice): Promise<Entity> =>
  api.json('GET', `/api/v1/notifications${query}`, { token: person.token, shape: 'Notification[]' });
const kinds = (list: Entity): string[] => list.map(({ type }: Entity) => type);

beforeAll(async () => {
  api = await startApi();
  [alice, bob, carol] = [await api.person('alice'), await api.person('bob'), await api.person('carol')];
  post = await api.post(alice, 'something');
  await api.follow(bob, alice);
  await api.ask('POST', `/api/v1/statuses/${post.id}/favourite`, { token: bob.token });
  await api.ask('POST', `/api/v1/statuses/${post.id}/reblog`, { token: carol.token });
  mention = await api.post(carol, 'hello @alice');
});
afterAll(() => api.close());

describe('notifications', () => {
  it('tell of follows, favourites, boosts and mentions, newest first, with the account and the status', async () => {
    const list = await told();
    expect(kinds(list)).toEqual(['mention', 'reblog', 'favourite', 'follow']);
    expect(list).toMatchObject([
      { account: { acct: 'carol' }, status: { id: mention.id } },
      { account: { acct: 'carol' }, status: { id: post.id, reblogs_count: 1 } },
      { account: { acct: 'bob' }, status: { id: post.id } },
      { account: { acct: 'bob' } },
    ]);
    expect(list[3]).not.toHaveProperty('status');
    expect(list.every(({ id, group_key: key }: Entity) => key === `ungrouped-${id}`)).toBe(true);
  });

  it.each([
    ['?types[]=mention&types[]=follow', ['mention', 'follow']],
    ['?exclude_types[]=mention&exclude_types%5B%5D=reblog', ['favourite', 'follow']],
    ['?types[]=poll', []],
    ['?types[]=poll&types[]=mention', ['mention']],
    ['?limit=2', ['mention', 'reblog']],
  ])('with %s are %j', async (query, found) => {
    expect(kinds(await told(query))).toEqual(found);
  });

  it('of one account', async () => {
    expect(kinds(await told(`?account_id=${bob.id}`))).toEqual(['favourite', 'follow']);
    expect(await told('?account_id=x')).toEqual([]);
  });

  it('walk to their end by Link', async () => {
    const found: string[] = [];
    let next: string | undefined = '/api/v1/notifications?limit=3';
    while (next !== undefined) {
      const page = await api.ask('GET', next, { token: alice.token });
      found.push(...kinds(page.body));
      next = /<([^>]+)>; rel="next"/.exec(page.headers.get('link') ?? '')?.[1]?.replace(api.url, '');
    }
    expect(found).toEqual(['mention', 'reblog', 'favourite', 'follow']);
  });

  it('can be read one by one, by whom they are for', async () => {
    const [first] = await told();
    const one = await api.json('GET', `/api/v1/notifications/${first.id}`, {
      token: alice.token,
      shape: 'Notification',
    });
    expect(one).toEqual(first);
    await api.ask('GET', `/api/v1/notifications/${first.id}`, { token: bob.token, status: 404 });
    for (const id of ['1', '0', 'x', '9'.repeat(30)])
      await api.ask('GET', `/api/v1/notifications/${id}`, { token: alice.token, status: 404 });
  });

  it('about a status that is deleted are gone', async () => {
    const gone = await api.post(carol, '@alice never mind');
    expect(kinds(await told('?limit=1'))).toEqual(['mention']);
    expect((await told('?limit=1'))[0].status.id).toBe(gone.id);
    await api.ask('DELETE', `/api/v1/statuses/${gone.id}`, { token: carol.token });
    expect((await told('?limit=1'))[0].status.id).toBe(mention.id);
  });

  it('are put away one by one, and all at once', async () => {
    const [, second] = await told();
    expect(
      await api.json('POST', `/api/v1/notifications/${second.id}/dismiss`, { token: alice.token }),
    ).toEqual({});
    expect(kinds(await told())).toEqual(['mention', 'favourite', 'follow']);
    expect(await api.json('POST', '/api/v1/notifications/clear', { token: alice.token })).toEqual({});
    expect(await told()).toEqual([]);
    await api.post(bob, '@alice are you there?');
    expect(kinds(await told())).toEqual(['mention']);
    await api.ask('POST', '/api/v1/notifications/x/dismiss', { token: alice.token, status: 404 });
  });

  it("are one's own", async () => {
    await api.ask('GET', '/api/v1/notifications', { status: 401 });
    const poster = await api.person('poster', 'write');
    await api.ask('GET', '/api/v1/notifications', { token: poster.token, status: 403 });
  });
});
