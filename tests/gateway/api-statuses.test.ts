// Single statuses over HTTP: reading, the thread, marks, boosts, deleting; and who may see what.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiServer, type Entity, type Person, startApi } from './api-server.ts';

let api: ApiServer;
let alice: Person;
let bob: Person;
let carol: Person;

beforeAll(async () => {
  api = await startApi();
  [alice, bob, carol] = [await api.person('alice'), await api.person('bob'), await api.person('carol')];
  await api.follow(bob, alice);
});
afterAll(() => api.close());

const ids = (list: Entity): string[] => list.map(({ id }: Entity) => id);
/** The handles in one of a status's lists of people. */
const peopleOf = async (id: string, list: string, reader?: Person): Promise<string[]> => {
  const people = await api.json<Entity>('GET', `/api/v1/statuses/${id}/${list}`, {
    ...(reader === undefined ? {} : { token: reader.token }),
    shape: 'Account[]',
  });
  return people.map(({ acct }: Entity) => acct).sort();
};
const read = (id: string, reader?: Person, status = 200): Promise<Entity> =>
  api.json('GET', `/api/v1/statuses/${id}`, {
    ...(reader === undefined ? {} : { token: reader.token }),
    status,
    ...(status === 200 ? { shape: 'Status' } : {}),
  });

describe('a status', () => {
  it.each([
    ['public', [200, 200, 200, 200]],
    ['unlisted', [200, 200, 200, 200]],
    ['private', [200, 200, 200, 404]],
    ['direct', [200, 404, 200, 404]],
  ])(
    'that is %s is seen by whom it is for, and is not there for others',
    async (visibility, [author, follower, named, nobody]) => {
      const { id } = await api.post(alice, 'for @carol', { visibility });
      await read(id, alice, author);
      await read(id, bob, follower);
      await read(id, carol, named);
      await read(id, undefined, nobody);
      for (const path of ['context', 'favourited_by', 'reblogged_by']) {
        await api.ask('GET', `/api/v1/statuses/${id}/${path}`, { status: nobody ?? 404 });
      }
      if (follower === 404) {
        for (const act of ['favourite', 'bookmark', 'reblog', 'unfavourite', 'unbookmark', 'unreblog']) {
          await api.ask('POST', `/api/v1/statuses/${id}/${act}`, { token: bob.token, status: 404 });
        }
        await api.ask('POST', '/api/v1/statuses', {
          token: bob.token,
          body: { status: 'x', in_reply_to_id: id },
          status: 404,
        });
        await api.ask('GET', `/api/v1/statuses/${id}/source`, { token: bob.token, status: 404 });
      }
    },
  );

  it.each(['0', '1', '9'.repeat(30), '9'.repeat(60), 'x', '-1', '%00'])(
    'with an id nobody made (%s) is not there',
    async (id) => {
      await read(id, alice, 404);
    },
  );

  it('is not there for those whom its author blocks', async () => {
    const dave = await api.person('dave');
    const { id } = await api.post(alice, 'not for dave');
    await read(id, dave);
    await api.ask('POST', `/api/v1/accounts/${dave.id}/block`, { token: alice.token, shape: 'Relationship' });
    await read(id, dave, 404);
  });

  it('can be read with others in one request, in the order asked for', async () => {
    const one = await api.post(alice, 'one');
    const two = await api.post(alice, 'two');
    const hidden = await api.post(alice, 'hidden', { visibility: 'private' });
    const path = `/api/v1/statuses?id[]=${two.id}&id[]=${hidden.id}&id%5B%5D=${one.id}&id[]=5&id[]=x`;
    expect(ids(await api.json('GET', path, { token: carol.token, shape: 'Status[]' }))).toEqual([
      two.id,
      one.id,
    ]);
  });

  it('gives its source to those who see it', async () => {
    const { id } = await api.post(alice, 'a < b & #c', { spoiler_text: 'maths' });
    expect(
      await api.json('GET', `/api/v1/statuses/${id}/source`, { token: bob.token, shape: 'StatusSource' }),
    ).toEqual({
      id,
      text: 'a < b & #c',
      spoiler_text: 'maths',
    });
  });
});

describe('a thread', () => {
  it('is what was answered, up to the first, and the answers, each followed by its own', async () => {
    const reply = async (author: Person, to: Entity, text: string): Promise<Entity> =>
      api.post(author, text, { in_reply_to_id: to.id });
    const root = await api.post(alice, 'root');
    const middle = await reply(bob, root, 'middle');
    const asked = await reply(alice, middle, 'asked');
    const first = await reply(bob, asked, 'first');
    const second = await reply(carol, asked, 'second');
    const underFirst = await reply(alice, first, 'under first');
    const path = `/api/v1/statuses/${asked.id}/context`;
    for (const token of [undefined, bob.token]) {
      const context = await api.json<Entity>('GET', path, {
        ...(token === undefined ? {} : { token }),
        shape: 'Context',
      });
      expect(ids(context.ancestors)).toEqual([root.id, middle.id]);
      expect(ids(context.descendants)).toEqual([first.id, underFirst.id, second.id]);
    }
    expect(await read(asked.id)).toMatchObject({
      replies_count: 2,
      in_reply_to_id: middle.id,
      in_reply_to_account_id: bob.id,
    });
  });

  it('leaves out what the reader may not see', async () => {
    const root = await api.post(alice, 'root');
    const hidden = await api.post(alice, 'hidden', { in_reply_to_id: root.id, visibility: 'private' });
    const under = await api.post(bob, 'under hidden', { in_reply_to_id: hidden.id });
    const path = `/api/v1/statuses/${root.id}/context`;
    expect(ids((await api.json<Entity>('GET', path, { token: bob.token })).descendants)).toEqual([
      hidden.id,
      under.id,
    ]);
    expect(ids((await api.json<Entity>('GET', path, { token: carol.token })).descendants)).toEqual([
      under.id,
    ]);
    const around = await api.json<Entity>('GET', `/api/v1/statuses/${under.id}/context`, {
      token: carol.token,
    });
    expect(ids(around.ancestors)).toEqual([root.id]);
  });

  it('that is long is cut for those who are not logged in', async () => {
    const root = await api.post(alice, 'root');
    let last = root;
    for (let depth = 0; depth < 42; depth++)
      last = await api.post(alice, `depth ${depth}`, { in_reply_to_id: last.id });
    const up = `/api/v1/statuses/${last.id}/context`;
    expect((await api.json<Entity>('GET', up)).ancestors).toHaveLength(40);
    expect((await api.json<Entity>('GET', up, { token: bob.token })).ancestors).toHaveLength(42);
    const down = `/api/v1/statuses/${root.id}/context`;
    expect((await api.json<Entity>('GET', down)).descendants).toHaveLength(20);
    expect((await api.json<Entity>('GET', down, { token: bob.token })).descendants).toHaveLength(42);
  });
});

describe('a mark', () => {
  it.each([
    ['favourite', 'favourited', 'favourites'],
    ['bookmark', 'bookmarked', 'bookmarks'],
  ])('%s is set, listed and taken back, and doing it twice does it once', async (act, field, list) => {
    const { id } = await api.post(alice, `to ${act}`);
    const mark = (deed: string): Promise<Entity> =>
      api.json('POST', `/api/v1/statuses/${id}/${deed}`, { token: bob.token, shape: 'Status' });
    await mark(act);
    expect(await mark(act)).toMatchObject({
      id,
      [field]: true,
      favourites_count: act === 'favourite' ? 1 : 0,
    });
    expect(ids(await api.json('GET', `/api/v1/${list}`, { token: bob.token, shape: 'Status[]' }))).toContain(
      id,
    );
    await mark(`un${act}`);
    expect(await mark(`un${act}`)).toMatchObject({ id, [field]: false, favourites_count: 0 });
    expect(
      ids(await api.json('GET', `/api/v1/${list}`, { token: bob.token, shape: 'Status[]' })),
    ).not.toContain(id);
  });

  it('lists walk to their end by Link', async () => {
    const marked: string[] = [];
    for (let count = 0; count < 5; count++) {
      const { id } = await api.post(alice, `mark ${count}`);
      await api.ask('POST', `/api/v1/statuses/${id}/bookmark`, { token: carol.token });
      marked.unshift(id);
    }
    const first = await api.ask('GET', '/api/v1/bookmarks?limit=3', { token: carol.token });
    const next =
      /<([^>]+)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1]?.replace(api.url, '') ?? '';
    const second = await api.ask('GET', next, { token: carol.token });
    expect([...ids(first.body), ...ids(second.body)]).toEqual(marked);
    expect(second.headers.get('link')).not.toContain('rel="next"');
  });

  it('favourites and boosts name the people', async () => {
    const { id } = await api.post(alice, 'popular');
    for (const person of [bob, carol]) {
      await api.ask('POST', `/api/v1/statuses/${id}/favourite`, { token: person.token });
      await api.ask('POST', `/api/v1/statuses/${id}/reblog`, { token: person.token });
    }
    for (const path of ['favourited_by', 'reblogged_by']) {
      const people = await api.json<Entity>('GET', `/api/v1/statuses/${id}/${path}`, { shape: 'Account[]' });
      expect(people.map(({ acct }: Entity) => acct).sort()).toEqual(['bob', 'carol']);
    }
  });

  it('and boosts are not shown across a block, in either direction', async () => {
    const [erin, frank, grace] = [
      await api.person('erin'),
      await api.person('frank'),
      await api.person('grace'),
    ];
    const { id } = await api.post(alice, 'marked by erin and grace');
    for (const person of [erin, grace]) {
      await api.ask('POST', `/api/v1/statuses/${id}/favourite`, { token: person.token });
      await api.ask('POST', `/api/v1/statuses/${id}/reblog`, { token: person.token });
    }
    await api.ask('POST', `/api/v1/accounts/${erin.id}/block`, { token: frank.token });
    await api.ask('POST', `/api/v1/accounts/${bob.id}/block`, { token: grace.token });
    for (const path of ['favourited_by', 'reblogged_by']) {
      expect(await peopleOf(id, path, frank)).toEqual(['grace']);
      expect(await peopleOf(id, path, bob)).toEqual(['erin']);
      expect(await peopleOf(id, path)).toEqual(['erin', 'grace']);
    }
  });

  it.each(['', 'by the boost'])(
    'is taken back from a post that cannot be seen any more, and the answer is as if it were not there %s',
    async (by) => {
      const author = await api.person(`author${by.length}`);
      const reader = await api.person(`reader${by.length}`);
      const { id } = await api.post(author, 'soon behind a block');
      const act = (deed: string, of: string, status = 200): Promise<Entity> =>
        api.json('POST', `/api/v1/statuses/${of}/${deed}`, { token: reader.token, status });
      await act('favourite', id);
      await act('bookmark', id);
      const boost = await act('reblog', id);
      const block = (deed: string) =>
        api.ask('POST', `/api/v1/accounts/${reader.id}/${deed}`, { token: author.token });
      await block('block');
      for (const deed of ['unfavourite', 'unbookmark', 'unreblog'])
        await act(deed, by === '' ? id : boost.id, 404);
      expect(await peopleOf(id, 'favourited_by')).toEqual([]);
      expect(await peopleOf(id, 'reblogged_by')).toEqual([]);
      await block('unblock');
      expect(await read(id, reader)).toMatchObject({
        favourited: false,
        bookmarked: false,
        reblogged: false,
        favourites_count: 0,
        reblogs_count: 0,
      });
    },
  );

  it("stays when it is taken back by somebody's boost that is not for the reader: it would tell what was boosted", async () => {
    const { id } = await api.post(alice, 'boosted for few');
    const boost = await api.json<Entity>('POST', `/api/v1/statuses/${id}/reblog`, {
      token: bob.token,
      body: { visibility: 'private' },
    });
    await api.ask('POST', `/api/v1/statuses/${id}/favourite`, { token: carol.token });
    await api.ask('POST', `/api/v1/statuses/${boost.id}/unfavourite`, { token: carol.token, status: 404 });
    expect(await read(id, carol)).toMatchObject({ favourited: true });
  });
});

describe('a boost', () => {
  it('is a new status around the old one, once each, and can be taken back', async () => {
    const { id } = await api.post(alice, 'boost me');
    const boost = (): Promise<Entity> =>
      api.json('POST', `/api/v1/statuses/${id}/reblog`, { token: bob.token, shape: 'Status' });
    const first = await boost();
    expect(first).toMatchObject({
      account: { acct: 'bob' },
      reblogged: true,
      reblog: { id, reblogged: true, reblogs_count: 1 },
    });
    expect(first.id).not.toBe(id);
    expect((await boost()).id).toBe(first.id);
    const back = await api.json<Entity>('POST', `/api/v1/statuses/${id}/unreblog`, {
      token: bob.token,
      shape: 'Status',
    });
    expect(back).toMatchObject({ id, reblogged: false, reblogs_count: 0, reblog: null });
    await read(first.id, bob, 404);
  });

  it('stands for what it boosts when it is marked, answered or boosted', async () => {
    const original = await api.post(alice, 'the original');
    const boost = await api.json<Entity>('POST', `/api/v1/statuses/${original.id}/reblog`, {
      token: bob.token,
    });
    const marked = await api.json<Entity>('POST', `/api/v1/statuses/${boost.id}/favourite`, {
      token: carol.token,
    });
    expect(marked).toMatchObject({ id: original.id, favourited: true });
    const reply = await api.post(carol, 'an answer', { in_reply_to_id: boost.id });
    expect(reply).toMatchObject({ in_reply_to_id: original.id, in_reply_to_account_id: alice.id });
    const again = await api.json<Entity>('POST', `/api/v1/statuses/${boost.id}/reblog`, {
      token: carol.token,
    });
    expect(again.reblog.id).toBe(original.id);
    const context = await api.json<Entity>('GET', `/api/v1/statuses/${boost.id}/context`, {
      token: bob.token,
    });
    expect(ids(context.descendants)).toEqual([reply.id]);
  });

  it('of what only followers see is refused', async () => {
    const { id } = await api.post(alice, 'for followers', { visibility: 'private' });
    const refused = await api.ask('POST', `/api/v1/statuses/${id}/reblog`, { token: bob.token, status: 403 });
    expect(refused.body).toEqual({ error: 'This action is not allowed' });
    await api.ask('POST', `/api/v1/statuses/${id}/reblog`, { token: alice.token, status: 403 });
  });

  it('can be seen by fewer than what it boosts', async () => {
    const { id } = await api.post(alice, 'public');
    const boost = await api.json<Entity>('POST', `/api/v1/statuses/${id}/reblog`, {
      token: bob.token,
      body: { visibility: 'private' },
    });
    expect(boost.visibility).toBe('private');
    await read(boost.id, undefined, 404);
    const dan = await api.person('dan');
    await api.follow(dan, bob);
    expect(await peopleOf(id, 'reblogged_by')).toEqual([]);
    expect(await peopleOf(id, 'reblogged_by', carol)).toEqual([]);
    expect(await peopleOf(id, 'reblogged_by', dan)).toEqual(['bob']);
    expect(await peopleOf(id, 'reblogged_by', bob)).toEqual(['bob']);
    await api.ask('POST', `/api/v1/statuses/${id}/reblog`, {
      token: carol.token,
      body: { visibility: 'direct' },
      status: 422,
    });
  });
});

describe('deleting', () => {
  it('gives the status back with its text, and it is gone', async () => {
    const { id } = await api.post(alice, 'oh <no>');
    const gone = await api.json<Entity>('DELETE', `/api/v1/statuses/${id}`, {
      token: alice.token,
      body: {},
      shape: 'Status',
    });
    expect(gone).toMatchObject({ id, text: 'oh <no>', content: '<p>oh &lt;no&gt;</p>' });
    await read(id, alice, 404);
    await api.ask('DELETE', `/api/v1/statuses/${id}`, { token: alice.token, status: 404 });
  });

  it('is for the author alone', async () => {
    const { id } = await api.post(alice, 'mine');
    await api.ask('DELETE', `/api/v1/statuses/${id}`, { token: bob.token, status: 404 });
    await read(id);
  });

  it("takes the answers' count and the boosts with it", async () => {
    const root = await api.post(alice, 'root');
    const answer = await api.post(bob, 'answer', { in_reply_to_id: root.id });
    const boost = await api.json<Entity>('POST', `/api/v1/statuses/${answer.id}/reblog`, {
      token: carol.token,
    });
    await api.ask('DELETE', `/api/v1/statuses/${answer.id}`, { token: bob.token });
    expect(await read(root.id)).toMatchObject({ replies_count: 0 });
    await read(boost.id, carol, 404);
  });

  it("of one's own boost takes only the boost", async () => {
    const { id } = await api.post(alice, 'stays');
    const boost = await api.json<Entity>('POST', `/api/v1/statuses/${id}/reblog`, { token: bob.token });
    await api.ask('DELETE', `/api/v1/statuses/${boost.id}`, { token: bob.token, shape: 'Status' });
    await read(boost.id, bob, 404);
    expect(await read(id, bob)).toMatchObject({ reblogged: false, reblogs_count: 0 });
  });

  it("of one's own boost needs no look at what it boosts", async () => {
    const [author, reader] = [await api.person('hanna'), await api.person('ian')];
    const { id } = await api.post(author, 'boosted, then behind a block');
    const boost = await api.json<Entity>('POST', `/api/v1/statuses/${id}/reblog`, { token: reader.token });
    await api.ask('POST', `/api/v1/accounts/${reader.id}/block`, { token: author.token });
    await api.ask('DELETE', `/api/v1/statuses/${boost.id}`, { token: reader.token, status: 404 });
    expect(await read(id)).toMatchObject({ reblogs_count: 0 });
  });
});
