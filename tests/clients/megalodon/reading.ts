// megalodon reads timelines by their links, deals with people, and searches.
import { Mastodon } from 'megalodon';
import { beforeAll, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import type { Person, Scene } from '../scene.ts';
import { followedPages, linkOf } from './pages.ts';
import { refusalOf } from './refusal.ts';

const posts = 33;

export function readingFlow(scene: () => Scene): void {
  let ruth: Person;
  let sven: Person;
  let client: Mastodon;
  let svens: Mastodon;
  let nobodys: Mastodon;
  /** Of Sven, newest first. */
  const ids: string[] = [];

  beforeAll(async () => {
    const { url } = scene();
    [ruth, sven] = (await scene().people('ruth', 'sven')) as [Person, Person];
    client = new Mastodon(url, ruth.token);
    svens = new Mastodon(url, sven.token);
    nobodys = new Mastodon(url);
    await client.followAccount(sven.id);
    for (let number = 0; number < posts; number++) {
      ids.unshift((await scene().post(sven, `walrus number ${number} #Walruses`)).id);
    }
  }, 120_000);

  test('home is read to its end by the links, none skipped and none twice, while others post', async () => {
    await until(async () => (await client.getHomeTimeline({ limit: 40 })).data.length === posts);
    const first = await client.getHomeTimeline({ limit: 10 });
    const pages = await followedPages(client, first, () =>
      scene().post(sven, 'in between', { visibility: 'private' }),
    );
    expect(pages).toEqual([ids.slice(0, 10), ids.slice(10, 20), ids.slice(20, 30), ids.slice(30)]);
    const prev = linkOf(first.headers.link, 'prev');
    const newer = await client.client.get<{ id: string }[]>(prev ?? '', {}, {}, true);
    expect(newer.data.length).toBeGreaterThanOrEqual(3);
    expect(newer.data.some(({ id }) => ids.includes(id))).toBe(false);
  });

  test('an account, a tag, the public and the local timeline have pages, too', async () => {
    const thirds = [ids.slice(0, 15), ids.slice(15, 30), ids.slice(30)];
    const limit = 15;
    expect(
      await followedPages(nobodys, await nobodys.getAccountStatuses(sven.id, { limit, only_media: false })),
    ).toEqual(thirds);
    expect(await followedPages(nobodys, await nobodys.getTagTimeline('walruses', { limit }))).toEqual(thirds);
    const everybodys = await nobodys.getPublicTimeline({ limit: 40 });
    expect(everybodys.data.map(({ id }) => id).filter((id) => ids.includes(id))).toEqual(ids);
    expect((await nobodys.getLocalTimeline({ limit: 40 })).data).toEqual(everybodys.data);
    expect((await nobodys.getPublicTimeline({ only_media: true })).data).toEqual([]);
  });

  test('max_id, since_id and min_id bound a page', async () => {
    const at = ids[10] ?? '';
    const page = async (options: Parameters<Mastodon['getTagTimeline']>[1]): Promise<string[]> =>
      (await nobodys.getTagTimeline('walruses', { limit: 4, ...options })).data.map(({ id }) => id);
    expect(await page({ max_id: at })).toEqual(ids.slice(11, 15));
    expect(await page({ since_id: at })).toEqual(ids.slice(0, 4));
    expect(await page({ min_id: at })).toEqual(ids.slice(6, 10));
  });

  test('follow, mute and block, as both see it', async () => {
    const bySven = async () => (await svens.getRelationships([ruth.id])).data[0];
    expect((await client.getRelationship(sven.id)).data).toMatchObject({
      id: sven.id,
      following: true,
      followed_by: false,
    });
    expect(await bySven()).toMatchObject({ id: ruth.id, following: false, followed_by: true });
    expect((await nobodys.getAccountFollowers(sven.id)).data.map(({ acct }) => acct)).toEqual(['ruth']);
    expect((await nobodys.getAccountFollowing(ruth.id)).data.map(({ acct }) => acct)).toEqual(['sven']);
    expect((await nobodys.getAccount(sven.id)).data).toMatchObject({
      acct: 'sven',
      followers_count: 1,
      following_count: 0,
    });

    expect((await client.muteAccount(sven.id, true)).data).toMatchObject({
      muting: true,
      muting_notifications: true,
    });
    expect((await client.getMutes()).data.map(({ id }) => id)).toEqual([sven.id]);
    expect((await client.getHomeTimeline()).data).toEqual([]);
    expect((await client.unmuteAccount(sven.id)).data).toMatchObject({ muting: false, following: true });

    expect((await client.blockAccount(sven.id)).data).toMatchObject({ blocking: true, following: false });
    expect(await bySven()).toMatchObject({ blocked_by: true, followed_by: false });
    expect((await client.getBlocks()).data.map(({ id }) => id)).toEqual([sven.id]);
    expect(await refusalOf(svens.followAccount(ruth.id))).toMatchObject({
      status: 403,
      error: 'This action is not allowed',
    });
    expect((await client.unblockAccount(sven.id)).data).toMatchObject({ blocking: false, following: false });
    expect((await client.unfollowAccount(sven.id)).data).toMatchObject({ following: false });
    expect((await nobodys.getAccountFollowers(sven.id)).data).toEqual([]);
  });

  test('all followers are read by megalodon’s own paging', async () => {
    const handles = Array.from({ length: 9 }, (_, number) => `reader_${number}`);
    const fans = await scene().people(...handles);
    for (const fan of fans) await scene().follow(fan, sven);
    const all = await nobodys.getAccountFollowers(sven.id, { limit: 4, get_all: true });
    expect(all.data.map(({ acct }) => acct)).toEqual(handles.toReversed());
  });

  test('people, texts and tags are found', async () => {
    const { data: found } = await until(async () => {
      const answer = await client.search('walrus', { limit: 40 });
      return answer.data.statuses.length === posts ? answer : null;
    });
    expect(found.statuses.map(({ id }) => id)).toEqual(ids);
    expect(found.hashtags.map(({ name, url }) => [name, url])).toEqual([
      ['walruses', `${scene().url}/tags/walruses`],
    ]);
    expect((await client.search('sven', { type: 'accounts' })).data).toMatchObject({
      accounts: [{ id: sven.id, acct: 'sven' }],
      statuses: [],
      hashtags: [],
    });
    expect((await client.searchAccount('sve')).data.map(({ acct }) => acct)).toEqual(['sven']);
    expect((await client.search('nothing has this word', {})).data).toEqual({
      accounts: [],
      statuses: [],
      hashtags: [],
    });
    expect(await refusalOf(client.getAccount('4711'))).toMatchObject({
      status: 404,
      error: 'Record not found',
    });
  });
}
