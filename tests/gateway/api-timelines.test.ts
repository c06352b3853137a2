// Timelines over HTTP: what is in them, paging without gaps, what nobody logged in sees.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiServer, type Entity, type Person, startApi } from './api-server.ts';

let api: ApiServer;
let alice: Person;
let bob: Person;
let carol: Person;

beforeAll(async () => {
  api = await startApi();
  [alice, bob, carol] = [await api.person('alice'), await api.person('bob'), await api.person('carol')];
});
afterAll(() => api.close());

const ids = (list: Entity): string[] => list.map(({ id }: Entity) => id);
const texts = (list: Entity): string[] => list.map(({ content }: Entity) => content.replace(/<[^>]+>/g, ''));

async function pagesOf(path: string, token?: string): Promise<string[]> {
  const found: string[] = [];
  let next: string | null = path;
  for (let pages = 0; next !== null && pages < 20; pages++) {
    const page = await api.ask('GET', next, { ...(token === undefined ? {} : { token }), shape: 'Status[]' });
    found.push(...ids(page.body));
    next = /<([^>]+)>; rel="next"/.exec(page.headers.get('link') ?? '')?.[1]?.replace(api.url, '') ?? null;
  }
  return found;
}

describe('the home timeline', () => {
  it("has the posts of those one follows and one's own, newest first, and walks to its end by Link", async () => {
    await api.follow(bob, alice);
    const posted: string[] = [];
    for (let count = 0; count < 9; count++)
      posted.unshift((await api.post(count % 3 === 0 ? bob : alice, `post ${count}`)).id);
    await api.post(carol, 'not for bob');
    expect(await pagesOf('/api/v1/timelines/home?limit=4', bob.token)).toEqual(posted);
    const older = await api.json<Entity>('GET', `/api/v1/timelines/home?max_id=${posted[3]}&limit=2`, {
      token: bob.token,
    });
    expect(ids(older)).toEqual([posted[4], posted[5]]);
    const newest = await api.json<Entity>('GET', `/api/v1/timelines/home?since_id=${posted[5]}&limit=2`, {
      token: bob.token,
    });
    expect(ids(newest)).toEqual([posted[0], posted[1]]);
    const above = await api.json<Entity>('GET', `/api/v1/timelines/home?min_id=${posted[5]}&limit=2`, {
      token: bob.token,
    });
    expect(ids(above)).toEqual([posted[3], posted[4]]);
  });

  it('shows what the reader has done with each post', async () => {
    const { id } = await api.post(alice, 'to like');
    await api.ask('POST', `/api/v1/statuses/${id}/favourite`, { token: bob.token });
    await api.ask('POST', `/api/v1/statuses/${id}/bookmark`, { token: bob.token });
    const [first] = await api.json<Entity>('GET', '/api/v1/timelines/home?limit=1', {
      token: bob.token,
      shape: 'Status[]',
    });
    expect(first).toMatchObject({
      id,
      favourited: true,
      bookmarked: true,
      reblogged: false,
      favourites_count: 1,
    });
    const [own] = await api.json<Entity>('GET', '/api/v1/timelines/home?limit=1', { token: alice.token });
    expect(own).toMatchObject({ id, favourited: false, bookmarked: false, favourites_count: 1 });
  });

  it('shows a boost with what it boosts, and how the reader marked that', async () => {
    const { id } = await api.post(carol, 'worth boosting');
    await api.ask('POST', `/api/v1/statuses/${id}/favourite`, { token: bob.token });
    const boost = await api.json<Entity>('POST', `/api/v1/statuses/${id}/reblog`, {
      token: alice.token,
      shape: 'Status',
    });
    const [first] = await api.json<Entity>('GET', '/api/v1/timelines/home?limit=1', {
      token: bob.token,
      shape: 'Status[]',
    });
    expect(first).toMatchObject({
      id: boost.id,
      account: { acct: 'alice' },
      reblog: { id, favourited: true, account: { acct: 'carol' } },
    });
  });

  it('shows a changed profile at once, on posts that were read before', async () => {
    const { id } = await api.post(alice, 'by whom?');
    await api.json('GET', '/api/v1/timelines/home', { token: bob.token });
    await api.ask('PATCH', '/api/v1/accounts/update_credentials', {
      token: alice.token,
      body: { display_name: 'Alice Liddell' },
    });
    const [first] = await api.json<Entity>('GET', '/api/v1/timelines/home?limit=1', { token: bob.token });
    expect(first).toMatchObject({ id, account: { display_name: 'Alice Liddell' } });
  });

  it('shows a deleted post to nobody', async () => {
    const { id } = await api.post(alice, 'a mistake');
    expect(ids(await api.json('GET', '/api/v1/timelines/home', { token: bob.token }))).toContain(id);
    await api.ask('DELETE', `/api/v1/statuses/${id}`, { token: alice.token });
    expect(ids(await api.json('GET', '/api/v1/timelines/home', { token: bob.token }))).not.toContain(id);
  });

  it('read again asks the core for ids only', async () => {
    await api.json('GET', '/api/v1/timelines/home', { token: carol.token });
    const before = new Map(api.calls);
    await api.json('GET', '/api/v1/timelines/home', { token: carol.token });
    const asked = [...api.calls].filter(([kind, count]) => count !== before.get(kind)).map(([kind]) => kind);
    expect(asked).toEqual(['home']);
  });

  it('is for those who are logged in', async () => {
    await api.ask('GET', '/api/v1/timelines/home', { status: 401 });
    await api.ask('GET', '/api/v1/timelines/home', { token: 'nonsense', status: 401 });
    await api.ask('GET', '/api/v1/timelines/home?max_id=x', { token: bob.token, status: 400 });
  });
});

describe('the public timeline', () => {
  it('has public posts only, for anybody, without what depends on a viewer', async () => {
    await api.post(alice, 'for all');
    for (const visibility of ['unlisted', 'private', 'direct'])
      await api.post(alice, `${visibility} @bob`, { visibility });
    const page = await api.ask('GET', '/api/v1/timelines/public?local=true&limit=40', { shape: 'Status[]' });
    expect(texts(page.body)[0]).toBe('for all');
    expect(texts(page.body).join()).not.toMatch(/unlisted|private|direct/);
    expect(
      texts(await api.json('GET', '/api/v1/timelines/public', { token: bob.token, shape: 'Status[]' }))[0],
    ).toBe('for all');
  });

  it('walks to its end by Link', async () => {
    const all = await pagesOf('/api/v1/timelines/public?limit=40');
    expect(await pagesOf('/api/v1/timelines/public?limit=3')).toEqual(all);
    expect(new Set(all).size).toBe(all.length);
  });

  it('shows nobody a post that was deleted a moment after the page was made', async () => {
    const { id } = await api.post(alice, 'here and gone');
    const first = async (): Promise<string | undefined> =>
      ids(await api.json('GET', '/api/v1/timelines/public?limit=7'))[0];
    expect(await first()).toBe(id);
    await api.ask('DELETE', `/api/v1/statuses/${id}`, { token: alice.token });
    expect(await first()).not.toBe(id);
  });

  it('of other servers and of media is empty', async () => {
    expect(await api.json('GET', '/api/v1/timelines/public?remote=true')).toEqual([]);
    expect(await api.json('GET', '/api/v1/timelines/public?only_media=true', { token: bob.token })).toEqual(
      [],
    );
  });
});

describe('the timeline of a tag', () => {
  it('has the public posts that carry it, however it is written', async () => {
    const { id } = await api.post(alice, 'all of #ＦüN');
    await api.post(alice, 'funny, not #fünf');
    for (const tag of ['fün', 'FÜN', '%EF%BC%A6%C3%BC%EF%BC%AE']) {
      expect(ids(await api.json('GET', `/api/v1/timelines/tag/${tag}`, { shape: 'Status[]' }))).toEqual([id]);
    }
    expect(await api.json('GET', '/api/v1/timelines/tag/nobody')).toEqual([]);
    expect(await api.json('GET', '/api/v1/timelines/tag/...')).toEqual([]);
  });

  it('with other tags beside it is refused, not half done', async () => {
    await api.ask('GET', '/api/v1/timelines/tag/a?any[]=b', { status: 422 });
  });
});
