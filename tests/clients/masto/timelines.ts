// masto reads timelines page by page, by the links that the server gives, while more is being posted.
import { createRestAPIClient, type mastodon } from 'masto';
import { beforeAll, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import type { Person, Scene } from '../scene.ts';

const posts = 47;

export function timelineFlow(scene: () => Scene): void {
  let rosa: Person;
  let tom: Person;
  let rest: mastodon.rest.Client;
  let nobodys: mastodon.rest.Client;
  /** Of both, newest first. */
  const ids: string[] = [];
  const byTom: string[] = [];

  beforeAll(async () => {
    const { url } = scene();
    [rosa, tom] = (await scene().people('rosa', 'tom')) as [Person, Person];
    rest = createRestAPIClient({ url, accessToken: rosa.token });
    nobodys = createRestAPIClient({ url });
    await scene().follow(rosa, tom);
    for (let number = 0; number < posts; number++) {
      const author = number % 3 === 0 ? rosa : tom;
      const { id } = await scene().post(author, `number ${number} #Counted`);
      ids.unshift(id);
      if (author === tom) byTom.unshift(id);
    }
  }, 120_000);

  const idsOf = (page: readonly { id: string }[]): string[] => page.map(({ id }) => id);

  async function pagesOf(list: AsyncIterable<mastodon.v1.Status[]>): Promise<string[][]> {
    const pages: string[][] = [];
    for await (const page of list) pages.push(idsOf(page));
    return pages;
  }

  test('home is read to its end in pages, none skipped and none twice, while others post', async () => {
    await until(async () => (await rest.v1.timelines.home.list({ limit: 40 })).length === 40);
    const pages: string[][] = [];
    for await (const page of rest.v1.timelines.home.list({ limit: 10 })) {
      pages.push(idsOf(page));
      // What comes in between moves no page that is still to come.
      await scene().post(tom, 'in between', { visibility: 'private' });
    }
    expect(pages.map(({ length }) => length)).toEqual([10, 10, 10, 10, 7]);
    expect(pages.flat()).toEqual(ids);
  });

  test('home is read back to the present by the other link', async () => {
    const oldest = ids.at(-1) ?? '';
    const upward = rest.v1.timelines.home.list({ minId: oldest, limit: 15 }).setDirection('prev');
    expect(upward.getDirection()).toBe('prev');
    const pages: string[][] = [];
    for await (const page of upward) {
      // The newest of all has a page above it, and that is empty.
      if (page.length === 0) break;
      pages.unshift(idsOf(page));
    }
    expect(pages.length).toBeGreaterThanOrEqual(4);
    expect(pages.flat().slice(-ids.length + 1)).toEqual(ids.slice(0, -1));
    expect(new Set(pages.flat()).size).toBe(pages.flat().length);
  });

  test('sinceId is the newest above, minId the nearest above, maxId what is below', async () => {
    const at = ids[20] ?? '';
    const list = async (params: mastodon.rest.v1.ListTimelineParams): Promise<string[]> =>
      idsOf(await rest.v1.timelines.tag.$select('counted').list({ limit: 5, ...params }));
    expect(await list({ sinceId: at })).toEqual(ids.slice(0, 5));
    expect(await list({ minId: at })).toEqual(ids.slice(15, 20));
    expect(await list({ maxId: at })).toEqual(ids.slice(21, 26));
    expect(await list({ maxId: at, sinceId: ids[23] ?? '' })).toEqual(ids.slice(21, 23));
  });

  test('the timeline of an account, of a tag and of everybody have pages, too', async () => {
    const account = nobodys.v1.accounts.$select(tom.id).statuses.list({ limit: 10 });
    // Without what is for followers only.
    expect(await pagesOf(account)).toEqual([
      byTom.slice(0, 10),
      byTom.slice(10, 20),
      byTom.slice(20, 30),
      byTom.slice(30),
    ]);
    const tagged = await pagesOf(nobodys.v1.timelines.tag.$select('COUNTED').list({ limit: 20 }));
    expect(tagged).toEqual([ids.slice(0, 20), ids.slice(20, 40), ids.slice(40)]);
    const everybodys: string[] = [];
    for await (const page of nobodys.v1.timelines.public.list({ limit: 12 })) {
      everybodys.push(...idsOf(page));
      if (everybodys.includes(ids.at(-1) ?? '')) break;
    }
    expect(everybodys.filter((id) => ids.includes(id))).toEqual(ids);
    expect(new Set(everybodys).size).toBe(everybodys.length);
  });

  test('replies and boosts are left out of an account when asked', async () => {
    const toms = createRestAPIClient({ url: scene().url, accessToken: tom.token });
    const byRosa = ids.find((id) => !byTom.includes(id)) ?? '';
    const reply = await toms.v1.statuses.create({ status: 'a reply', inReplyToId: byRosa });
    const boost = await toms.v1.statuses.$select(byRosa).reblog();
    const list = async (params: mastodon.rest.v1.ListAccountStatusesParams): Promise<string[]> =>
      idsOf(await nobodys.v1.accounts.$select(tom.id).statuses.list({ limit: 3, ...params }));
    const [newest = '', next = '', third = ''] = byTom;
    expect(await list({})).toEqual([boost.id, reply.id, newest]);
    expect(await list({ excludeReplies: true })).toEqual([boost.id, newest, next]);
    expect(await list({ excludeReblogs: true })).toEqual([reply.id, newest, next]);
    expect(await list({ excludeReplies: true, excludeReblogs: true })).toEqual([newest, next, third]);
    expect(await list({ pinned: true })).toEqual([]);
  });
}
