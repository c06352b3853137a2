// What no library does yet: a client that keeps the cursor of the last frame, comes back with it, and has missed nothing.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Frame, openStream, type StreamClient } from '../gateway/stream-client.ts';
import { until } from '../support/until.ts';
import type { Person, Scene } from './scene.ts';

export function resumeFlow(scene: () => Scene): void {
  let reader: Person;
  let ada: Person;
  let ben: Person;
  const open: StreamClient[] = [];

  beforeAll(async () => {
    [reader, ada, ben] = (await scene().people('reader', 'ada', 'ben')) as [Person, Person, Person];
    await scene().follow(reader, ada);
    await scene().follow(reader, ben);
  });

  afterAll(async () => {
    for (const client of open) client.kill();
    await scene().deserted();
  });

  async function listen(since: string | null): Promise<StreamClient> {
    const client = await openStream({
      url: scene().socketUrl,
      query: `?stream=user${since === null ? '' : `&since=${since}`}`,
      headers: { authorization: `Bearer ${reader.token}` },
    });
    open.push(client);
    return client;
  }

  const idOf = (frame: Frame): string =>
    frame.event === 'delete' ? (frame.payload ?? '') : JSON.parse(frame.payload ?? '{}').id;
  const idsOf = (client: StreamClient, event: string): string[] =>
    client.frames.filter((frame) => frame.event === event).map(idOf);
  const lastCursor = (client: StreamClient): string => {
    const cursor = client.frames.at(-1)?.cursor;
    if (cursor === undefined) throw new Error(`no cursor in ${JSON.stringify(client.frames.at(-1))}`);
    return cursor;
  };

  /** Waits until a post of Ada's made just now has come: whatever was before it has come, too, or never will. */
  async function caughtUp(client: StreamClient): Promise<string> {
    const { id } = await scene().post(ada, 'a mark');
    await until(() => idsOf(client, 'update').includes(id), { withinMs: 60_000, what: 'the mark' });
    return id;
  }

  async function remove(author: Person, id: string): Promise<void> {
    const answer = await fetch(`${scene().url}/api/v1/statuses/${id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${author.token}` },
    });
    expect(answer.status).toBe(200);
  }

  /** Two authors post in turn; the ids of each, in order. */
  async function bothPost(times: number): Promise<{ adas: string[]; bens: string[] }> {
    const adas: string[] = [];
    const bens: string[] = [];
    for (let number = 0; number < times; number++) {
      adas.push((await scene().post(ada, `ada ${number}`)).id);
      bens.push((await scene().post(ben, `ben ${number}`)).id);
    }
    return { adas, bens };
  }

  test('gets what happened meanwhile, once, in the order of each author, and then what happens', async () => {
    const before = await scene().attached(() => listen(null));
    const seen = await scene().post(ada, 'seen, then deleted');
    await until(() => idsOf(before, 'update').includes(seen.id), { withinMs: 60_000 });
    const cursor = lastCursor(before);
    before.kill();
    await scene().deserted();

    const { adas, bens } = await bothPost(12);
    const unseen = await scene().post(ben, 'posted and deleted meanwhile');
    await remove(ben, unseen.id);
    await remove(ada, seen.id);
    const mention = await scene().post(ben, '@reader hello', { visibility: 'direct' });

    const after = await listen(cursor);
    const mark = await caughtUp(after);
    const updates = idsOf(after, 'update');
    expect(updates.filter((id) => adas.includes(id))).toEqual(adas);
    expect(updates.filter((id) => bens.includes(id))).toEqual(bens);
    expect(updates.toSorted()).toEqual([...adas, ...bens, mention.id, mark].toSorted());
    expect(idsOf(after, 'delete')).toContain(seen.id);
    expect(after.frames.filter(({ event }) => event === 'notification')).toHaveLength(1);
    expect(after.frames.every((frame) => frame.stream?.[0] === 'user' && frame.cursor !== undefined)).toBe(
      true,
    );
    expect(after.frames.map(({ event }) => event)).not.toContain('resync');
    const live = await scene().post(ben, 'live again');
    await until(() => idsOf(after, 'update').at(-1) === live.id, { withinMs: 60_000 });
    after.kill();
    await scene().deserted();
  });

  test('misses nothing when its gateway and the core are killed, wherever it comes back', async () => {
    const { server } = scene();
    const before = await scene().attached(() => listen(null));
    await caughtUp(before);
    const cursor = lastCursor(before);
    const [gateway = 0] = server.gatewayPids();
    const core = server.corePid();
    const first = await bothPost(3);
    process.kill(gateway, 'SIGKILL');
    process.kill(core, 'SIGKILL');
    await until(() => server.corePid() !== core && server.gatewayPids().every((pid) => pid !== gateway), {
      withinMs: 60_000,
      what: 'the agent to start both again',
    });
    await until(async () => (await fetch(`${server.url}/health`)).ok, { withinMs: 60_000 });
    const second = await bothPost(3);

    // The first socket may have been sent some of it before it died: what counts is what follows the cursor kept.
    const after = await until(() => listen(cursor), { withinMs: 60_000, everyMs: 200 });
    const mark = await caughtUp(after);
    const updates = idsOf(after, 'update');
    expect(updates.filter((id) => [...first.adas, ...second.adas].includes(id))).toEqual([
      ...first.adas,
      ...second.adas,
    ]);
    expect(updates.filter((id) => [...first.bens, ...second.bens].includes(id))).toEqual([
      ...first.bens,
      ...second.bens,
    ]);
    expect(new Set(updates).size).toBe(updates.length);
    expect(updates.at(-1)).toBe(mark);
    after.kill();
    await scene().deserted();
  });

  test('is told to read anew when its cursor is none', async () => {
    const client = await listen('no-such-cursor');
    expect(await client.next('the resync', ({ event }) => event === 'resync')).toEqual({
      stream: ['user'],
      event: 'resync',
      cursor: expect.any(String),
    });
    const { id } = await scene().post(ada, 'after the resync');
    await until(() => idsOf(client, 'update').includes(id), { withinMs: 60_000 });
    client.kill();
    await scene().deserted();
  });
}
