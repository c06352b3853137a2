// megalodon posts, replies, marks, reads threads and deletes.
import { type Entity, Mastodon } from 'megalodon';
import { beforeAll, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import type { Person, Scene } from '../scene.ts';
import { refusalOf } from './refusal.ts';

export function postingFlow(scene: () => Scene): void {
  let url: string;
  let olga: Person;
  let piet: Person;
  let client: Mastodon;
  let piets: Mastodon;
  let nobodys: Mastodon;

  beforeAll(async () => {
    url = scene().url;
    [olga, piet] = (await scene().people('olga', 'piet')) as [Person, Person];
    client = new Mastodon(url, olga.token);
    piets = new Mastodon(url, piet.token);
    nobodys = new Mastodon(url);
  });

  async function post(
    by: Mastodon,
    text: string,
    options: Parameters<Mastodon['postStatus']>[1] = {},
  ): Promise<Entity.Status> {
    const { data } = await by.postStatus(text, options);
    if (!('content' in data)) throw new Error(`not a status: ${JSON.stringify(data)}`);
    return data;
  }

  test('a post comes back as it will be shown', async () => {
    const status = await post(client, 'to @piet about #Ships: https://ships.example/', {
      visibility: 'unlisted',
      spoiler_text: 'water',
      sensitive: true,
      language: 'nl',
    });
    expect(status).toMatchObject({
      url: `${url}/@olga/${status.id}`,
      account: { id: olga.id, acct: 'olga' },
      visibility: 'unlisted',
      spoiler_text: 'water',
      sensitive: true,
      language: 'nl',
      in_reply_to_id: null,
      reblog: null,
      favourited: false,
      mentions: [{ id: piet.id, acct: 'piet' }],
      tags: [{ name: 'ships', url: `${url}/tags/ships` }],
    });
    expect(status.content).toContain('href="https://ships.example/"');
    expect((await nobodys.getStatus(status.id)).data.content).toBe(status.content);
    expect((await client.getStatusSource(status.id)).data).toMatchObject({
      text: 'to @piet about #Ships: https://ships.example/',
      spoiler_text: 'water',
    });
  });

  test('the same Idempotency-Key is the same post', async () => {
    const once = async (key: string): Promise<string> =>
      (
        await client.client.post<{ id: string }>(
          '/api/v1/statuses',
          { status: 'once' },
          { 'Idempotency-Key': key },
        )
      ).data.id;
    const first = await once('a');
    expect(await once('a')).toBe(first);
    expect(await once('b')).not.toBe(first);
  });

  test('what only followers may see is not there for others', async () => {
    const hidden = await post(client, 'among ourselves', { visibility: 'private' });
    expect(await refusalOf(piets.getStatus(hidden.id))).toMatchObject({
      status: 404,
      error: 'Record not found',
    });
    await piets.followAccount(olga.id);
    expect((await piets.getStatus(hidden.id)).data.visibility).toBe('private');
    await piets.unfollowAccount(olga.id);
    expect(await refusalOf(piets.getStatus(hidden.id))).toMatchObject({ status: 404 });
  });

  test('a thread is told as it hangs together', async () => {
    const root = await post(client, 'root');
    const one = await post(piets, 'one', { in_reply_to_id: root.id });
    const two = await post(client, 'two', { in_reply_to_id: one.id });
    const { data } = await client.getStatusContext(one.id);
    expect(data.ancestors.map(({ id }) => id)).toEqual([root.id]);
    expect(
      data.descendants.map(({ id, in_reply_to_id, in_reply_to_account_id }) => [
        id,
        in_reply_to_id,
        in_reply_to_account_id,
      ]),
    ).toEqual([[two.id, one.id, piet.id]]);
    expect((await nobodys.getStatus(root.id)).data.replies_count).toBe(1);
  });

  test('favourite, boost and bookmark, and all of it taken back', async () => {
    const { id } = await post(client, 'to be marked');
    expect((await piets.favouriteStatus(id)).data).toMatchObject({
      id,
      favourited: true,
      favourites_count: 1,
    });
    expect((await client.getStatusFavouritedBy(id)).data.map(({ acct }) => acct)).toEqual(['piet']);
    expect((await piets.getFavourites()).data.map((status) => status.id)).toEqual([id]);
    expect((await piets.unfavouriteStatus(id)).data).toMatchObject({
      favourited: false,
      favourites_count: 0,
    });

    const { data: boost } = await piets.reblogStatus(id);
    expect(boost).toMatchObject({
      account: { acct: 'piet' },
      reblog: { id, reblogged: true, reblogs_count: 1 },
    });
    expect(boost.id).not.toBe(id);
    expect((await client.getStatusRebloggedBy(id)).data.map(({ acct }) => acct)).toEqual(['piet']);
    expect((await piets.unreblogStatus(id)).data).toMatchObject({
      id,
      reblogged: false,
      reblogs_count: 0,
      reblog: null,
    });
    expect(await refusalOf(piets.getStatus(boost.id))).toMatchObject({ status: 404 });

    expect((await piets.bookmarkStatus(id)).data).toMatchObject({ id, bookmarked: true });
    expect((await piets.getBookmarks()).data.map((status) => status.id)).toEqual([id]);
    expect((await piets.unbookmarkStatus(id)).data).toMatchObject({ bookmarked: false });
    expect((await piets.getBookmarks()).data).toEqual([]);
  });

  test('notifications tell of it, and are put away', async () => {
    await client.dismissNotifications();
    const { id } = await post(client, 'to be answered');
    await piets.followAccount(olga.id);
    await piets.favouriteStatus(id);
    await piets.reblogStatus(id);
    const reply = await post(piets, '@olga here', { in_reply_to_id: id });
    const { data: told } = await until(async () => {
      const answer = await client.getNotifications();
      return answer.data.length === 4 ? answer : null;
    });
    expect(told.map(({ type }) => type)).toEqual(['mention', 'reblog', 'favourite', 'follow']);
    expect(told.map(({ account }) => account?.acct)).toEqual(['piet', 'piet', 'piet', 'piet']);
    expect(told.map(({ status }) => status?.id)).toEqual([reply.id, id, id, undefined]);
    const mention = told[0];
    expect((await client.getNotification(mention?.id ?? '')).data).toEqual(mention);
    expect(
      (await client.getNotifications({ exclude_types: ['mention', 'follow'] })).data.map(({ type }) => type),
    ).toEqual(['reblog', 'favourite']);
    await client.dismissNotification(mention?.id ?? '');
    expect((await client.getNotifications()).data).toHaveLength(3);
    await client.dismissNotifications();
    expect((await client.getNotifications()).data).toEqual([]);
  });

  test('a deleted post is given back, and is then nowhere', async () => {
    const { id } = await post(client, 'away with this');
    expect(await refusalOf(piets.deleteStatus(id))).toMatchObject({ status: 404 });
    // megalodon leaves out the text that the server adds.
    expect((await client.deleteStatus(id)).data).toMatchObject({ id, content: '<p>away with this</p>' });
    expect(await refusalOf(client.getStatus(id))).toMatchObject({ status: 404, error: 'Record not found' });
  });

  test('what cannot be posted is refused in words', async () => {
    expect(await refusalOf(client.postStatus('', {}))).toMatchObject({
      status: 422,
      error: "Validation failed: Text can't be blank",
    });
    expect(await refusalOf(client.postStatus('x'.repeat(501), {}))).toMatchObject({
      status: 422,
      error: 'Validation failed: Text is longer than the limit of 500 characters',
    });
    const poll = { options: ['a', 'b'], expires_in: 300 };
    expect(await refusalOf(client.postStatus('x', { poll }))).toMatchObject({
      status: 422,
      error: 'Validation failed: Polls are not supported here',
    });
    expect(await refusalOf(nobodys.postStatus('x', {}))).toMatchObject({
      status: 401,
      error: 'The access token is invalid',
    });
    expect(await refusalOf(new Mastodon(url, 'no-such-token').getHomeTimeline())).toMatchObject({
      status: 401,
    });
  });
}
