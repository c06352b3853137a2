// Search over HTTP: people, texts, tags, and addresses of ours.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiServer, type Entity, type Person, startApi } from './api-server.ts';

let api: ApiServer;
let alice: Person;
let bob: Person;
let post: Entity;
let hidden: Entity;

beforeAll(async () => {
  api = await startApi();
  [alice, bob] = [await api.person('alice'), await api.person('bob')];
  post = await api.post(alice, 'A quick brown fox #Animals');
  hidden = await api.post(alice, 'A secret brown bear #Animals', { visibility: 'private' });
});
afterAll(() => api.close());

const search = (query: string, person?: Person): Promise<Entity> =>
  api.json('GET', `/api/v2/search?${query}`, {
    ...(person === undefined ? {} : { token: person.token }),
    shape: 'Search',
  });
const found = async (query: string, person?: Person): Promise<unknown> => {
  const { accounts, statuses, hashtags } = await search(query, person);
  return [
    accounts.map(({ acct }: Entity) => acct),
    statuses.map(({ id }: Entity) => id),
    hashtags.map(({ name }: Entity) => name),
  ];
};

describe('a search', () => {
  it('finds people by name, texts by their words, tags by their beginning', async () => {
    expect(await found('q=ali', bob)).toEqual([['alice'], [], []]);
    expect(await found('q=fox+BROWN', bob)).toEqual([[], [post.id], []]);
    expect(await found('q=%23anim', bob)).toEqual([[], [], ['animals']]);
    expect(await found('q=@alice&resolve=true', bob)).toEqual([['alice'], [], []]);
  });

  it('finds of texts what the reader may see', async () => {
    expect(await found('q=brown&type=statuses', bob)).toEqual([[], [post.id], []]);
    expect(await found('q=brown&type=statuses')).toEqual([[], [post.id], []]);
    expect(await found('q=brown&type=statuses', alice)).toEqual([[], [hidden.id, post.id], []]);
  });

  it('cuts its pages out of what the reader may see: nothing tells that there is more', async () => {
    const rumour = await api.post(alice, 'A merger is a rumour');
    const off = await api.post(alice, 'The MERGER is off', { visibility: 'private' });
    for (const reader of [bob, undefined]) {
      for (const author of ['', `&account_id=${alice.id}`]) {
        const merger = `q=merger&type=statuses&limit=1${author}`;
        expect(await found(merger, reader)).toEqual([[], [rumour.id], []]);
        expect(await found(`${merger}&offset=1`, reader)).toEqual([[], [], []]);
      }
    }
    expect(await found('q=merger&type=statuses&limit=1', alice)).toEqual([[], [off.id], []]);
    expect(await found('q=merger&type=statuses&limit=1&offset=1', alice)).toEqual([[], [rumour.id], []]);
  });

  it('may be for one kind, for one author, for a part of the results', async () => {
    expect(await found('q=animals&type=hashtags', bob)).toEqual([[], [], ['animals']]);
    expect(await found(`q=fox&account_id=${bob.id}`, alice)).toEqual([[], [], []]);
    expect(await found(`q=fox&account_id=${alice.id}`, bob)).toEqual([[], [post.id], []]);
    expect(await found('q=brown&type=statuses&limit=1&offset=1', alice)).toEqual([[], [post.id], []]);
  });

  it('for an address of ours finds what it leads to', async () => {
    expect(await found(`q=${encodeURIComponent(post.url)}&resolve=1`, bob)).toEqual([[], [post.id], []]);
    expect(await found(`q=${encodeURIComponent(post.uri)}`, bob)).toEqual([[], [post.id], []]);
    expect(await found(`q=${encodeURIComponent(hidden.url)}`, bob)).toEqual([[], [], []]);
    expect(await found(`q=${encodeURIComponent(`${api.url}/@Alice`)}`, bob)).toEqual([['alice'], [], []]);
    expect(await found(`q=${encodeURIComponent(`${api.url}/@nobody`)}`, bob)).toEqual([[], [], []]);
  });

  it('is made once for many who ask the same without an account, and anew when what it shows is deleted', async () => {
    const { id } = await api.post(alice, 'A fugitive');
    const before = api.calls.get('searchStatuses') ?? 0;
    const all = await Promise.all(Array.from({ length: 20 }, () => found('q=fugitive')));
    expect(all).toEqual(all.map(() => [[], [id], []]));
    expect(api.calls.get('searchStatuses')).toBeLessThan(before + 20);
    await api.ask('DELETE', `/api/v1/statuses/${id}`, { token: alice.token });
    expect(await found('q=fugitive')).toEqual([[], [], []]);
  });

  it('of somebody with an account is their own', async () => {
    const { id } = await api.post(alice, 'A recluse', { visibility: 'private' });
    expect(await found('q=recluse')).toEqual([[], [], []]);
    expect(await found('q=recluse', alice)).toEqual([[], [id], []]);
    expect(await found('q=recluse')).toEqual([[], [], []]);
  });

  it('shows a person renamed at once', async () => {
    expect((await search('q=bob')).accounts[0].display_name).not.toBe('Robert');
    await api.ask('PATCH', '/api/v1/accounts/update_credentials', {
      token: bob.token,
      body: { display_name: 'Robert' },
    });
    expect((await search('q=bob')).accounts[0].display_name).toBe('Robert');
  });

  it('without a question, or for a kind there is none of, is refused', async () => {
    for (const query of ['', '?q=', '?q=+', '?q=x&type=planets']) {
      await api.ask('GET', `/api/v2/search${query}`, { token: bob.token, status: 400 });
    }
  });
});

it('a tag is told by its name', async () => {
  const tag = await api.json('GET', '/api/v1/tags/ANIMALS', { shape: 'Tag' });
  expect(tag).toEqual({ id: 'animals', name: 'animals', url: `${api.url}/tags/animals`, history: [] });
  expect(await api.json('GET', '/api/v1/tags/animals', { token: bob.token, shape: 'Tag' })).toHaveProperty(
    'following',
    false,
  );
  await api.ask('GET', '/api/v1/tags/...', { status: 404 });
});
