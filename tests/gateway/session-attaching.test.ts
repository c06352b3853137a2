// Attaching sessions at a core that is slow, busy or gone.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Answered } from '../../cluster/core-client.ts';
import type { Caller } from '../../gateway/endpoint.ts';
import { type Closing, heard, Session } from '../../gateway/session.ts';
import { Attaching } from '../../gateway/session-attaching.ts';
import { SessionTable } from '../../gateway/session-table.ts';
import type { StreamEvent } from '../../gateway/streaming-event.ts';
import { type AccountId, partitionOf } from '../../runtime/account-id.ts';
import type { Outcome, RejectionCode } from '../../runtime/behaviours.ts';

class QuietSession extends Session {
  endedWith: Closing | null = null;
  protected write(): boolean {
    return true;
  }
  protected writeAll(): boolean {
    return true;
  }
  protected finish(closing: Closing): void {
    this.endedWith = closing;
  }
}

/** Of the few small accounts of these tests. */
const all = new Set([partitionOf(1 as AccountId)]);
const cursor = '01a2003e2504000000000001';

interface Asked {
  kind: string;
  session: number;
  since: string | null;
  answer(answered: Answered<'attach'>): void;
}

function setUp() {
  const table = new SessionTable<Session>();
  const asked: Asked[] = [];
  const tokens: string[] = [];
  const started: string[] = [];
  const state = { isUp: true, isValid: true };
  const attaching = new Attaching({
    table,
    started: (session, cursor) => started.push(`${session.account} ${cursor}`),
    authenticator: {
      authenticate: async (token): Promise<Outcome<Caller>> => {
        tokens.push(token);
        if (!state.isValid) return { ok: false, rejection: { code: 'unauthorized', message: '' } };
        return { ok: true, value: callerOf(token) };
      },
    },
    client: {
      linked: () => () => state.isUp,
      call: (kind: string, ask: object) =>
        new Promise((resolve) => {
          asked.push({ kind, since: null, session: 0, ...ask, answer: resolve as Asked['answer'] });
        }) as never,
    },
  });
  const open = (account: number): QuietSession => {
    const session = new QuietSession({
      caller: callerOf(`token ${account}`),
      account: account as AccountId,
      origin: 'http://x',
      form: 'json',
    });
    session.hears = heard.user;
    session.checkedAt = session.link;
    table.add(session);
    return session;
  };
  return { table, attaching, asked, tokens, started, state, open };
}

function callerOf(token: string): Caller {
  return { token, tokenId: token, account: null, clientId: '', scopes: new Set(['read']) };
}

const good: Answered<'attach'> = { ok: true, value: { cursor } };
const refused = (code: RejectionCode): Answered<'attach'> => ({
  ok: false,
  rejection: { code, message: '' },
});
const turn = (): Promise<void> => vi.advanceTimersByTimeAsync(0).then(() => {});

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('ten thousand sessions are attached a few hundred at a time, each once', async () => {
  const { attaching, asked, open } = setUp();
  const sessions = Array.from({ length: 10_000 }, (_, index) => open(index));
  for (const session of sessions) attaching.add(session);
  expect(attaching.size).toBe(10_000);
  await turn();
  let answered = 0;
  while (answered < asked.length) {
    expect(asked.length - answered).toBeLessThanOrEqual(256);
    for (const ask of asked.slice(answered)) {
      ask.answer(good);
      answered++;
    }
    await turn();
  }
  expect(new Set(asked.map(({ session }) => session)).size).toBe(10_000);
  expect(asked).toHaveLength(10_000);
  expect(attaching.size).toBe(0);
  expect(sessions.every(({ phase }) => phase === 'settling')).toBe(true);
});

test('while the core answers slowly it is asked fewer at once, and more again when it is quick', async () => {
  const { attaching, asked, open } = setUp();
  for (let account = 0; account < 10_000; account++) attaching.add(open(account));
  await turn();
  let answered = 0;
  /** Answers all that were asked so far; how many are asked after that. */
  const answerAll = async (afterMs: number): Promise<number> => {
    await vi.advanceTimersByTimeAsync(afterMs);
    for (const ask of asked.slice(answered)) ask.answer(good);
    answered = asked.length;
    await turn();
    return asked.length - answered;
  };
  expect(asked).toHaveLength(256);
  // All of a round were asked together: they count once.
  expect(await answerAll(600)).toBe(128);
  expect(await answerAll(400)).toBe(128);
  for (let round = 0; round < 10; round++) await answerAll(600);
  expect(await answerAll(600)).toBe(32);
  expect(await answerAll(100)).toBe(64);
  expect(await answerAll(100)).toBe(128);
});

test('after a lost link every session is attached again with its cursor, its token looked at first', async () => {
  const { table, attaching, asked, tokens, started, open } = setUp();
  const session = open(1);
  attaching.add(session);
  await turn();
  asked[0]?.answer(good);
  await turn();
  table.sent(session, '01a2003e2599000000000001');
  expect(tokens).toEqual([]);
  attaching.lost(all);
  attaching.served(all);
  await turn();
  expect(tokens).toEqual(['token 1']);
  expect(asked[1]).toMatchObject({ kind: 'attach', since: '01a2003e2599000000000001' });
  asked[1]?.answer(good);
  await turn();
  // It starts once.
  expect(started).toEqual([`1 ${cursor}`]);
});

test('a token that is no longer good ends its session before anything is attached', async () => {
  const { attaching, asked, state, open } = setUp();
  const session = open(1);
  attaching.lost(all);
  state.isValid = false;
  attaching.served(all);
  await turn();
  expect(session.endedWith).toEqual({ code: 1008, reason: 'token-revoked' });
  expect(asked).toEqual([]);
});

test('an answer of a link that is gone means nothing', async () => {
  const { attaching, asked, open } = setUp();
  const session = open(1);
  attaching.add(session);
  await turn();
  attaching.lost(all);
  attaching.served(all);
  await turn();
  asked[0]?.answer(good);
  await turn();
  expect(session.phase).toBe('attaching');
  asked[1]?.answer(good);
  await turn();
  expect(session.phase).toBe('settling');
});

test('while the core is busy a session waits longer and longer, and is sent away in the end', async () => {
  const { attaching, asked, open } = setUp();
  const session = open(1);
  attaching.add(session);
  await turn();
  let count = 0;
  while (session.endedWith === null) {
    expect(attaching.size).toBe(1);
    asked[count++]?.answer(refused('busy'));
    await turn();
    // Put off, it is on its way all the same; sent away, it is not.
    expect(attaching.size).toBe(count === 9 ? 0 : 1);
    await vi.advanceTimersByTimeAsync(5000);
    expect(count).toBeLessThan(20);
  }
  expect(count).toBe(9);
  expect(session.endedWith).toEqual({ code: 1013, reason: 'busy' });
});

test('what came of an attachment that was given up does not pass for what the next one finds', async () => {
  const { table, attaching, asked, open } = setUp();
  const session = open(1);
  session.since = cursor;
  attaching.add(session);
  await turn();
  asked[0]?.answer(refused('unavailable'));
  await turn();
  // The core had taken it for all that: this is on its way to the socket when the second answer comes.
  session.pending = {} as StreamEvent;
  await vi.advanceTimersByTimeAsync(200);
  asked[1]?.answer(good);
  await turn();
  expect(session.pending).toBeNull();
  expect(table.cursorOf(session)).toBe(cursor);
});

test('a session that is gone, or has stopped listening, is not attached; one that was is detached', async () => {
  const { attaching, asked, open } = setUp();
  const [gone, still] = [open(1), open(2)];
  gone.isOpen = false;
  const { number } = still;
  attaching.add(still);
  await turn();
  asked[0]?.answer(good);
  await turn();
  still.hears = 0;
  attaching.detach(still);
  expect(asked[1]).toMatchObject({ kind: 'detach', session: number });
  expect(still.number).not.toBe(number);
  attaching.served(all);
  await turn();
  expect(asked).toHaveLength(2);
});
