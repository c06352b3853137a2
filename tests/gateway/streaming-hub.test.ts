// The hub on sessions without sockets: what may wait, what may not, and from where a session is attached.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { NotificationRow, Pushed, StatusRow } from '../../actors/messages.ts';
import type { Answered } from '../../cluster/core-client.ts';
import { DeletedPosts } from '../../gateway/deleted-posts.ts';
import type { Caller } from '../../gateway/endpoint.ts';
import { type Closing, Session } from '../../gateway/session.ts';
import { StreamingHub } from '../../gateway/streaming-hub.ts';
import type { StreamingMeter } from '../../gateway/streaming-meter.ts';
import { mostStuckMs } from '../../gateway/streaming-slow.ts';
import { type AccountId, partitionOf } from '../../runtime/account-id.ts';
import type { StatusId } from '../../runtime/status-id.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const caller: Caller = {
  token: 't',
  tokenId: 't',
  account: 1 as AccountId,
  clientId: '',
  scopes: new Set(['read']),
};
const cursorOf = (n: number): string => n.toString(16).padStart(24, '0');
const idOf = (n: number): StatusId => `${'\0'.repeat(13)}${String.fromCharCode(n)}` as StatusId;
const user = { name: 'user', tag: null } as const;
const notification = { name: 'user:notification', tag: null } as const;

class FakeSession extends Session {
  written: string[] = [];
  /** What a write takes of the process's time. */
  writeMs = 0;
  /** Its client does not read. */
  isFull = false;
  ended: Closing | null = null;

  protected write(frame: Uint8Array): boolean {
    vi.advanceTimersByTime(this.writeMs);
    this.written.push(Buffer.from(frame).toString());
    return !this.isFull;
  }

  protected writeAll(frames: Uint8Array[]): boolean {
    for (const frame of frames) this.write(frame);
    return !this.isFull;
  }

  protected finish(closing: Closing): void {
    this.ended = closing;
  }
}

interface Attach {
  session: number;
  since: string | null;
  answer(cursor: string): Promise<void>;
}

function setUp(page: string | null = 'first') {
  const deleted = new DeletedPosts();
  const attaches: Attach[] = [];
  const call = (kind: string, ask: { session: number; since: string | null }) => {
    if (kind !== 'attach') return Promise.resolve({ ok: true, value: {} });
    return new Promise<Answered<'attach'>>((resolve) => {
      attaches.push({
        session: ask.session,
        since: ask.since,
        async answer(cursor) {
          resolve({ ok: true, value: { cursor } });
          await vi.advanceTimersByTimeAsync(0);
        },
      });
    });
  };
  const quiet = () => {};
  /** Live sessions of each measured delivery. */
  const lags: number[] = [];
  const waiting = { streams: () => -1 };
  const meter: StreamingMeter = {
    opened: quiet,
    closed: quiet,
    delivered: quiet,
    lag: (_seconds, sessions) => lags.push(sessions),
    cutOff: quiet,
    resynced: quiet,
    refused: quiet,
    attaching(streams) {
      waiting.streams = streams;
    },
  };
  const hub = new StreamingHub({
    client: { linked: () => () => true, listen: quiet, call: call as never },
    authenticator: { authenticate: async () => ({ ok: true, value: caller }) },
    deleted,
    writer: {
      status: ({ row, boosted }) => `${row.text}${boosted?.text ?? ''}`,
      notification: ({ status }) => `named in ${status?.text}`,
    },
    meter,
    log: {
      error(fields) {
        throw new Error(JSON.stringify(fields));
      },
    },
    page,
  });
  const open = (): FakeSession => {
    const session = new FakeSession({ caller, account: 1 as AccountId, origin: 'http://x', form: 'json' });
    hub.open(session);
    return session;
  };
  return { hub, deleted, attaches, lags, waiting, open };
}

const row = (n: number, text: string): StatusRow => ({ id: idOf(n), text, boostOf: null }) as StatusRow;
const numbers = (session: Session): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, session.number);
  return bytes;
};
const update = (to: Session, n: number, text: string, boosted: StatusRow | null = null): Pushed =>
  ({
    kind: 'update',
    row: row(n, text),
    author: {},
    boosted,
    boostedAuthor: boosted && {},
    sessions: numbers(to),
    topics: [],
    cursor: cursorOf(n),
  }) as unknown as Pushed;
/** By a core that has not heard everything up to there yet. */
const early = (to: Session, n: number, through: number): Pushed =>
  ({ ...update(to, n, `post ${n}`), cursor: cursorOf(through), version: cursorOf(n) }) as Pushed;
const payloads = (session: FakeSession): string[] =>
  session.written.map((frame) => JSON.parse(frame).payload);
const notified = (to: Session, n: number, status: StatusRow): Pushed =>
  ({
    kind: 'notified',
    notification: {} as NotificationRow,
    account: {},
    status,
    author: {},
    sessions: numbers(to),
    cursor: cursorOf(n),
  }) as unknown as Pushed;

test('a stream that no core has taken yet is counted, until one has', async () => {
  const { hub, attaches, waiting, open } = setUp();
  hub.command(open(), { kind: 'subscribe', stream: user, since: { kind: 'now' } });
  expect(waiting.streams()).toBe(1);
  await attaches[0]?.answer(cursorOf(1));
  expect(waiting.streams()).toBe(0);
});

test.each([
  ['the post', (to: Session) => update(to, 7, 'gone')],
  ['a boost of it', (to: Session) => update(to, 9, '', row(7, 'gone'))],
  ['a notification about it', (to: Session) => notified(to, 9, row(7, 'gone'))],
])('a frame of %s does not wait beyond the change of the post', (_what, made) => {
  const { hub, open } = setUp();
  const [busy, session] = [open(), open()];
  for (const one of [busy, session])
    hub.command(one, { kind: 'subscribe', stream: user, since: { kind: 'now' } });
  busy.writeMs = 60;
  hub.tick({ items: [update(busy, 2, 'dear to write')], cursor: cursorOf(2) }, 0);
  hub.tick({ items: [made(session)], cursor: cursorOf(9) }, 0);
  hub.portion(() => session.written.push('the portion'));
  expect(session.written).toEqual([]);
  hub.changed({ statuses: [idOf(8)], tokens: [] });
  expect(session.written).toEqual([]);
  hub.changed({ statuses: [idOf(7)], tokens: [] });
  expect(session.written).toEqual([expect.stringContaining('gone'), 'the portion']);
});

test('a cursor given with a second stream of its own is resumed from', async () => {
  const { hub, attaches, open } = setUp();
  const session = open();
  hub.command(session, { kind: 'subscribe', stream: notification, since: { kind: 'now' } });
  await attaches[0]?.answer(cursorOf(5));
  hub.command(session, { kind: 'subscribe', stream: user, since: { kind: 'cursor', cursor: cursorOf(3) } });
  expect(attaches[1]).toMatchObject({ session: session.number, since: cursorOf(3) });
  expect(attaches[1]?.session).not.toBe(attaches[0]?.session);
  await attaches[1]?.answer(cursorOf(6));
  // Later than where it stands: where it stands counts.
  hub.command(session, { kind: 'subscribe', stream: user, since: { kind: 'cursor', cursor: cursorOf(9) } });
  expect(attaches[2]).toMatchObject({ since: cursorOf(3) });
  await attaches[2]?.answer(cursorOf(6));
  hub.command(session, { kind: 'subscribe', stream: user, since: { kind: 'unknown' } });
  expect(attaches[3]).toMatchObject({ since: cursorOf(0) });
  hub.command(session, { kind: 'subscribe', stream: user, since: { kind: 'now' } });
  expect(attaches).toHaveLength(4);
});

test('who asks for the start later is told where the session stands', async () => {
  const { hub, attaches, open } = setUp();
  const session = open();
  hub.command(session, { kind: 'subscribe', stream: notification, since: { kind: 'now' } });
  await attaches[0]?.answer(cursorOf(5));
  expect(session.written).toEqual([]);
  hub.command(session, { kind: 'subscribe', stream: user, since: { kind: 'start' } });
  expect(session.written).toEqual([expect.stringContaining(`"event":"cursor","cursor":"${cursorOf(5)}"`)]);
  expect(attaches).toHaveLength(1);
});

test('what waits when a stream is given up is not sent to the one that comes after it', async () => {
  const { hub, attaches, open } = setUp();
  const [busy, session] = [open(), open()];
  for (const one of [busy, session])
    hub.command(one, { kind: 'subscribe', stream: user, since: { kind: 'now' } });
  for (const attach of attaches) await attach.answer(cursorOf(1));
  busy.writeMs = 60;
  hub.tick({ items: [update(busy, 2, 'dear to write')], cursor: cursorOf(2) }, 0);
  hub.tick({ items: [update(session, 9, 'waits')], cursor: cursorOf(9) }, 0);
  hub.command(session, { kind: 'unsubscribe', stream: user });
  hub.command(session, { kind: 'subscribe', stream: user, since: { kind: 'cursor', cursor: cursorOf(3) } });
  await attaches[2]?.answer(cursorOf(9));
  vi.advanceTimersByTime(500);
  expect(session.written).toEqual([]);
  hub.tick({ items: [update(session, 4, 'missed'), update(session, 9, 'waits')], cursor: cursorOf(9) }, 0);
  vi.advanceTimersByTime(500);
  expect(session.written.map((frame) => JSON.parse(frame).payload)).toEqual(['missed', 'waits']);
});

test('what was missed is written also when it comes together with the answer, and other frames are due first', async () => {
  const { hub, attaches, open } = setUp();
  const [busy, session] = [open(), open()];
  hub.command(busy, { kind: 'subscribe', stream: user, since: { kind: 'now' } });
  await attaches[0]?.answer(cursorOf(1));
  hub.command(session, { kind: 'subscribe', stream: user, since: { kind: 'cursor', cursor: cursorOf(3) } });
  busy.writeMs = 60;
  hub.tick({ items: [update(busy, 2, 'dear to write')], cursor: cursorOf(2) }, 0);
  const answered = attaches[1]?.answer(cursorOf(9));
  hub.tick({ items: [update(session, 4, 'missed'), update(session, 5, 'too')], cursor: cursorOf(9) }, 0);
  await answered;
  expect(session.written).toEqual([]);
  vi.advanceTimersByTime(500);
  expect(payloads(session)).toEqual(['missed', 'too']);
});

test('the first delivery after a session was attached is measured, what it catches up on is not', async () => {
  const { hub, attaches, lags, open } = setUp();
  const session = open();
  hub.command(session, { kind: 'subscribe', stream: user, since: { kind: 'cursor', cursor: cursorOf(1) } });
  await attaches[0]?.answer(cursorOf(5));
  hub.tick({ items: [update(session, 3, 'missed')], cursor: cursorOf(5) }, 0);
  expect(lags).toEqual([]);
  hub.tick({ items: [update(session, 7, 'new')], cursor: cursorOf(7) }, 0);
  expect(lags).toEqual([1]);
});

describe('a client that does not read', () => {
  const long = 'x'.repeat(10_000);
  const slowConsumer = { code: 1013, reason: 'slow-consumer' };

  /** It has been sent one post, and so many more that not all may wait. */
  async function behind(since: 'now' | 'start') {
    const { hub, attaches, open } = setUp();
    const session = open();
    hub.command(session, { kind: 'subscribe', stream: user, since: { kind: since } });
    await attaches[0]?.answer(cursorOf(1));
    hub.tick({ items: [update(session, 2, 'read')], cursor: cursorOf(2) }, 0);
    const before = session.written.length;
    session.isFull = true;
    const post = (n: number, text = `${n} ${long}`): void => {
      hub.tick({ items: [update(session, n, text)], cursor: cursorOf(n) }, 0);
      vi.advanceTimersByTime(200);
    };
    for (let n = 3; n <= 12; n++) post(n);
    const events = (): [string, string][] =>
      session.written.slice(before).map((frame) => {
        const { event, cursor } = JSON.parse(frame);
        return [event, cursor];
      });
    return { hub, session, post, events };
  }

  test('and knows cursors is told to read anew in place of what waited, once it reads, and goes on from there', async () => {
    const { hub, session, post, events } = await behind('start');
    expect(session.ended).toBeNull();
    expect(session.outbox?.bytes).toBe(0);
    post(13);
    expect(session.outbox?.bytes).toBe(0);
    session.isFull = false;
    hub.drained(session);
    expect(events()).toEqual([
      ['update', cursorOf(3)],
      ['resync', cursorOf(13)],
    ]);
    post(14, 'after');
    expect(payloads(session).at(-1)).toBe('after');
    vi.advanceTimersByTime(mostStuckMs);
    expect(session.ended).toBeNull();
  });

  test('at all is sent away with a code that says to come back', async () => {
    const { hub, session } = await behind('start');
    vi.advanceTimersByTime(mostStuckMs);
    expect(session.ended).toEqual(slowConsumer);
    hub.drained(session);
    expect(session.written.some((frame) => frame.includes('resync'))).toBe(false);
  });

  test('and has never spoken of cursors is sent away at once: it would not know what a resync is', async () => {
    const { session } = await behind('now');
    expect(session.ended).toEqual(slowConsumer);
  });

  test('is told to read anew on each of its streams, and which page is shown', async () => {
    const { hub, session, events } = await behind('start');
    const tag = { name: 'hashtag', tag: 'x' } as const;
    hub.command(session, { kind: 'subscribe', stream: tag, since: { kind: 'now' } });
    hub.command(session, { kind: 'subscribe', stream: { name: 'page', tag: null }, since: { kind: 'now' } });
    hub.pageChanged('second');
    session.isFull = false;
    hub.drained(session);
    const streams = session.written.slice(-3).map((frame) => JSON.parse(frame).stream);
    expect(streams).toEqual([['user'], ['hashtag', 'x'], ['page']]);
    expect(events().at(-2)).toEqual(['resync', undefined]);
    expect(session.written.at(-1)).toContain('second');
  });

  test('and is read to in full is told of accounts in full again', async () => {
    const { hub, session } = await behind('start');
    session.known = new Map([[1 as AccountId, 1]]);
    session.isFull = false;
    hub.drained(session);
    expect(session.known.size).toBe(0);
  });
});

describe('a page that is open', () => {
  const subscribe = {
    kind: 'subscribe',
    stream: { name: 'page', tag: null },
    since: { kind: 'now' },
  } as const;
  const told = (id: string): string => `{"stream":["page"],"event":"page","payload":"${id}"}`;

  test('is told which page is shown, and each that is shown after it', () => {
    const { hub, attaches, open } = setUp();
    const sessions = Array.from({ length: 600 }, open);
    for (const session of sessions) expect(hub.command(session, subscribe)).toBeNull();
    hub.pageChanged('second');
    hub.pageChanged('second');
    vi.runAllTimers();
    for (const { written } of sessions) expect(written).toEqual([told('first'), told('second')]);
    // The core has no part in it.
    expect(attaches).toEqual([]);
  });

  test('is told of the last of two that come close together', () => {
    const { hub, open } = setUp();
    const sessions = Array.from({ length: 600 }, open);
    for (const session of sessions) hub.command(session, subscribe);
    hub.pageChanged('second');
    hub.pageChanged('third');
    vi.runAllTimers();
    for (const { written } of sessions) expect(written.at(-1)).toBe(told('third'));
  });

  test('is told nothing when it asks no more, or is gone', () => {
    const { hub, open } = setUp();
    const [stays, asksNoMore, gone] = [open(), open(), open()];
    for (const session of [stays, asksNoMore, gone]) hub.command(session, subscribe);
    hub.command(asksNoMore, { kind: 'unsubscribe', stream: subscribe.stream });
    hub.closed(gone);
    hub.pageChanged('second');
    vi.runAllTimers();
    expect([stays, asksNoMore, gone].map(({ written }) => written.length)).toEqual([2, 1, 1]);
  });

  test('is refused where there is none', () => {
    const { hub, open } = setUp(null);
    expect(hub.command(open(), subscribe)).toEqual({ status: 404, error: 'There is no page here' });
  });
});

describe('of what a session was sent by one core of several', () => {
  async function opened() {
    const { hub, attaches, open } = setUp();
    const session = open();
    hub.command(session, { kind: 'subscribe', stream: user, since: { kind: 'now' } });
    await attaches[0]?.answer(cursorOf(1));
    hub.tick({ items: [early(session, 5, 3), early(session, 6, 3)], cursor: cursorOf(3) }, 1);
    const lose = async (): Promise<void> => {
      hub.lost(new Set([partitionOf(session.account)]));
      hub.served(new Set([partitionOf(session.account)]));
      await vi.advanceTimersByTimeAsync(0);
    };
    return { hub, attaches, session, lose };
  }

  test('nothing is sent again when another core serves it, and nothing is left out', async () => {
    const { hub, attaches, session, lose } = await opened();
    await lose();
    expect(attaches[1]).toMatchObject({ since: cursorOf(3) });
    await attaches[1]?.answer(cursorOf(4));
    // One that came late to the first core is between them.
    hub.tick(
      { items: [early(session, 4, 2), early(session, 5, 2), early(session, 6, 2)], cursor: cursorOf(2) },
      2,
    );
    hub.tick({ items: [early(session, 7, 2)], cursor: cursorOf(2) }, 2);
    await lose();
    expect(attaches[2]).toMatchObject({ since: cursorOf(3) });
    await attaches[2]?.answer(cursorOf(9));
    const again = [5, 6, 7, 4, 8].map((n) => update(session, n, `post ${n}`));
    hub.tick({ items: again, cursor: cursorOf(9) }, 3);
    // Said again by a new server: it is below the cursor by now.
    hub.tick({ items: [early(session, 4, 9), early(session, 7, 9)], cursor: cursorOf(9) }, 3);
    // One that nobody sent while its server was cut off.
    hub.tick({ items: [early(session, 2, 9)], cursor: cursorOf(9) }, 3);
    vi.advanceTimersByTime(500);
    const each = ['post 5', 'post 6', 'post 4', 'post 7', 'post 8', 'post 2'];
    expect(payloads(session)).toEqual(each);
  });

  test('nothing is sent twice that comes twice before it is written', async () => {
    const { hub, session } = await opened();
    session.writeMs = 60;
    hub.tick({ items: [early(session, 7, 3)], cursor: cursorOf(3) }, 1);
    hub.tick({ items: [early(session, 8, 3), early(session, 9, 3)], cursor: cursorOf(3) }, 1);
    hub.tick({ items: [early(session, 8, 3)], cursor: cursorOf(3) }, 1);
    vi.advanceTimersByTime(500);
    expect(payloads(session)).toEqual(['post 5', 'post 6', 'post 7', 'post 8', 'post 9']);
  });

  test('a second stream that is resumed has all that it asks for', async () => {
    const { hub, attaches, session } = await opened();
    const since = { kind: 'cursor', cursor: cursorOf(3) } as const;
    hub.command(session, { kind: 'subscribe', stream: notification, since });
    await attaches[1]?.answer(cursorOf(9));
    hub.tick({ items: [update(session, 5, 'post 5')], cursor: cursorOf(9) }, 1);
    vi.advanceTimersByTime(500);
    expect(payloads(session)).toEqual(['post 5', 'post 6', 'post 5']);
  });
});
