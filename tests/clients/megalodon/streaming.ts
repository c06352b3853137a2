// megalodon listens by WebSocket, with the token in the address.
import { type Entity, Mastodon, type WebSocketInterface } from 'megalodon';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { until } from '../../support/until.ts';
import type { Person, Scene } from '../scene.ts';

interface Heard {
  socket: WebSocketInterface;
  updates: Entity.Status[];
  deletes: string[];
  notifications: Entity.Notification[];
  connects: number;
  faults: unknown[];
}

export function streamingFlow(scene: () => Scene): void {
  let uma: Person;
  let vic: Person;
  let vics: Mastodon;
  const open: WebSocketInterface[] = [];

  beforeAll(async () => {
    [uma, vic] = (await scene().people('uma', 'vic')) as [Person, Person];
    vics = new Mastodon(scene().url, vic.token);
    await scene().follow(uma, vic);
    // It reports each lost connection there.
    vi.spyOn(console, 'log').mockImplementation(() => {});
  });

  // While they are connected: later a gateway is killed, and megalodon throws where nobody can catch it when it is to stop as it comes back.
  afterEach(() => {
    for (const socket of open.splice(0)) socket.stop();
  });

  afterAll(async () => {
    vi.restoreAllMocks();
    await scene().deserted();
  });

  function listen(socket: WebSocketInterface): Heard {
    open.push(socket);
    const heard: Heard = { socket, updates: [], deletes: [], notifications: [], connects: 0, faults: [] };
    socket.on('connect', () => heard.connects++);
    socket.on('update', (status: Entity.Status) => heard.updates.push(status));
    socket.on('delete', (id: string) => heard.deletes.push(id));
    socket.on('notification', (notification: Entity.Notification) => heard.notifications.push(notification));
    socket.on('parser-error', (fault: unknown) => heard.faults.push(fault));
    socket.on('error', () => {});
    return heard;
  }

  const asUma = (): Mastodon => new Mastodon(scene().socketUrl, uma.token);

  test('a post, its deletion and a notification arrive as they happen', async () => {
    const heard = await scene().attached(() => listen(asUma().userSocket()));
    const { data: post } = await vics.postStatus('live & well', {});
    const update = await until(() => heard.updates[0], { withinMs: 60_000 });
    expect(update).toMatchObject({
      id: post.id,
      content: '<p>live &amp; well</p>',
      account: { id: vic.id, acct: 'vic' },
      reblog: null,
    });
    await vics.deleteStatus(post.id);
    expect(await until(() => heard.deletes[0], { withinMs: 60_000 })).toBe(post.id);
    await vics.followAccount(uma.id);
    const told = await until(() => heard.notifications[0], { withinMs: 60_000 });
    expect(told).toMatchObject({ type: 'follow', account: { acct: 'vic' } });
    expect([heard.updates.length, heard.deletes.length, heard.notifications.length]).toEqual([1, 1, 1]);
    expect(heard.faults).toEqual([]);
  });

  test('public and hashtag sockets hear what is posted in public', async () => {
    const everybodys = listen(asUma().publicSocket());
    const tagged = listen(asUma().tagSocket('Oysters'));
    const hasBoth = async (): Promise<boolean> => {
      await scene().post(vic, 'fresh #oysters');
      return everybodys.updates.length > 0 && tagged.updates.length > 0;
    };
    await until(hasBoth, { everyMs: 100, withinMs: 60_000, what: 'both streams' });
    const plain = await scene().post(vic, 'no tag in this');
    const last = await scene().post(vic, 'the last #Oysters');
    await until(() => tagged.updates.some(({ id }) => id === last.id), { withinMs: 60_000 });
    await until(() => everybodys.updates.some(({ id }) => id === last.id), { withinMs: 60_000 });
    expect(everybodys.updates.some(({ id }) => id === plain.id)).toBe(true);
    expect(tagged.updates.some(({ id }) => id === plain.id)).toBe(false);
  });

  test('it comes back by itself when its gateway is killed', async () => {
    const heard = await scene().attached(() => listen(asUma().userSocket()));
    const { server } = scene();
    const [pid = 0] = server.gatewayPids();
    process.kill(pid, 'SIGKILL');
    // It waits ten seconds by itself.
    await until(() => heard.connects === 2, { withinMs: 60_000, what: 'the second connection' });
    await until(
      async () => {
        await scene().post(vic, 'after the crash');
        return heard.updates.some(({ content }) => content === '<p>after the crash</p>');
      },
      { everyMs: 100, withinMs: 60_000, what: 'a post after the crash' },
    );
    expect(heard.faults).toEqual([]);
  });
}
