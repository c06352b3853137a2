// Rows remembered: asked for once, dropped in time, bounded.
import { expect, it } from 'vitest';
import { RowCache } from '../../gateway/row-cache.ts';

interface Row {
  text: string;
}

/** A cache over a table that answers when it is told to. */
function slowTable() {
  const table = new Map<string, Row>();
  const asked: string[][] = [];
  const answers: (() => void)[] = [];
  const cache = new RowCache<string, Row, string>({
    load(ids) {
      asked.push(ids);
      const rows = ids.map((id) => table.get(id) ?? null);
      return new Promise((resolve) => {
        answers.push(() => resolve(rows));
      });
    },
    mostAsked: 3,
    mostBytes: 1000,
    sizeOf: ({ text }) => text.length,
  });
  const put = (id: string, text: string): void => void table.set(id, { text });
  const answer = (): void => {
    for (const give of answers.splice(0)) give();
  };
  return { cache, asked, put, answer };
}

it('a row is asked for once, and not again', async () => {
  const { cache, asked, put, answer } = slowTable();
  put('a', '1');
  const found = cache.fetch(['a', 'b', 'a']);
  answer();
  expect([...(await found)].map(([id, { row }]) => [id, row.text])).toEqual([['a', '1']]);
  expect(cache.get('a')?.row.text).toBe('1');
  expect(cache.get('b')).toBeUndefined();
  expect(asked).toEqual([['a', 'b']]);
  expect([cache.hits, cache.misses]).toEqual([1, 1]);
});

it('who asks for what another is asking for waits for the same answer', async () => {
  const { cache, asked, put, answer } = slowTable();
  put('a', '1');
  const both = Promise.all([cache.fetch(['a']), cache.fetch(['a'])]);
  answer();
  const [one, other] = await both;
  expect(one.get('a')).toBe(other.get('a'));
  expect(asked).toEqual([['a']]);
});

it('a row that changes while it is asked for is not kept, and who comes then asks anew', async () => {
  const { cache, asked, put, answer } = slowTable();
  put('a', 'old');
  const before = cache.fetch(['a']);
  put('a', 'new');
  cache.forget(['a']);
  const after = cache.fetch(['a']);
  answer();
  expect((await before).get('a')?.row.text).toBe('old');
  expect((await after).get('a')?.row.text).toBe('new');
  expect(cache.get('a')?.row.text).toBe('new');
  expect(asked).toHaveLength(2);
});

it('what was asked for before all was forgotten is not kept', async () => {
  const { cache, put, answer } = slowTable();
  put('a', 'old');
  const before = cache.fetch(['a']);
  cache.forgetWhere(() => true);
  answer();
  await before;
  expect(cache.get('a')).toBeUndefined();
});

it('asks for no more at a time than the core takes', async () => {
  const { cache, asked, answer } = slowTable();
  const found = cache.fetch(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
  answer();
  await found;
  expect(asked.map((ids) => ids.length)).toEqual([3, 3, 1]);
});

it('holds no more bytes than it may, and drops what was used longest ago', async () => {
  const { cache, put, answer } = slowTable();
  for (const id of ['a', 'b', 'c']) put(id, 'x'.repeat(400));
  for (const id of ['a', 'b']) {
    const found = cache.fetch([id]);
    answer();
    await found;
  }
  cache.get('a');
  const found = cache.fetch(['c']);
  answer();
  await found;
  expect(cache.get('b')).toBeUndefined();
  expect(cache.get('a')).toBeDefined();
  expect(cache.bytes).toBeLessThanOrEqual(1000);
});

it('who holds on to a row can tell whether it is still what is remembered', async () => {
  const { cache, put, answer } = slowTable();
  put('a', 'x'.repeat(600));
  const early = cache.fetch(['a']);
  answer();
  const held = (await early).get('a');
  expect(held?.isKept).toBe(true);
  cache.forget(['a']);
  expect(held?.isKept).toBe(false);
  for (const id of ['b', 'c']) {
    put(id, 'x'.repeat(600));
    const found = cache.fetch([id]);
    answer();
    await found;
  }
  expect(cache.get('c')?.isKept).toBe(true);
  const asked = cache.fetch(['d']);
  put('d', 'late');
  cache.forgetWhere(() => true);
  answer();
  expect((await asked).get('d')?.isKept ?? false).toBe(false);
});

it('a failure is told to those who wait, and the next one asks again', async () => {
  let fails = true;
  const cache = new RowCache<string, Row, string>({
    load: async (ids) => {
      if (fails) throw new Error('no core');
      return ids.map(() => ({ text: 'there' }));
    },
    mostAsked: 3,
    mostBytes: 1000,
    sizeOf: () => 1,
  });
  await expect(cache.fetch(['a'])).rejects.toThrow('no core');
  fails = false;
  expect((await cache.fetch(['a'])).get('a')?.row.text).toBe('there');
});

it('a row that an answer brought is there without being asked for, and an older answer does not replace it', async () => {
  const { cache, asked, put, answer } = slowTable();
  put('a', 'old');
  const before = cache.fetch(['a']);
  cache.hold('a', { text: 'new' });
  answer();
  expect((await before).get('a')?.row.text).toBe('old');
  expect(cache.get('a')).toMatchObject({ row: { text: 'new' }, shown: null, isKept: true });
  expect(asked).toEqual([['a']]);
  const held = cache.get('a');
  cache.forget(['a']);
  expect(cache.get('a')).toBeUndefined();
  expect(held?.isKept).toBe(false);
});
