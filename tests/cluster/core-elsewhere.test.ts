// What a core asks of others, and what it makes of their answers.
import { describe, expect, test } from 'vitest';
import type { CoreClient } from '../../cluster/core-client.ts';
import { Elsewhere } from '../../cluster/core-elsewhere.ts';
import { CoreInterest } from '../../cluster/core-interest.ts';
import type { Copy, PeerMessage } from '../../cluster/peer-messages.ts';
import { Interest } from '../../cluster/replica-interest.ts';
import { type AccountId, firstAccountOf, serverAccount } from '../../runtime/account-id.ts';
import type { Outcome, Reader, Rejection } from '../../runtime/behaviours.ts';
import { afterPrefix, type Key, keyOf } from '../../runtime/key.ts';
import { type Found, type Need, needId } from '../../runtime/reading.ts';
import { makeStatusId, type StatusId } from '../../runtime/status-id.ts';
import { makeVersion, noVersion } from '../../runtime/version.ts';
import { packWire } from '../../runtime/wire-bytes.ts';
import { noReader } from '../support/records.ts';
import { ringOf } from './cores-together.ts';

const here = firstAccountOf(1);
const there = firstAccountOf(900);
const version = makeVersion(1_700_000_000_000, 0, 1);
type Answering = (kind: string, ask: { needs?: Need[] }) => Promise<Outcome<unknown>> | Outcome<unknown>;

const everything = new Uint8Array(128).fill(255);

function elsewhereOf(
  answer: Answering,
  newestHere: StatusId[] = [],
  now = () => 0,
  held: Uint8Array = everything,
): Elsewhere {
  const call = async (kind: string, ask: unknown) => answer(kind, ask as { needs?: Need[] });
  return new Elsewhere({
    client: { call } as unknown as Pick<CoreClient, 'call'>,
    held: () => held,
    local: noReader,
    newestHere: () => newestHere,
    isHere: (account) => account === here,
    mergeViews: (_key, [first]) => first,
    now,
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

  /** Leads from one record to the next, until there is none. */
  const following = (reader: Reader): Outcome<unknown> => {
    let depth = 0;
    while (reader.fact(keyOf(there, 'a', String(depth))) !== null) depth++;
    return { ok: true, value: depth };
  };

  test('may take many rounds', async () => {
    const elsewhere = elsewhereOf((_kind, { needs = [] }) => ({
      ok: true,
      value: {
        found: needs.map((one) =>
          one.kind === 'fact' && one.key === keyOf(there, 'a', '200')
            ? { kind: 'fact', fact: null }
            : factOf('more'),
        ),
      },
    }));
    expect(await elsewhere.read(following)).toEqual({ ok: true, value: 200 });
  });

  test('ends in time when it leads to ever more', async () => {
    let nowMs = 0;
    const elsewhere = elsewhereOf(
      (_kind, { needs = [] }) => {
        nowMs += 100;
        return { ok: true, value: { found: needs.map(() => factOf('more')) } };
      },
      [],
      () => nowMs,
    );
    expect(await elsewhere.read(following)).toMatchObject({ ok: false, rejection: { code: 'unavailable' } });
    expect(nowMs).toBe(10_000);
  });

  test('is answered at once when everything is here', () => {
    const elsewhere = elsewhereOf(() => {
      throw new Error('nobody is asked');
    });
    const outcome = elsewhere.read((reader) => ({ ok: true, value: reader.fact(keyOf(here, 'a')) }));
    expect(outcome).toEqual({ ok: true, value: null });
  });
});

describe('a list of everybody', () => {
  const from = keyOf(serverAccount, 'P');
  const range = { from, to: afterPrefix(from), most: 10 };
  const run = (reader: Reader): Outcome<unknown> => ({ ok: true, value: reader.views(range) });
  const half = new Uint8Array(128).fill(0b1010_1010);
  const otherHalf = half.map((bits) => 255 - bits);
  const views: Found = {
    kind: 'views',
    views: [{ key: keyOf(serverAccount, 'P', 'x'), value: [] }],
    isCut: false,
  };

  test('is there when somebody has spoken of every partition', async () => {
    const answers = [{ held: otherHalf, found: [views] }];
    const outcome = await elsewhereOf(
      () => ({ ok: true, value: { answers } }),
      [],
      () => 0,
      half,
    ).read(run);
    expect(outcome).toEqual({ ok: true, value: views.kind === 'views' ? views.views : [] });
  });

  test('is asked for again while a partition is left out, and refused when that lasts', async () => {
    let nowMs = 0;
    let asked = 0;
    const answer = (): Outcome<unknown> => {
      asked++;
      nowMs += 3000;
      return { ok: true, value: { answers: [{ held: half, found: [views] }] } };
    };
    const outcome = await elsewhereOf(answer, [], () => nowMs, half).read(run);
    expect(outcome).toMatchObject({ ok: false, rejection: { code: 'unavailable' } });
    expect(asked).toBe(2);
  });

  test('that does not fit one answer with others is asked for by itself', async () => {
    const both = (reader: Reader): Outcome<unknown> => ({
      ok: true,
      value: [reader.views(range), reader.views({ ...range, most: 11 })].map((found) => found.length),
    });
    const asked: number[] = [];
    const elsewhere = elsewhereOf((_kind, { needs = [] }) => {
      asked.push(needs.length);
      const found = needs.map((_need, place): Found => (place === 0 ? views : { kind: 'later' }));
      return { ok: true, value: { answers: [{ held: everything, found }] } };
    });
    expect(await elsewhere.read(both)).toEqual({ ok: true, value: [1, 1] });
    expect(asked).toEqual([2, 1, 1]);
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

describe('a fact that is kept for pushes', () => {
  const key = keyOf(there, 'a');
  const id = needId({ kind: 'fact', key });
  const elsewhere = (): Elsewhere => elsewhereOf(() => ({ ok: true, value: { found: [] } }));
  const factAt = (ms: number): Found => ({
    kind: 'fact',
    fact: { version: makeVersion(ms, 0, 1), value: ms },
  });
  const gone: Found = { kind: 'fact', fact: null };

  test('is not replaced by an older one, nor by nothing', () => {
    const kept = elsewhere();
    kept.keep(id, factAt(2));
    kept.keep(id, factAt(1));
    kept.keep(id, gone);
    expect(kept.pushReader(new Map()).fact(key)?.value).toBe(2);
    kept.keep(id, factAt(3));
    expect(kept.pushReader(new Map()).fact(key)?.value).toBe(3);
  });

  test('is shown rather than an older one that was fetched', () => {
    const kept = elsewhere();
    kept.keep(id, factAt(2));
    expect(kept.pushReader(new Map([[id, factAt(1)]])).fact(key)?.value).toBe(2);
    expect(kept.pushReader(new Map([[id, factAt(3)]])).fact(key)?.value).toBe(3);
  });
});

describe('authors of other cores', () => {
  /** Three owners of five: of every partition somebody has nothing. */
  const ring = ringOf([1, 2, 3, 4, 5], null);
  const partition = Array.from({ length: 1024 }, (_, one) => one).find((one) => !ring.holds(1, one)) ?? 0;
  const stranger = firstAccountOf(partition);
  const ours = firstAccountOf(ring.held(1)[0] ?? 0);

  const known = new Set<Key>();

  function interestOf(watermark = noVersion) {
    const said: { add: readonly number[]; remove: readonly number[] }[] = [];
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
      isHeld: () => true,
      isKnown: ({ key }) => known.has(key),
    });
    interest.settle();
    said.length = 0;
    return { interest, said, confirm: () => (through = said.length) };
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
    interest.settle(ringOf([2, 3, 4], null));
    expect(said).toEqual([{ add: [ours], remove: [] }]);
  });

  test('are heard when it is not on this disk and the watermark has not passed it', () => {
    const { interest } = interestOf(makeVersion(500, 0, 0));
    const late = copyOf(stranger, 400);
    const guest = copyOf(stranger, 600);
    known.add(guest.key);
    // Of a partition that the ring has just given to this core: its disk does not take it in yet.
    const own = copyOf(ours, 601);
    const news = copyOf(stranger, 602);
    const heard = (isRelayed: boolean) =>
      [late, guest, own, news].filter((copy) => interest.hears(copy, isRelayed));
    expect(heard(false)).toEqual([own, news]);
    // Passed over before, it may be acknowledged after all; but what has been heard is not news again.
    expect(heard(true)).toEqual([late]);
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
