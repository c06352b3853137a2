// Reads over records of other machines: what a run lacks, how it is answered in pieces, and how the lists of several are made one.
import { describe, expect, test } from 'vitest';
import type { AccountId } from '../../runtime/account-id.ts';
import { serverAccount } from '../../runtime/account-id.ts';
import type { FoundView, Reader } from '../../runtime/behaviours.ts';
import { accountAt, afterPrefix, keyOf } from '../../runtime/key.ts';
import {
  answerNeeds,
  type Found,
  found as foundCodec,
  isEverywhere,
  joinFound,
  mergeFound,
  type Need,
  needBehind,
  need as needCodec,
  needId,
  PartialReader,
} from '../../runtime/reading.ts';
import { makeStatusId } from '../../runtime/status-id.ts';
import { makeVersion } from '../../runtime/version.ts';
import { packWire, unpackWire } from '../../runtime/wire-bytes.ts';

const here = (2 ** 42 + 7) as AccountId;
const there = (2 ** 51 + 9) as AccountId;
const version = makeVersion(1_700_000_000_000, 1, 2);

/** A store of views and facts in memory. */
function readerOf(views: Record<string, unknown>, facts: Record<string, unknown> = {}): Reader {
  const within = <T extends { key: string }>(
    all: T[],
    { from, to, most, reverse }: { from: string; to: string; most: number; reverse?: boolean },
  ): T[] => {
    const inside = all
      .filter(({ key }) => key >= from && key < to)
      .sort((one, other) => (one.key < other.key ? -1 : 1));
    return (reverse === true ? inside.reverse() : inside).slice(0, most);
  };
  const allViews: FoundView[] = Object.entries(views).map(([key, value]) => ({ key, value }));
  const allFacts = Object.entries(facts).map(([key, value]) => ({ key, version, value }));
  return {
    fact: (key) => (key in facts ? { version, value: facts[key] } : null),
    view: (key) => views[key],
    facts: (range) => within(allFacts, range),
    views: (range) => within(allViews, range),
    recent: (author, _below, most) => [makeStatusId(5, author, 1), makeStatusId(4, author, 1)].slice(0, most),
    find: (_words, { most }) => [makeStatusId(9, here, 0), makeStatusId(3, here, 0)].slice(0, most),
  };
}

function overWire(needs: Need[], reader: Reader): Found[] {
  const carried = <T>(value: unknown, decode: (wire: unknown) => T): T => {
    const bytes = packWire(value);
    return decode(unpackWire(bytes, 0, bytes.length));
  };
  const asked = needs.map((one) => carried(needCodec.encode(one), (wire) => needCodec.decode(wire)));
  return answerNeeds(reader, asked).map((one) =>
    carried(foundCodec.encode(one), (wire) => foundCodec.decode(wire)),
  );
}

const rangeOf = (account: AccountId, kind: string, most = 100): Extract<Need, { kind: 'views' }> => {
  const from = keyOf(account, kind);
  return { kind: 'views', from, to: afterPrefix(from), most, reverse: false };
};

describe('a read over two machines', () => {
  const local = readerOf({ [keyOf(here, 'c')]: [1] }, { [keyOf(here, 'a')]: 'anna' });
  const remote = readerOf(
    { [keyOf(there, 'c')]: [2], [keyOf(there, 'f', 'x')]: [] },
    { [keyOf(there, 'a')]: 'ben' },
  );
  const isHere = (account: AccountId): boolean => account === here;

  /** What a run of it reads, one thing leading to another. */
  function run(reader: Reader): unknown[] {
    const own = reader.fact(keyOf(here, 'a'))?.value;
    const other = reader.fact(keyOf(there, 'a'))?.value;
    if (other === undefined) return [];
    return [own, other, reader.view(keyOf(there, 'c')), reader.views(rangeOf(there, 'f')).length];
  }

  test('notes what is elsewhere, and is made again until nothing lacks', () => {
    const fetched = new Map<string, Found>();
    const asked: string[][] = [];
    for (;;) {
      const reader = new PartialReader({ local, isHere, fetched });
      const result = run(reader);
      if (!reader.lacks) {
        expect(result).toEqual(['anna', 'ben', [2], 1]);
        break;
      }
      asked.push([...reader.needs.values()].map(({ kind }) => kind));
      const needs = [...reader.needs];
      const answers = overWire(
        needs.map(([, one]) => one),
        remote,
      );
      for (const [place, [id]] of needs.entries()) fetched.set(id, answers[place] ?? { kind: 'later' });
    }
    expect(asked).toEqual([['fact'], ['view', 'views']]);
  });

  test('knows that something is not there once it has asked', () => {
    const asked: Need = { kind: 'fact', key: keyOf(there, 'z') };
    const fetched = new Map([[needId(asked), overWire([asked], remote)[0] as Found]]);
    const reader = new PartialReader({ local, isHere, fetched });
    expect(reader.fact(asked.key)).toBeNull();
    expect(reader.lacks).toBe(false);
  });

  test('asks of everybody for ranges of the server account and for words, whoever is here', () => {
    const reader = new PartialReader({ local, isHere: () => true, fetched: new Map() });
    reader.views(rangeOf(serverAccount, 'P'));
    reader.find(['word'], { below: null, above: null, most: 5 });
    reader.views(rangeOf(here, 'c'));
    expect([...reader.needs.values()].map(isEverywhere)).toEqual([true, true]);
  });
});

describe('answers', () => {
  const big = Object.fromEntries(
    Array.from({ length: 300 }, (_, place) => [
      keyOf(there, 'v', String(place).padStart(4, '0')),
      'x'.repeat(20_000),
    ]),
  );

  test('too long for a frame come in pieces, and say what is behind them', () => {
    const reader = readerOf(big);
    const whole = rangeOf(there, 'v', 1000);
    let asked: Need | null = whole;
    let joined: Found | null = null;
    let pieces = 0;
    while (asked !== null) {
      const [answered] = overWire([asked], reader);
      if (answered === undefined) throw new Error('an answer in its place');
      joined = joined === null ? answered : joinFound(joined, answered);
      asked = needBehind(asked, answered);
      pieces++;
    }
    expect(pieces).toBeGreaterThan(2);
    expect(joined?.kind === 'views' && joined.views.map(({ key }) => key)).toEqual(Object.keys(big));
  });

  test('downwards go on downwards', () => {
    const reader = readerOf(big);
    const whole = { ...rangeOf(there, 'v', 200), reverse: true };
    const [first] = overWire([whole], reader);
    const behind = first === undefined ? null : needBehind(whole, first);
    const [second] = behind === null ? [] : overWire([behind], reader);
    const keys = [first, second].flatMap((one) =>
      one?.kind === 'views' ? one.views.map(({ key }) => key) : [],
    );
    expect(keys).toEqual(Object.keys(big).toReversed().slice(0, keys.length));
    expect(keys.length).toBeGreaterThan(100);
  });

  test('beyond the size of one are for later, and the first ones are there', () => {
    const needs = Object.keys(big).map((key): Need => ({ kind: 'view', key }));
    const answers = overWire(needs, readerOf(big));
    const kinds = answers.map(({ kind }) => kind);
    expect(kinds[0]).toBe('view');
    expect(kinds.at(-1)).toBe('later');
    expect(kinds.lastIndexOf('view')).toBe(kinds.indexOf('later') - 1);
  });
});

test('needs that differ have ids that differ', () => {
  const needs: Need[] = [
    { kind: 'fact', key: 'ab' },
    { kind: 'view', key: 'ab' },
    { kind: 'views', from: 'a', to: 'bc', most: 5, reverse: false },
    { kind: 'views', from: 'ab', to: 'c', most: 5, reverse: false },
    { kind: 'views', from: 'a', to: 'bc', most: 5, reverse: true },
    { kind: 'views', from: 'a', to: 'bc', most: 6, reverse: false },
    { kind: 'facts', from: 'a', to: 'bc', most: 5, reverse: false },
    { kind: 'recent', author: here, below: null, most: 5 },
    { kind: 'recent', author: there, below: null, most: 5 },
    { kind: 'find', words: ['a b'], below: null, above: null, most: 5 },
    { kind: 'find', words: ['a', 'b'], below: null, above: null, most: 5 },
  ];
  expect(new Set(needs.map(needId)).size).toBe(needs.length);
});

describe('lists of several machines', () => {
  const first: Found = {
    kind: 'views',
    views: ['a', 'c', 'd'].map((key) => ({ key, value: [1] })),
    isCut: false,
  };
  const second: Found = {
    kind: 'views',
    views: ['b', 'c'].map((key) => ({ key, value: [2] })),
    isCut: false,
  };
  const sum = (_key: string, values: readonly unknown[]): unknown => [
    values.reduce<number>((all, value) => all + ((value as number[])[0] ?? 0), 0),
  ];
  const keysOf = (merged: Found): string[] =>
    merged.kind === 'views' ? merged.views.map(({ key }) => key) : [];

  test('become one in order, with each record once', () => {
    const merged = mergeFound(rangeOf(serverAccount, 'P'), [first, second], sum);
    expect(merged).toEqual({
      kind: 'views',
      isCut: false,
      views: [
        { key: 'a', value: [1] },
        { key: 'b', value: [2] },
        { key: 'c', value: [3] },
        { key: 'd', value: [1] },
      ],
    });
  });

  test('are cut to what was asked for, from the end that was asked for', () => {
    const asked = rangeOf(serverAccount, 'P', 3);
    expect(keysOf(mergeFound(asked, [first, second], sum))).toEqual(['a', 'b', 'c']);
    expect(keysOf(mergeFound({ ...asked, reverse: true }, [first, second], sum))).toEqual(['d', 'c', 'b']);
  });

  test('of statuses are newest first, each once', () => {
    const [old, young] = [makeStatusId(3, here, 0), makeStatusId(9, there, 0)];
    const asked: Need = { kind: 'find', words: ['a'], below: null, above: null, most: 2 };
    const answers: Found[] = [
      { kind: 'ids', ids: [old] },
      { kind: 'ids', ids: [young, old] },
    ];
    expect(mergeFound(asked, answers, sum)).toEqual({ kind: 'ids', ids: [young, old] });
    expect(accountAt(keyOf(there, 'a'))).toBe(there);
  });
});
