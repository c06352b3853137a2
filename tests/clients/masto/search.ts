// masto searches people, texts and hashtags.
import { createRestAPIClient, type mastodon } from 'masto';
import { beforeAll, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import type { Person, Scene } from '../scene.ts';
import { refusalOf } from './refusal.ts';

export function searchFlow(scene: () => Scene): void {
  let person: Person;
  let rest: mastodon.rest.Client;
  let post: { id: string };

  beforeAll(async () => {
    const { url } = scene();
    person = await scene().person('zeppelin');
    rest = createRestAPIClient({ url, accessToken: person.token });
    post = await scene().post(person, 'Zeppelins over Łódź #Zeppelinwatch');
    await scene().post(person, 'a zeppelin for you only', { visibility: 'direct' });
    // Search takes in what is posted, a little later.
    await until(async () => (await rest.v2.search.list({ q: 'zeppelins' })).statuses.length > 0);
  });

  test('one query finds people, posts and tags', async () => {
    const found = await rest.v2.search.list({ q: 'zeppelin' });
    expect(found.accounts.map(({ acct }) => acct)).toEqual(['zeppelin']);
    expect(found.hashtags).toEqual([
      expect.objectContaining({
        name: 'zeppelinwatch',
        url: `${scene().url}/tags/zeppelinwatch`,
        history: [],
      }),
    ]);
    const words = await rest.v2.search.list({ q: 'łódź zeppelins' });
    expect(words.statuses.map(({ id }) => id)).toEqual([post.id]);
  });

  test('a type narrows it, and nothing is found without being an error', async () => {
    expect(await rest.v2.search.list({ q: 'zeppelin', type: 'accounts' })).toMatchObject({
      accounts: [{ id: person.id }],
      statuses: [],
      hashtags: [],
    });
    expect(await rest.v2.search.list({ q: '#zeppelinw', type: 'hashtags' })).toMatchObject({
      accounts: [],
      statuses: [],
      hashtags: [{ name: 'zeppelinwatch' }],
    });
    const byOther = await rest.v2.search.list({ q: 'zeppelins', type: 'statuses', accountId: '12345' });
    expect(byOther).toEqual({ accounts: [], statuses: [], hashtags: [] });
    const byHer = await rest.v2.search.list({ q: 'zeppelins', type: 'statuses', accountId: person.id });
    expect(byHer.statuses).toHaveLength(1);
    expect(await refusalOf(rest.v2.search.list({ q: ' ' }))).toMatchObject({ statusCode: 400 });
  });

  test('the address of a post or a person leads to it', async () => {
    const { url } = scene();
    const toPost = await rest.v2.search.list({ q: `${url}/@zeppelin/${post.id}`, resolve: true });
    expect(toPost.statuses.map(({ id }) => id)).toEqual([post.id]);
    const toPerson = await rest.v2.search.list({ q: `${url}/@zeppelin`, resolve: true });
    expect(toPerson.accounts.map(({ id }) => id)).toEqual([person.id]);
  });

  test('what is deleted is not found any more', async () => {
    await rest.v1.statuses.$select(post.id).remove();
    expect((await rest.v2.search.list({ q: 'zeppelins' })).statuses).toEqual([]);
  });
}
