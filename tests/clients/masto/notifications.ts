// masto reads notifications, and puts them away.
import { createRestAPIClient, type mastodon } from 'masto';
import { beforeAll, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import type { Person, Scene } from '../scene.ts';
import { refusalOf } from './refusal.ts';

export function notificationFlow(scene: () => Scene): void {
  let gus: Person;
  let hal: Person;
  let rest: mastodon.rest.Client;
  let hals: mastodon.rest.Client;
  let post: { id: string };

  beforeAll(async () => {
    const { url } = scene();
    [gus, hal] = (await scene().people('gus', 'hal')) as [Person, Person];
    rest = createRestAPIClient({ url, accessToken: gus.token });
    hals = createRestAPIClient({ url, accessToken: hal.token });
    post = await scene().post(gus, 'something to react to');
  });

  const kinds = async (params: mastodon.rest.v1.ListNotificationsParams = {}): Promise<string[]> =>
    (await rest.v1.notifications.list(params)).map(({ type }) => type);

  test('whoever is followed, favourited, boosted or mentioned is told, newest first', async () => {
    await hals.v1.accounts.$select(gus.id).follow();
    await hals.v1.statuses.$select(post.id).favourite();
    await hals.v1.statuses.$select(post.id).reblog();
    const mention = await hals.v1.statuses.create({ status: 'hello @gus', visibility: 'direct' });
    await until(async () => (await kinds()).length === 4);

    const told = await rest.v1.notifications.list();
    expect(told.map(({ type }) => type)).toEqual(['mention', 'reblog', 'favourite', 'follow']);
    for (const { id, account, createdAt } of told) {
      expect(id).toMatch(/^\d+$/);
      expect(account).toMatchObject({ id: hal.id, acct: 'hal' });
      expect(Math.abs(Date.parse(createdAt) - Date.now())).toBeLessThan(600_000);
    }
    const [first, second, third, fourth] = told;
    expect(first).toMatchObject({
      status: { id: mention.id, visibility: 'direct', account: { acct: 'hal' } },
    });
    expect(second).toMatchObject({ status: { id: post.id, reblogsCount: 1, account: { acct: 'gus' } } });
    expect(third).toMatchObject({ status: { id: post.id, favouritesCount: 1 } });
    expect(fourth).not.toHaveProperty('status');
    expect(await hals.v1.notifications.list()).toEqual([]);
  });

  test('they are chosen by type, and read in pages', async () => {
    expect(await kinds({ types: ['favourite', 'follow'] })).toEqual(['favourite', 'follow']);
    expect(await kinds({ excludeTypes: ['mention', 'poll'] })).toEqual(['reblog', 'favourite', 'follow']);
    expect(await kinds({ accountId: gus.id })).toEqual([]);
    const pages: string[][] = [];
    for await (const page of rest.v1.notifications.list({ limit: 1 }))
      pages.push(page.map(({ type }) => type));
    expect(pages.slice(0, 4)).toEqual([['mention'], ['reblog'], ['favourite'], ['follow']]);
    expect(pages.slice(4).flat()).toEqual([]);
  });

  test('one of them is dismissed, then all are cleared', async () => {
    const [first] = await rest.v1.notifications.list();
    const id = first?.id ?? '';
    expect(await rest.v1.notifications.$select(id).fetch()).toEqual(first);
    await rest.v1.notifications.$select(id).dismiss();
    expect(await kinds()).toEqual(['reblog', 'favourite', 'follow']);
    expect(await refusalOf(rest.v1.notifications.$select(id).fetch())).toMatchObject({ statusCode: 404 });
    await rest.v1.notifications.clear();
    expect(await kinds()).toEqual([]);
    // What comes later is told again.
    await hals.v1.statuses.create({ status: '@gus once more' });
    await until(async () => (await kinds()).length === 1);
    expect(await kinds()).toEqual(['mention']);
  });

  test('what is taken back, and what a muted person does, is not told', async () => {
    await rest.v1.notifications.clear();
    await hals.v1.statuses.$select(post.id).unfavourite();
    await hals.v1.statuses.$select(post.id).favourite();
    await until(async () => (await kinds()).includes('favourite'));
    await hals.v1.statuses.$select(post.id).unfavourite();
    await until(async () => !(await kinds()).includes('favourite'));
    await rest.v1.accounts.$select(hal.id).mute({ notifications: true });
    await hals.v1.statuses.create({ status: '@gus can you hear me' });
    await rest.v1.accounts.$select(hal.id).unmute();
    await hals.v1.statuses.create({ status: '@gus and now' });
    const told = await until(async () => {
      const all = await rest.v1.notifications.list();
      return all.some(({ status }) => status?.content.includes('and now')) ? all : null;
    });
    expect(told[0]?.status?.content).toContain('and now');
  });
}
