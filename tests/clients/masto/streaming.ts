// masto listens: its own streaming client, by WebSocket, with the token in the subprotocol.
import { createStreamingAPIClient, type mastodon } from 'masto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { until } from '../../support/until.ts';
import type { Person, Scene } from '../scene.ts';

type Event = mastodon.streaming.Event;

/** What one subscription has brought so far. */
interface Heard {
  events: Event[];
  /** Why it ended by itself; null while it goes on. */
  fault: unknown;
  next(what: string, fits: (event: Event) => boolean): Promise<Event>;
}

export function streamingFlow(scene: () => Scene): void {
  let lea: Person;
  let max: Person;
  const clients: mastodon.streaming.Client[] = [];

  beforeAll(async () => {
    [lea, max] = (await scene().people('lea', 'max')) as [Person, Person];
    await scene().follow(lea, max);
  });

  afterAll(async () => {
    for (const client of clients) client.close();
    await scene().deserted();
  });

  function connect(accessToken: string): mastodon.streaming.Client {
    const client = createStreamingAPIClient({ streamingApiUrl: scene().socketUrl, accessToken });
    clients.push(client);
    return client;
  }

  function listen(subscription: mastodon.streaming.Subscription): Heard {
    const heard: Heard = {
      events: [],
      fault: null,
      next: (what, fits) =>
        until(
          () => {
            if (heard.fault !== null) throw heard.fault;
            return heard.events.find(fits);
          },
          { withinMs: 60_000, what },
        ),
    };
    const take = async (): Promise<void> => {
      for await (const event of subscription) heard.events.push(event);
    };
    take().catch((error: unknown) => {
      heard.fault = error;
    });
    return heard;
  }

  async function listenAsLea(): Promise<Heard> {
    const client = connect(lea.token);
    await client.prepare();
    return scene().attached(() => listen(client.user.subscribe()));
  }

  /** A stream of a topic: it is there when a post made for that is heard. */
  async function listenToTopic(subscription: mastodon.streaming.Subscription, prove: string): Promise<Heard> {
    const heard = listen(subscription);
    await until(
      async () => {
        await scene().post(max, prove);
        return heard.events.length > 0;
      },
      { everyMs: 100, withinMs: 60_000, what: 'the topic to be listened to' },
    );
    return heard;
  }

  test('a followed person’s post, its deletion and a mention arrive as they happen', async () => {
    const heard = await listenAsLea();
    const post = await scene().post(max, 'hello <lea>, I am live', { language: 'en' });
    const update = await heard.next('the post', ({ event }) => event === 'update');
    expect(update).toEqual({
      stream: ['user'],
      event: 'update',
      payload: expect.objectContaining({
        id: post.id,
        content: '<p>hello &lt;lea&gt;, I am live</p>',
        url: `${scene().url}/@max/${post.id}`,
        account: expect.objectContaining({ id: max.id, acct: 'max' }),
        reblog: null,
        favourited: false,
        language: 'en',
      }),
    });

    const gone = await fetch(`${scene().url}/api/v1/statuses/${post.id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${max.token}` },
    });
    expect(gone.status).toBe(200);
    expect(await heard.next('the deletion', ({ event }) => event === 'delete')).toEqual({
      stream: ['user'],
      event: 'delete',
      payload: post.id,
    });

    const mention = await scene().post(max, 'are you there, @lea?', { visibility: 'direct' });
    expect(await heard.next('the notification', ({ event }) => event === 'notification')).toEqual({
      stream: ['user'],
      event: 'notification',
      payload: expect.objectContaining({
        type: 'mention',
        id: expect.stringMatching(/^\d+$/),
        account: expect.objectContaining({ acct: 'max' }),
        status: expect.objectContaining({ id: mention.id, visibility: 'direct' }),
      }),
    });
  });

  test('a hashtag and the public timeline are streams of their own, on the same socket', async () => {
    const client = connect(lea.token);
    const tagged = await listenToTopic(client.hashtag.subscribe({ tag: 'Lighthouses' }), 'test #lighthouses');
    const open = await listenToTopic(client.public.subscribe(), 'test in public');
    const post = await scene().post(max, 'see the #Lighthouses');
    const other = await scene().post(max, 'see the #harbour');
    const isOther = (event: Event): boolean => event.event === 'update' && event.payload.id === other.id;
    expect(await open.next('the other post', isOther)).toMatchObject({ stream: ['public'] });
    const byTag = (event: Event): boolean => event.event === 'update' && event.payload.id === post.id;
    expect(await tagged.next('the tagged post', byTag)).toMatchObject({ stream: ['hashtag', 'Lighthouses'] });
    expect(tagged.events.some(isOther)).toBe(false);
  });

  test('what is unsubscribed is not sent any more, what is not goes on', async () => {
    const client = connect(lea.token);
    await client.prepare();
    const subscription = client.user.notification.subscribe();
    const told = await scene().attached(() => listen(subscription));
    await scene().post(max, '@lea one');
    await told.next('the notification', ({ event }) => event === 'notification');
    expect(
      told.events.every(({ event, stream }) => event === 'notification' && stream[0] === 'user:notification'),
    ).toBe(true);
    const open = await listenToTopic(client.public.subscribe(), 'test of the other stream');
    subscription.unsubscribe();
    await scene().post(max, '@lea two');
    const last = await scene().post(max, 'the last');
    await open.next('the last post', (event) => event.event === 'update' && event.payload.id === last.id);
    expect(told.events).toHaveLength(1);
  });

  test('it comes back by itself when its gateway is killed, and hears what is posted from then on', async () => {
    const heard = await listenAsLea();
    const first = await scene().post(max, 'before the crash');
    await heard.next('the post before', (event) => event.event === 'update' && event.payload.id === first.id);
    // It reports each attempt there.
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const { server } = scene();
    const [pid = 0] = server.gatewayPids();
    process.kill(pid, 'SIGKILL');
    await until(() => server.gatewayPids().some((other) => other !== pid), { withinMs: 60_000 });
    await until(async () => (await fetch(`${server.url}/health`)).ok, { withinMs: 60_000 });
    // It subscribes anew without a cursor, which it does not know: posts until one is heard.
    await until(
      async () => {
        await scene().post(max, 'after the crash');
        return heard.events.some(
          (event) => event.event === 'update' && event.payload.content === '<p>after the crash</p>',
        );
      },
      { everyMs: 200, withinMs: 60_000, what: 'a post after the crash' },
    );
    expect(heard.fault).toBeNull();
    vi.restoreAllMocks();
  });
}
