// masto posts, replies, reads threads, deletes, and is told what is wrong.
import { createRestAPIClient, type mastodon } from 'masto';
import { beforeAll, expect, test } from 'vitest';
import type { Person, Scene } from '../scene.ts';
import { refusalOf } from './refusal.ts';

export function postingFlow(scene: () => Scene): void {
  let url: string;
  let ida: Person;
  let jon: Person;
  let rest: mastodon.rest.Client;
  let jons: mastodon.rest.Client;
  let nobodys: mastodon.rest.Client;

  beforeAll(async () => {
    url = scene().url;
    [ida, jon] = (await scene().people('Ida', 'jon')) as [Person, Person];
    rest = createRestAPIClient({ url, accessToken: ida.token });
    jons = createRestAPIClient({ url, accessToken: jon.token });
    nobodys = createRestAPIClient({ url });
  });

  test('a post comes back as it will be shown', async () => {
    const text =
      'Hi @jon & @nobody_here,\nsee https://example.org/a?b=1&c=2 #Birds\n\n<script>alert(1)</script>';
    const post = await rest.v1.statuses.create({ status: text, spoilerText: 'loud', language: 'en' });
    const { id } = post;
    expect(post).toMatchObject({
      uri: `${url}/users/Ida/statuses/${id}`,
      url: `${url}/@Ida/${id}`,
      visibility: 'public',
      sensitive: true,
      spoilerText: 'loud',
      language: 'en',
      inReplyToId: null,
      reblog: null,
      editedAt: null,
      repliesCount: 0,
      reblogsCount: 0,
      favouritesCount: 0,
      favourited: false,
      reblogged: false,
      bookmarked: false,
      account: { id: ida.id, acct: 'Ida', statusesCount: 1 },
      mentions: [{ id: jon.id, username: 'jon', acct: 'jon', url: `${url}/@jon` }],
      tags: [{ name: 'birds', url: `${url}/tags/birds` }],
      mediaAttachments: [],
    });
    expect(Math.abs(Date.parse(post.createdAt) - Date.now())).toBeLessThan(600_000);
    expect(post.content).toContain(`<a href="${url}/@jon" class="u-url mention">@<span>jon</span></a>`);
    expect(post.content).toContain('&amp; @nobody_here');
    expect(post.content).toContain('href="https://example.org/a?b=1&amp;c=2"');
    expect(post.content).toContain('<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>');
    expect(await rest.v1.statuses.$select(id).fetch()).toEqual(post);
    expect(await rest.v1.statuses.$select(id).source.fetch()).toEqual({ id, text, spoilerText: 'loud' });
  });

  test('each visibility is seen by those it is meant for', async () => {
    await scene().follow(jon, ida);
    const stranger = createRestAPIClient({ url, accessToken: (await scene().person('kim')).token });
    const seenBy = async (client: mastodon.rest.Client, id: string): Promise<boolean> => {
      try {
        return (await client.v1.statuses.$select(id).fetch()).id === id;
      } catch (error) {
        expect(error).toMatchObject({ statusCode: 404, message: 'Record not found' });
        return false;
      }
    };
    const seen: Record<string, boolean[]> = {};
    for (const visibility of ['public', 'unlisted', 'private', 'direct'] as const) {
      const post = await rest.v1.statuses.create({ status: `${visibility}, @kim`, visibility });
      expect(post.visibility).toBe(visibility);
      const viewers = [rest, jons, stranger, nobodys];
      seen[visibility] = await Promise.all(viewers.map((viewer) => seenBy(viewer, post.id)));
    }
    // The author, a follower, somebody mentioned, nobody in particular.
    expect(seen).toEqual({
      public: [true, true, true, true],
      unlisted: [true, true, true, true],
      private: [true, true, true, false],
      direct: [true, false, true, false],
    });
  });

  test('the same Idempotency-Key is the same post, another is another', async () => {
    const post = (key: string): Promise<mastodon.v1.Status> =>
      rest.v1.statuses.create({ status: 'once' }, { requestInit: { headers: { 'Idempotency-Key': key } } });
    const [first, again] = await Promise.all([post('key one'), post('key one')]);
    expect(again.id).toBe(first.id);
    expect((await post('key one')).id).toBe(first.id);
    expect((await post('key two')).id).not.toBe(first.id);
  });

  test('a thread is told as it hangs together', async () => {
    const reply = (client: mastodon.rest.Client, to: mastodon.v1.Status, status: string) =>
      client.v1.statuses.create({ status, inReplyToId: to.id });
    const root = await rest.v1.statuses.create({ status: 'root' });
    const one = await reply(jons, root, 'one');
    const two = await reply(rest, one, 'two');
    const three = await reply(jons, two, 'three');
    const aside = await reply(jons, root, 'aside');
    expect(one).toMatchObject({ inReplyToId: root.id, inReplyToAccountId: ida.id });

    const context = await rest.v1.statuses.$select(two.id).context.fetch();
    expect(context.ancestors.map(({ id }) => id)).toEqual([root.id, one.id]);
    expect(context.descendants.map(({ id }) => id)).toEqual([three.id]);
    const whole = await nobodys.v1.statuses.$select(root.id).context.fetch();
    expect(whole.ancestors).toEqual([]);
    expect(whole.descendants.map(({ content }) => content)).toEqual([
      '<p>one</p>',
      '<p>two</p>',
      '<p>three</p>',
      '<p>aside</p>',
    ]);
    expect(whole.descendants.at(-1)?.id).toBe(aside.id);
    expect((await rest.v1.statuses.$select(root.id).fetch()).repliesCount).toBe(2);
  });

  test('a deleted post is given back with its text, and is then nowhere', async () => {
    const text = 'away with #this & that';
    const post = await rest.v1.statuses.create({ status: text });
    const { statusesCount } = await rest.v1.accounts.verifyCredentials();
    expect(await refusalOf(jons.v1.statuses.$select(post.id).remove())).toMatchObject({ statusCode: 404 });
    const removed = await rest.v1.statuses.$select(post.id).remove();
    expect(removed).toMatchObject({ id: post.id, text, content: post.content });
    expect(await refusalOf(rest.v1.statuses.$select(post.id).fetch())).toMatchObject({
      statusCode: 404,
      message: 'Record not found',
    });
    expect(await refusalOf(rest.v1.statuses.$select(post.id).remove())).toMatchObject({ statusCode: 404 });
    expect((await rest.v1.accounts.verifyCredentials()).statusesCount).toBe(statusesCount - 1);
  });

  test('what cannot be posted is refused in words', async () => {
    const refused = async (
      params: mastodon.rest.v1.CreateScheduledStatusParams,
    ): Promise<[number, string]> => {
      const { statusCode, message } = await refusalOf(rest.v1.statuses.create(params));
      return [statusCode, message];
    };
    expect(await refused({ status: ' ' })).toEqual([422, "Validation failed: Text can't be blank"]);
    expect(await refused({ status: 'x'.repeat(501) })).toEqual([
      422,
      'Validation failed: Text is longer than the limit of 500 characters',
    ]);
    expect(await refused({ status: 'x', mediaIds: ['1'] as never })).toEqual([
      422,
      'Validation failed: Media attachments are not supported here',
    ]);
    expect(await refused({ status: 'x', poll: { options: ['a', 'b'], expiresIn: 300 } })).toEqual([
      422,
      'Validation failed: Polls are not supported here',
    ]);
    expect(await refused({ status: 'x', scheduledAt: '2030-01-01T00:00:00Z' })).toEqual([
      422,
      'Validation failed: Scheduled posts are not supported here',
    ]);
    expect(await refused({ status: 'x', inReplyToId: '1' })).toEqual([
      404,
      'The status that this answers is not there',
    ]);
    // A link counts 23, however long it is.
    const link = `https://example.org/${'y'.repeat(600)}`;
    const fits = await rest.v1.statuses.create({ status: `${'x'.repeat(476)} ${link}` });
    expect(fits.content).toContain(`href="${link}"`);
    expect(await refused({ status: `${'x'.repeat(477)} ${link}` })).toEqual([
      422,
      'Validation failed: Text is longer than the limit of 500 characters',
    ]);
  });

  test('without a token, or with a wrong one, nothing is posted', async () => {
    const wrong = createRestAPIClient({ url, accessToken: 'AAAAAAAAAHbtSwgPAjGbmUW8IrRyue0yZ5OrORuJ_w' });
    for (const client of [nobodys, wrong]) {
      expect(await refusalOf(client.v1.statuses.create({ status: 'x' }))).toMatchObject({
        statusCode: 401,
        message: 'The access token is invalid',
      });
    }
    expect(await refusalOf(nobodys.v1.accounts.$select('123').fetch())).toMatchObject({
      statusCode: 404,
      message: 'Record not found',
    });
  });
}
