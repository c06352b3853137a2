// What a core asks of others, and what it makes of their answers; and the order of what is pushed while rows are on their way.
import { describe, expect, test } from 'vitest';
import type { Item } from '../../actors/items.ts';
import type { Tick } from '../../actors/messages.ts';
import type { CoreClient } from '../../cluster/core-client.ts';
import { Elsewhere } from '../../cluster/core-elsewhere.ts';
import { CoreInterest } from '../../cluster/core-interest.ts';
import { CorePushing } from '../../cluster/core-pushing.ts';
import { CoreRows, type RowQueries } from '../../cluster/core-rows.ts';
import { CoreSessions } from '../../cluster/core-sessions.ts';
import type { Copy, PeerMessage } from '../../cluster/peer-messages.ts';
import { Interest } from '../../cluster/replica-interest.ts';
import { type AccountId, firstAccountOf } from '../../runtime/account-id.ts';
import type { Outcome, Reader, Rejection } from '../../runtime/behaviours.ts';
import { keyOf } from '../../runtime/key.ts';
import type { Found, Need } from '../../runtime/reading.ts';
import { makeStatusId, type StatusId, statusAuthor } from '../../runtime/status-id.ts';
import { makeVersion, noVersion } from '../../runtime/version.ts';
import { packWire } from '../../runtime/wire-bytes.ts';
import { testGateway } from '../support/core.ts';
import { ringOf } from './cores-together.ts';

const here = firstAccountOf(1);
const there = firstAccountOf(900);
const version = makeVersion(1_700_000_000_000, 0, 1);
const nothing: Reader = {
  fact: () => null,
  view: () => undefined,
  facts: () => [],
  views: () => [],
  recent: () => [],
  find: () => [],
};

type Answering = (kind: string, ask: { needs?: Need[] }) => Promise<Outcome<unknown>> | Outcome<unknown>;

function elsewhereOf(answer: Answering, newestHere: StatusId[] = []): Elsewhere {
  const call = async (kind: string, ask: unknown) => answer(kind, ask as { needs?: Need[] });
  return new Elsewhere({
    client: { call } as unknown as Pick<CoreClient, 'call'>,
    local: nothing,
    newestHere: () => newestHere,
    isHere: (account) => account === here,
    mergeViews: (_key, [first]) => first,
  });
}

const factOf = (value: unknown): Found => ({ kind: 'fact', fact: { version, value } });

describe('a read that needs others', () => {
  const run = (reader: Reader): Outcome<unknown> => ({
    ok: true,
    value: [1, 2, 3].map((place) => reader.fact(keyOf(there, 'a', String(place)))?.value),
  });

  test('asks again for what did not fit one answer', async () => {
    const asked: number[] = [];
    const elsewhere = elsewhereOf((_kind, { needs = [] }) => {
      asked.push(needs.length);
      const found = needs.map(
        (one, place): Found =>
          place === 0 && one.kind === 'fact' ? factOf(one.key.at(-1)) : { kind: 'later' },
      );
      return { ok: true, value: { found } };
    });
    expect(await elsewhere.read(run)).toEqual({ ok: true, value: ['1', '2', '3'] });
    expect(asked).toEqual([3, 2, 1]);
  });

  test('is refused as a whole when a part cannot be had, and never says that somebody moved', async () => {
    const rejection: Rejection = { code: 'moved', message: 'elsewhere' };
    const outcome = await elsewhereOf(() => ({ ok: false, rejection })).read(run);
    expect(outcome).toMatchObject({ ok: false, rejection: { code: 'unavailable' } });
  });

  test('ends when it leads to ever more', async () => {
    const elsewhere = elsewhereOf((_kind, { needs = [] }) => ({
      ok: true,
      value: { found: needs.map(() => factOf('more')) },
    }));
    const outcome = await elsewhere.read((reader) => {
      let depth = 0;
      while (reader.fact(keyOf(there, 'a', String(depth))) !== null) depth++;
      return { ok: true, value: depth };
    });
    expect(outcome).toMatchObject({ ok: false, rejection: { code: 'unavailable' } });
  });

  test('is answered at once when everything is here', () => {
    const elsewhere = elsewhereOf(() => {
      throw new Error('nobody is asked');
    });
    const outcome = elsewhere.read((reader) => ({ ok: true, value: reader.fact(keyOf(here, 'a')) }));
    expect(outcome).toEqual({ ok: true, value: null });
  });
});

test('the newest of authors here and elsewhere are one list, cut to what was asked for', async () => {
  const [oldest, middle, youngest] = [1, 2, 3].map((ms) => makeStatusId(ms, ms === 2 ? here : there, 0));
  const elsewhere = elsewhereOf(
    () => ({ ok: true, value: { ids: [youngest, oldest] } }),
    [middle as StatusId],
  );
  const asked = { authors: [here, there], sinceMs: 0, most: 2 };
  expect(await elsewhere.newest(asked)).toEqual({ ok: true, value: [youngest, middle] });
});

describe('pushes', () => {
  const statusItem = (ms: number, author: AccountId): Item => ({
    kind: 'status',
    version: makeVersion(ms, 0, 1),
    id: makeStatusId(ms, author, 0),
    author,
    boostOf: null,
  });

  /** Rows that are made of one fact each, the author's and the status's. */
  const queries = {
    statuses: (reader: Reader, { ids }: { ids: StatusId[] }) => ({
      ok: true,
      value: {
        rows: ids.map((id) =>
          reader.fact(keyOf(statusAuthor(id), 's', id)) === null ? null : { id, boostOf: null },
        ),
      },
    }),
    accounts: (reader: Reader, { ids }: { ids: AccountId[] }) => ({
      ok: true,
      value: { rows: ids.map((id) => (reader.fact(keyOf(id, 'a')) === null ? null : { id })) },
    }),
  } as unknown as RowQueries;

  function pushing(elsewhere: Elsewhere, reader: Reader = nothing) {
    const sessions = new CoreSessions();
    const gateway = testGateway('gateway-0');
    const number = sessions.attach(gateway, 5, here);
    const lost: string[] = [];
    const pushes = new CorePushing({
      sessions,
      rows: new CoreRows(reader, () => queries),
      peers: () => [gateway],
      elsewhere: () => elsewhere,
      lost: (reason) => lost.push(reason),
    });
    const push = (item: Item): void =>
      pushes.push({
        pushes: { sessions: new Map([[item, [number]]]), topics: new Map() },
        watermark: item.version,
        isComplete: true,
      });
    const told = (): string[] => gateway.ticks.flatMap(({ items }: Tick) => items.map((item) => item.kind));
    return { push, told, lost, gateway, pushes };
  }

  test('behind one that waits for rows wait, and go out in order', async () => {
    const asked: (() => void)[] = [];
    const elsewhere = elsewhereOf(
      (_kind, { needs = [] }) =>
        new Promise((resolve) => {
          asked.push(() => resolve({ ok: true, value: { found: needs.map(() => factOf([])) } }));
        }),
    );
    const { push, gateway, pushes } = pushing(elsewhere);
    push(statusItem(1000, there));
    push({
      kind: 'removed',
      version: makeVersion(1001, 0, 1),
      id: makeStatusId(7, here, 0),
      author: here,
      isMention: false,
    });
    push(statusItem(1002, there));
    expect(gateway.ticks).toEqual([]);
    expect(pushes.isIdle).toBe(false);
    while (!pushes.isIdle) {
      for (const answer of asked.splice(0)) answer();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const kinds = gateway.ticks.flatMap(({ items }) => items.map((item) => item.kind));
    expect(kinds).toEqual(['update', 'deleted', 'update']);
  });

  test('whose rows cannot be had become a resync of their sessions, and later ones go on', async () => {
    let isDown = true;
    const elsewhere = elsewhereOf((_kind, { needs = [] }) =>
      isDown
        ? { ok: false, rejection: { code: 'unavailable', message: 'down' } }
        : { ok: true, value: { found: needs.map(() => factOf([])) } },
    );
    const { push, told, lost, pushes } = pushing(elsewhere);
    push(statusItem(1000, there));
    while (!pushes.isIdle) await new Promise((resolve) => setImmediate(resolve));
    isDown = false;
    push(statusItem(1001, there));
    while (!pushes.isIdle) await new Promise((resolve) => setImmediate(resolve));
    expect(told()).toEqual(['resync', 'update']);
    expect(lost).toEqual(['down']);
  });
});

describe('authors of other cores', () => {
  /** Three owners of five: of every partition somebody has nothing. */
  const ring = ringOf([1, 2, 3, 4, 5], null);
  const partition = Array.from({ length: 1024 }, (_, one) => one).find((one) => !ring.holds(1, one)) ?? 0;
  const stranger = firstAccountOf(partition);
  const ours = firstAccountOf(ring.held(1)[0] ?? 0);

  function interestOf(watermark = noVersion) {
    const said: { add: readonly number[]; remove: readonly number[] }[] = [];
    const heard: string[] = [];
    let through = 0;
    const replica = {
      ring,
      want(add: readonly number[], remove: readonly number[]) {
        said.push({ add, remove });
        return said.length;
      },
      wantedThrough: () => through,
      horizon: { watermark: () => watermark },
    };
    const interest = new CoreInterest({
      node: 1,
      replica: replica as unknown as ConstructorParameters<typeof CoreInterest>[0]['replica'],
      authors: () => [ours, stranger],
      heard: (entries) => heard.push(...entries.map(({ key }) => key)),
    });
    return { interest, said, heard, confirm: () => (through = said.length) };
  }

  const copyOf = (account: AccountId, ms: number, to: number[] = []): Copy => ({
    seq: ms,
    version: makeVersion(ms, 0, 2),
    key: keyOf(account, 's', String(ms)),
    packed: packWire(['text']),
    live: true,
    to,
  });

  test('are wanted from when somebody receives them, and a timeline waits until that is confirmed', async () => {
    const { interest, said, confirm } = interestOf();
    interest.changed(stranger, true);
    const confirmed = interest.confirmed(60_000);
    expect(said).toEqual([{ add: [stranger], remove: [] }]);
    confirm();
    interest.settled();
    expect(await confirmed).toBe(true);
  });

  test('who come and go before it is said are not spoken of', async () => {
    const { interest, said } = interestOf();
    interest.changed(stranger, true);
    interest.changed(stranger, false);
    await new Promise((resolve) => setImmediate(resolve));
    expect(said.flatMap(({ add, remove }) => [...add, ...remove])).toEqual([]);
  });

  test('are wanted before a ring that takes their partitions away holds', () => {
    const { interest, said } = interestOf();
    interest.ringChanges(ringOf([2, 3, 4], null));
    expect(said).toEqual([{ add: [ours], remove: [] }]);
  });

  test('are heard when nothing of it is on this disk and the watermark has not passed it', () => {
    const { interest, heard } = interestOf(makeVersion(500, 0, 0));
    const owned = ring.held(1)[0] ?? 0;
    const late = copyOf(stranger, 400);
    const guest = copyOf(stranger, 600, [owned]);
    const own = copyOf(firstAccountOf(owned), 601);
    const news = copyOf(stranger, 602);
    interest.arrived([late, guest, own, news]);
    expect(heard).toEqual([news.key]);
  });

  test('more of them than a frame holds are said in parts, and count when all have been heard', () => {
    const sent: Extract<PeerMessage, { kind: 'want' }>[] = [];
    const interest = new Interest({
      clock: { monoMs: () => 0, wallMs: () => 0 },
      send: (_to, message) => {
        if (message.kind === 'want') sent.push(message);
      },
    });
    const authors = Array.from({ length: 25_000 }, (_, place) => place);
    const version = interest.want(authors, []);
    interest.linked(2);
    expect(sent.length).toBe(3);
    expect(sent.flatMap(({ add }) => add)).toEqual(authors);
    expect(sent.map(({ from }) => from)).toEqual([0, ...sent.slice(0, -1).map((message) => message.version)]);
    for (const message of sent.slice(0, -1))
      interest.confirmed(2, { kind: 'wanted', version: message.version });
    expect(interest.isConfirmed(2, version - 1_000_000)).toBe(false);
    interest.confirmed(2, { kind: 'wanted', version });
    expect(interest.isConfirmed(2, version)).toBe(true);
  });
});
