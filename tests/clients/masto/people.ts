// masto follows, mutes and blocks, and reads who follows whom.
import { createRestAPIClient, type mastodon } from 'masto';
import { beforeAll, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import type { Person, Scene } from '../scene.ts';
import { refusalOf } from './refusal.ts';

/** What nobody has done: each test says what differs. */
const nothing = {
  following: false,
  showingReblogs: false,
  notifying: false,
  followedBy: false,
  blocking: false,
  blockedBy: false,
  muting: false,
  mutingNotifications: false,
  mutingExpiresAt: null,
  languages: null,
  requested: false,
  requestedBy: false,
  domainBlocking: false,
  endorsed: false,
  note: '',
};

export function peopleFlow(scene: () => Scene): void {
  let ana: Person;
  let bob: Person;
  let anas: mastodon.rest.Client;
  let bobs: mastodon.rest.Client;
  let bob_: ReturnType<mastodon.rest.Client['v1']['accounts']['$select']>;

  beforeAll(async () => {
    const { url } = scene();
    [ana, bob] = (await scene().people('ana', 'Bob_the_2nd')) as [Person, Person];
    anas = createRestAPIClient({ url, accessToken: ana.token });
    bobs = createRestAPIClient({ url, accessToken: bob.token });
    bob_ = anas.v1.accounts.$select(bob.id);
  });

  const homeOf = async (client: mastodon.rest.Client): Promise<string[]> =>
    (await client.v1.timelines.home.list()).map(({ id }) => id);

  test('a follow brings the posts, and both lists and counts', async () => {
    const before = await scene().post(bob, 'before the follow');
    expect(await bob_.follow()).toMatchObject({
      ...nothing,
      id: bob.id,
      following: true,
      showingReblogs: true,
    });
    const after = await scene().post(bob, 'after the follow');
    await until(async () => (await homeOf(anas)).includes(after.id));
    expect(await homeOf(anas)).toEqual([after.id, before.id]);
    expect(await bobs.v1.accounts.relationships.fetch({ id: [ana.id] })).toEqual([
      { ...nothing, id: ana.id, followedBy: true },
    ]);
    expect(await bob_.fetch()).toMatchObject({ followersCount: 1, followingCount: 0, statusesCount: 2 });
    expect(await anas.v1.accounts.verifyCredentials()).toMatchObject({
      followersCount: 0,
      followingCount: 1,
    });
    expect((await bob_.followers.list()).map(({ acct }) => acct)).toEqual(['ana']);
    expect((await anas.v1.accounts.$select(ana.id).following.list()).map(({ acct }) => acct)).toEqual([
      'Bob_the_2nd',
    ]);
    // Again changes nothing but what it says.
    expect(await bob_.follow({ reblogs: false })).toMatchObject({ following: true, showingReblogs: false });
    expect((await bob_.fetch()).followersCount).toBe(1);
  });

  test('a mute hides the posts and keeps the follow; its end shows them again', async () => {
    expect(await bob_.mute({ notifications: false })).toMatchObject({
      following: true,
      muting: true,
      mutingNotifications: false,
    });
    expect((await anas.v1.mutes.list()).map(({ id }) => id)).toEqual([bob.id]);
    const hidden = await scene().post(bob, 'while muted');
    const own = await anas.v1.statuses.create({ status: 'mine' });
    expect(await homeOf(anas)).toEqual([own.id]);
    expect(await bob_.unmute()).toMatchObject({ following: true, muting: false });
    await until(async () => (await homeOf(anas)).includes(hidden.id));
    expect(await anas.v1.mutes.list()).toEqual([]);
  });

  test('an unfollow takes the posts away', async () => {
    expect(await bob_.unfollow()).toMatchObject({ ...nothing, id: bob.id });
    expect(await bob_.fetch()).toMatchObject({ followersCount: 0 });
    expect(await bob_.followers.list()).toEqual([]);
    const theirs = (await bob_.statuses.list()).map(({ id }) => id);
    expect((await homeOf(anas)).filter((id) => theirs.includes(id))).toEqual([]);
  });

  test('a block ends the follows of both, and hides each from the other', async () => {
    await Promise.all([scene().follow(ana, bob), scene().follow(bob, ana)]);
    const post = await scene().post(ana, 'not for Bob any more');
    expect(await anas.v1.accounts.$select(bob.id).block()).toMatchObject({ ...nothing, blocking: true });
    expect((await anas.v1.blocks.list()).map(({ id }) => id)).toEqual([bob.id]);
    expect(await bobs.v1.accounts.relationships.fetch({ id: [ana.id] })).toEqual([
      { ...nothing, id: ana.id, blockedBy: true },
    ]);
    expect(await refusalOf(bobs.v1.statuses.$select(post.id).fetch())).toMatchObject({ statusCode: 404 });
    expect(await bobs.v1.accounts.$select(ana.id).statuses.list()).toEqual([]);
    expect(await homeOf(bobs)).not.toContain(post.id);
    expect(await refusalOf(bobs.v1.accounts.$select(ana.id).follow())).toMatchObject({
      statusCode: 403,
      message: 'This action is not allowed',
    });
    expect(await bob_.unblock()).toMatchObject(nothing);
    expect((await bobs.v1.statuses.$select(post.id).fetch()).id).toBe(post.id);
  });

  test('followers have pages', async () => {
    const fans = await scene().people('fan_1', 'fan_2', 'fan_3', 'fan_4', 'fan_5', 'fan_6', 'fan_7');
    for (const fan of fans) await scene().follow(fan, bob);
    const pages: string[][] = [];
    for await (const page of bob_.followers.list({ limit: 3 })) pages.push(page.map(({ acct }) => acct));
    expect(pages).toEqual([['fan_7', 'fan_6', 'fan_5'], ['fan_4', 'fan_3', 'fan_2'], ['fan_1']]);
    const relations = await bobs.v1.accounts.relationships.fetch({ id: fans.map(({ id }) => id) });
    expect(relations.map(({ id, followedBy }) => [id, followedBy])).toEqual(fans.map(({ id }) => [id, true]));
  });

  test('two hundred relationships are asked for at once, in an address of that length', async () => {
    const ids = Array.from({ length: 199 }, (_, number) => String(10 ** 15 + number));
    const relations = await anas.v1.accounts.relationships.fetch({ id: [...ids, bob.id] });
    expect(relations.map(({ id }) => id)).toEqual([bob.id]);
    expect(
      await refusalOf(anas.v1.accounts.relationships.fetch({ id: [...ids, bob.id, '1'] })),
    ).toMatchObject({
      statusCode: 422,
      message: 'Validation failed: id may have 200 entries at most',
    });
  });

  test('an account is found by its name, whatever its case', async () => {
    const host = new URL(scene().url).host;
    for (const acct of ['Bob_the_2nd', 'bob_the_2ND', `@bob_the_2nd@${host}`]) {
      expect((await anas.v1.accounts.lookup({ acct })).id).toBe(bob.id);
    }
    expect(await refusalOf(anas.v1.accounts.lookup({ acct: 'bob_the_3rd' }))).toMatchObject({
      statusCode: 404,
    });
    expect((await anas.v1.accounts.search.list({ q: 'bob_the' })).map(({ id }) => id)).toEqual([bob.id]);
    expect(
      await refusalOf(bob_.follow().then(() => anas.v1.accounts.$select(ana.id).follow())),
    ).toMatchObject({
      statusCode: 403,
    });
  });
}
