// A gateway between several cores: sessions that move with their cursors, and caches that nobody may rely on any more. Real links.
import { Registry } from 'prom-client';
import { afterEach, describe, expect, test } from 'vitest';
import type { Pushed } from '../../actors/messages.ts';
import type { Handled } from '../../cluster/link-handling.ts';
import { leaseMs } from '../../cluster/link-lease.ts';
import type { RoutingEvents } from '../../cluster/routing-client.ts';
import { createApi } from '../../gateway/api.ts';
import { DeletedPosts } from '../../gateway/deleted-posts.ts';
import type { Caller } from '../../gateway/endpoint.ts';
import { Session } from '../../gateway/session.ts';
import { StreamingHub } from '../../gateway/streaming-hub.ts';
import type { StreamingMeter } from '../../gateway/streaming-meter.ts';
import type { StatusId } from '../../runtime/status-id.ts';
import { ManualClock } from '../cluster/link-ends.ts';
import {
  accountIn,
  accountRow,
  type GatewayOfMany,
  postOf,
  RoutingEnds,
  type TestCore,
} from '../cluster/routing-ends.ts';
import { statusRowOf } from '../support/records.ts';
import { until } from '../support/until.ts';

const ends = new RoutingEnds();
afterEach(() => ends.close());

const ann = accountIn(1);
const ben = accountIn(2);
const origin = 'http://x';
const caller: Caller = { token: 't', tokenId: 't', account: ann, clientId: '', scopes: new Set(['read']) };
const cursorOf = (version: number): string => version.toString(16).padStart(24, '0');
const quiet = (): void => {};
const meter: StreamingMeter = {
  opened: quiet,
  closed: quiet,
  delivered: quiet,
  lag: quiet,
  cutOff: quiet,
  resynced: quiet,
  refused: quiet,
  attaching: quiet,
};

class HeardSession extends Session {
  readonly heard: string[] = [];
  protected write(frame: Uint8Array): boolean {
    const { event, payload } = JSON.parse(Buffer.from(frame).toString());
    this.heard.push(event === 'update' ? payload : event);
    return true;
  }
  protected writeAll(frames: Uint8Array[]): boolean {
    for (const frame of frames) this.write(frame);
    return true;
  }
  protected finish(): void {}
}

/** What has happened to ann's followees, as any core knows it. */
class History {
  #versions: { version: number; id: StatusId }[] = [];

  happen(version: number): { version: number; id: StatusId } {
    const happened = { version, id: postOf(ben, version) };
    this.#versions.push(happened);
    return happened;
  }

  since(cursor: string | null): { version: number; id: StatusId }[] {
    return cursor === null ? [] : this.#versions.filter(({ version }) => cursorOf(version) > cursor);
  }

  get cursor(): string {
    return cursorOf(this.#versions.at(-1)?.version ?? 0);
  }
}

function update(id: StatusId, sessions: number[], topics: string[] = []): Pushed {
  const bytes = new Uint8Array(sessions.length * 4);
  for (const [at, session] of sessions.entries()) new DataView(bytes.buffer).setUint32(at * 4, session);
  const version = Number(cursorVersion(id));
  return {
    kind: 'update',
    row: statusRowOf(id, `post ${version}`),
    author: accountRow(ben, 'ben'),
    boosted: null,
    boostedAuthor: null,
    sessions: bytes,
    topics,
    cursor: cursorOf(version),
    version: null,
  };
}

/** Posts are made at the time of their version. */
function cursorVersion(id: StatusId): number {
  let ms = 0;
  for (let at = 0; at < 6; at++) ms = ms * 256 + id.charCodeAt(at);
  return ms;
}

/** Attaches sessions as a core does: what was missed first, by its cursor. */
function attaching(core: TestCore, history: History): { sessions: number[]; attaches: (string | null)[] } {
  const state = { sessions: [] as number[], attaches: [] as (string | null)[] };
  core.answers = ({ kind, ask }) => {
    if (kind !== 'attach') return null;
    const { session, since } = ask as { session: number; since: string | null };
    state.sessions.push(session);
    state.attaches.push(since);
    const missed = history.since(since).map(({ id }) => update(id, [session]));
    queueMicrotask(() => core.push({ items: missed, cursor: history.cursor }));
    return { outcome: { ok: true, value: { cursor: history.cursor } } } as Handled;
  };
  return state;
}

function open() {
  const deleted = new DeletedPosts();
  // The gateway's end is made before what listens to it.
  const parts: { hub: StreamingHub | null; api: ReturnType<typeof createApi> | null } = {
    hub: null,
    api: null,
  };
  const events: RoutingEvents = {
    tick: (tick, core) => parts.hub?.tick(tick, core),
    changed(changed) {
      deleted.add(changed.deleted ?? []);
      parts.api?.changed(changed);
      parts.hub?.changed(changed);
    },
    lost(partitions) {
      parts.api?.lost(partitions);
      parts.hub?.lost(partitions);
    },
    served: (partitions) => parts.hub?.served(partitions),
    up: quiet,
    down: quiet,
    metrics: async () => [],
  };
  function over(gateway: GatewayOfMany): { hub: StreamingHub; api: ReturnType<typeof createApi> } {
    const { client } = gateway;
    const hub = new StreamingHub({
      client,
      authenticator: { authenticate: async () => ({ ok: true, value: caller }) },
      deleted,
      writer: { status: ({ row }) => row.text, notification: () => '' },
      meter,
      log: {
        error(fields) {
          throw new Error(JSON.stringify(fields));
        },
      },
    });
    const api = createApi({ client, deleted, metrics: new Registry() });
    parts.hub = hub;
    parts.api = api;
    return { hub, api };
  }
  return { events, over };
}

async function two(options: { clock?: ManualClock } = {}) {
  const one = await ends.core(1);
  const other = await ends.core(2);
  one.serve(1, [1]);
  other.serve(1, [2]);
  const { events, over } = open();
  const gateway = await ends.gateway([one, other], { events, ...options });
  return { one, other, gateway, ...over(gateway) };
}

function listen(hub: StreamingHub): HeardSession {
  const session = new HeardSession({ caller, account: ann, origin, form: 'json' });
  hub.open(session);
  hub.command(session, { kind: 'subscribe', stream: { name: 'user', tag: null }, since: { kind: 'now' } });
  return session;
}

describe('a session', () => {
  test.each(['its account moves', 'its core dies'])(
    'goes on where it stood when %s, and misses nothing',
    async (how) => {
      const { one, other, hub } = await two();
      const history = new History();
      history.happen(1);
      const [before, after] = [attaching(one, history), attaching(other, history)];
      const session = listen(hub);
      await until(() => before.sessions.length === 1 && session.phase === 'settling');
      const [number = 0] = before.sessions;
      one.push({ items: [update(history.happen(2).id, [number])], cursor: cursorOf(2) });
      await until(() => session.heard.length === 1);
      // The other core's ticks are further on, and say nothing of this session.
      other.push({ items: [], cursor: cursorOf(9) });
      await until(() => session.phase === 'live');

      const missed = history.happen(3);
      if (how === 'its core dies') one.cut();
      other.serve(2, [1, 2]);
      // What its old core still has for it comes too late, and again from the new one.
      one.push({ items: [update(missed.id, [number])], cursor: cursorOf(3) });
      await until(() => after.sessions.length === 1);
      expect(after.attaches).toEqual([cursorOf(2)]);
      other.push({ items: [update(history.happen(10).id, after.sessions)], cursor: cursorOf(10) });
      await until(() => session.heard.length >= 3);
      expect(session.heard).toEqual(['post 2', 'post 3', 'post 10']);
    },
  );

  test('is not moved when others are', async () => {
    const { one, other, hub } = await two();
    const history = new History();
    const before = attaching(one, history);
    const session = listen(hub);
    await until(() => session.phase === 'settling');
    other.serve(2, [2, 3]);
    one.serve(2, [1]);
    await until(() => before.sessions.length === 2);
    const { number } = session;
    other.serve(3, [2]);
    other.cut();
    one.push({ items: [update(postOf(ben, 20), [number])], cursor: cursorOf(20) });
    await until(() => session.heard.length === 1);
    expect(session.number).toBe(number);
  });

  test('that comes while nobody serves it is attached as soon as somebody does', async () => {
    const { one, other, hub, gateway } = await two();
    one.serve(1, []);
    await until(() => !gateway.serves(1));
    const after = attaching(other, new History());
    const session = listen(hub);
    expect(session.phase).toBe('waiting');
    other.serve(2, [1, 2]);
    await until(() => after.sessions.length === 1);
    expect(after.attaches).toEqual([null]);
  });
});

describe('a post that was deleted', () => {
  test('stays hidden when a core that has not heard of it sends it late', async () => {
    const { one, other, hub, api, gateway } = await two();
    const history = new History();
    const { sessions } = attaching(one, history);
    const session = listen(hub);
    await until(() => session.phase === 'settling');
    const [gone, boost, kept] = [postOf(ben, 5), postOf(ben, 6), postOf(ben, 7)];
    expect(await api.fragments.statuses([gone], origin)).toMatchObject([{ row: { id: gone } }]);

    other.changed({ statuses: [], accounts: [], tokens: [], deleted: [gone] });
    await other.links?.fence();
    const boosting = update(boost, sessions);
    if (boosting.kind !== 'update') throw new Error('an update');
    boosting.boosted = statusRowOf(gone, 'gone');
    boosting.boostedAuthor = accountRow(ben, 'ben');
    one.push({
      items: [update(gone, sessions), boosting, update(kept, sessions)],
      cursor: cursorOf(7),
    });
    await until(() => session.heard.length > 0);
    expect(session.heard).toEqual(['post 7']);
    // And so when whoever serves its author next has not heard of it either.
    one.serve(2, [1, 2]);
    await until(() => gateway.client.covered()(ben) && one.asked.length > 0);
    expect(await api.fragments.statuses([kept, gone], origin)).toMatchObject([{ row: { id: kept } }, null]);
  });
});

describe('what is cached', () => {
  test('is asked for again when the lease of the core that serves it is over, and only that', async () => {
    const clock = new ManualClock();
    const { one, other, gateway, api } = await two({ clock });
    const read = async (): Promise<(string | undefined)[]> =>
      (await api.fragments.accounts([ann, ben], origin)).map((fragment) => fragment?.row.handle);
    expect([await read(), await read()]).toEqual([
      ['core-1', 'core-2'],
      ['core-1', 'core-2'],
    ]);
    expect([one.kinds(), other.kinds()]).toEqual([['accounts'], ['accounts']]);

    one.silence();
    await clock.advance(leaseMs - 500);
    await until(async () => {
      await clock.advance(50);
      return !gateway.serves(1);
    });
    const asked = read();
    other.serve(2, [1, 2]);
    await until(async () => {
      await clock.advance(50);
      return other.asked.length === 2;
    });
    expect(await asked).toEqual(['core-2', 'core-2']);
    expect(other.asked[1]?.ask).toEqual({ ids: [ann] });
  });

  test('is dropped when its account moves, though its old core is there as before', async () => {
    const { one, other, gateway, api } = await two();
    await api.fragments.statuses([postOf(ann), postOf(ben)], origin);
    const { losses } = api.fragments;
    other.serve(2, [1, 2]);
    await until(() => api.fragments.losses > losses && gateway.serves(1));
    const rows = await api.fragments.statuses([postOf(ann)], origin);
    expect(rows[0]?.row.text).toBe('core-2');
    // What the old core had answered on the way there is not taken in any more.
    api.fragments.hold({ status: statusRowOf(postOf(ann), 'old'), author: accountRow(ann, 'old'), losses });
    expect((await api.fragments.statuses([postOf(ann)], origin))[0]?.row.text).toBe('core-2');
    expect(one.kinds().filter((kind) => kind === 'statuses')).toHaveLength(1);
  });
});

test('a post that two cores tell of, as its author moves, is shown once to who listens to all', async () => {
  const { one, other, hub } = await two();
  const session = new HeardSession({ caller, account: ann, origin, form: 'json' });
  hub.open(session);
  hub.command(session, { kind: 'subscribe', stream: { name: 'public', tag: null }, since: { kind: 'now' } });
  for (const core of [one, other]) await until(() => core.peers[0]?.topics.has('public'));
  one.answers = ({ kind }) =>
    kind === 'judge' ? { outcome: { ok: true, value: { flags: new Uint8Array([0]) } } } : null;
  one.push({ items: [update(postOf(ben, 4), [], ['public'])], cursor: cursorOf(4) });
  other.push({ items: [update(postOf(ben, 4), [], ['public'])], cursor: cursorOf(4) });
  other.push({ items: [update(postOf(ben, 5), [], ['public'])], cursor: cursorOf(5) });
  await until(() => session.heard.includes('post 5'));
  expect(session.heard).toEqual(['post 4', 'post 5']);
});
