// masto favourites, boosts and bookmarks, and takes it back.
import { createRestAPIClient, type mastodon } from 'masto';
import { beforeAll, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import type { Person, Scene } from '../scene.ts';
import { refusalOf } from './refusal.ts';

export function markFlow(scene: () => Scene): void {
  let author: Person;
  let reader: Person;
  let fan: Person;
  let rest: mastodon.rest.Client;
  let nobodys: mastodon.rest.Client;

  beforeAll(async () => {
    const { url } = scene();
    [author, reader, fan] = (await scene().people('vera', 'wim', 'xenia')) as [Person, Person, Person];
    rest = createRestAPIClient({ url, accessToken: reader.token });
    nobodys = createRestAPIClient({ url });
    await scene().follow(fan, reader);
  });

  test('a favourite counts once, for its owner and for everybody', async () => {
    const { id } = await scene().post(author, 'to be liked');
    const post = rest.v1.statuses.$select(id);
    expect(await post.favourite()).toMatchObject({ id, favourited: true, favouritesCount: 1 });
    expect(await post.favourite()).toMatchObject({ favourited: true, favouritesCount: 1 });
    const seen = await nobodys.v1.statuses.$select(id).fetch();
    expect(seen.favouritesCount).toBe(1);
    expect(seen).not.toHaveProperty('favourited');
    expect((await nobodys.v1.statuses.$select(id).favouritedBy.list()).map(({ acct }) => acct)).toEqual([
      'wim',
    ]);
    expect((await rest.v1.favourites.list()).map((status) => status.id)).toEqual([id]);
    expect(await post.unfavourite()).toMatchObject({ favourited: false, favouritesCount: 0 });
    expect(await nobodys.v1.statuses.$select(id).favouritedBy.list()).toEqual([]);
    expect(await rest.v1.favourites.list()).toEqual([]);
  });

  test('a boost is a post of its own around the other, and followers get it', async () => {
    const { id } = await scene().post(author, 'to be passed on');
    const post = rest.v1.statuses.$select(id);
    const boost = await post.reblog();
    expect(boost.id).not.toBe(id);
    expect(boost).toMatchObject({
      account: { acct: 'wim' },
      reblog: {
        id,
        account: { acct: 'vera' },
        reblogged: true,
        reblogsCount: 1,
        content: '<p>to be passed on</p>',
      },
    });
    expect((await post.reblog()).id).toBe(boost.id);
    expect(await post.fetch()).toMatchObject({ reblogged: true, reblogsCount: 1 });
    expect((await nobodys.v1.statuses.$select(id).rebloggedBy.list()).map(({ acct }) => acct)).toEqual([
      'wim',
    ]);

    const fans = createRestAPIClient({ url: scene().url, accessToken: fan.token });
    const [delivered] = await until(async () => {
      const home = await fans.v1.timelines.home.list();
      return home.length > 0 ? home : null;
    });
    expect(delivered).toMatchObject({ id: boost.id, reblog: { id, reblogged: false } });

    expect(await post.unreblog()).toMatchObject({ id, reblogged: false, reblogsCount: 0, reblog: null });
    expect(await refusalOf(rest.v1.statuses.$select(boost.id).fetch())).toMatchObject({ statusCode: 404 });
    expect(await nobodys.v1.statuses.$select(id).rebloggedBy.list()).toEqual([]);
    expect(await fans.v1.timelines.home.list()).toEqual([]);
  });

  test('what is not public is not boosted', async () => {
    await scene().follow(reader, author);
    const { id } = await scene().post(author, 'among ourselves', { visibility: 'private' });
    expect(await refusalOf(rest.v1.statuses.$select(id).reblog())).toMatchObject({
      statusCode: 403,
      message: 'This action is not allowed',
    });
    expect((await rest.v1.statuses.$select(id).fetch()).reblogsCount).toBe(0);
  });

  test('a bookmark is nobody else’s business', async () => {
    const { id } = await scene().post(author, 'to be kept');
    const post = rest.v1.statuses.$select(id);
    expect(await post.bookmark()).toMatchObject({ id, bookmarked: true });
    expect((await rest.v1.bookmarks.list()).map((status) => status.id)).toEqual([id]);
    const authors = createRestAPIClient({ url: scene().url, accessToken: author.token });
    expect(await authors.v1.statuses.$select(id).fetch()).toMatchObject({ bookmarked: false });
    expect(await authors.v1.bookmarks.list()).toEqual([]);
    expect(await post.unbookmark()).toMatchObject({ bookmarked: false });
    expect(await rest.v1.bookmarks.list()).toEqual([]);
  });

  test('lists of favourites and bookmarks have pages, in the order of the marks', async () => {
    const ids: string[] = [];
    for (const number of [1, 2, 3, 4, 5, 6, 7]) ids.push((await scene().post(author, `mark ${number}`)).id);
    // Not in the order of the posts.
    const order = [3, 0, 6, 1, 5, 2, 4].map((at) => ids[at] ?? '');
    for (const id of order) {
      await rest.v1.statuses.$select(id).favourite();
      await rest.v1.statuses.$select(id).bookmark();
    }
    for (const list of [rest.v1.favourites.list({ limit: 3 }), rest.v1.bookmarks.list({ limit: 3 })]) {
      const pages: string[][] = [];
      for await (const page of list) pages.push(page.map(({ id }) => id));
      expect(pages.map(({ length }) => length)).toEqual([3, 3, 1]);
      expect(pages.flat()).toEqual(order.toReversed());
    }
  });
}
