// The search index: found by all words, gone when deleted, in step with the log.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StatusId } from '../../runtime/status-id.ts';
import type { Store } from '../../runtime/store.ts';
import { newFolder, openToyStore, submit, upTo, write } from './store-harness.ts';
import { gone, postFact, toyProduct } from './toy-product.ts';
import { ada, bo, status } from './toy-statuses.ts';

function find(store: Store, words: string, most = 100): StatusId[] {
  return store.search({ words: words.split(' '), below: null, above: null, most });
}

test('what was just written is found after catching up, by all of its words, newest first', async () => {
  const { store } = await openToyStore(newFolder());
  await write(store, [postFact(status(ada, 1), 'red apples'), postFact(status(bo, 2), 'red pears')]);
  await write(store, [postFact(status(ada, 3), 'green apples and RED ones')]);
  expect(find(store, 'red')).toEqual([]);

  expect(await store.catchUpSearch(10_000)).toBe(true);

  expect(find(store, 'red')).toEqual([status(ada, 3), status(bo, 2), status(ada, 1)]);
  expect(find(store, 'apples red')).toEqual([status(ada, 3), status(ada, 1)]);
  expect(find(store, 'pears green')).toEqual([]);
  expect(find(store, 'apple')).toEqual([]);
  expect(store.search({ words: [], below: null, above: null, most: 10 })).toEqual([]);
});

test('deleted and changed posts are not found any more, direct ones never', async () => {
  const { store } = await openToyStore(newFolder());
  await write(store, [
    postFact(status(ada, 1), 'gone soon'),
    postFact(status(ada, 2), 'changed soon'),
    postFact(status(ada, 3), 'secret soon', 'direct'),
    postFact(status(ada, 4), 'stays, not soon'),
  ]);
  await store.catchUpSearch(10_000);
  expect(find(store, 'soon')).toEqual([4, 2, 1].map((n) => status(ada, n)));

  await write(store, [gone(postFact(status(ada, 1), '')), postFact(status(ada, 2), 'changed now')], true);
  await store.catchUpSearch(10_000);

  expect(find(store, 'soon')).toEqual([status(ada, 4)]);
  expect(find(store, 'changed')).toEqual([status(ada, 2)]);
  expect(find(store, 'now')).toEqual([status(ada, 2)]);
  expect(find(store, 'gone')).toEqual([]);
  expect(find(store, 'secret')).toEqual([]);
});

test('the index goes on after reopening where it stopped, even when the text has been deleted since', async () => {
  const folder = newFolder();
  const first = await openToyStore(folder);
  await write(first.store, [postFact(status(ada, 1), 'one'), postFact(status(ada, 2), 'two')]);
  await first.store.catchUpSearch(10_000);
  await write(first.store, [gone(postFact(status(ada, 1), '')), postFact(status(ada, 3), 'three two')], true);
  await first.store.close();

  const { store } = await openToyStore(folder);
  expect(store.statistics().searchBehind).toBe(2);
  await store.catchUpSearch(10_000);

  expect(find(store, 'one')).toEqual([]);
  expect(find(store, 'two')).toEqual([status(ada, 3), status(ada, 2)]);
  expect(store.statistics().searchBehind).toBe(0);
});

test('it follows by itself in the background', async () => {
  const { store } = await openToyStore(newFolder(), { limits: { searchEveryMs: 1 } });

  await write(
    store,
    upTo(50).map((n) => postFact(status(ada, n), 'word')),
  );
  await expect.poll(() => store.statistics().searchBehind, { timeout: 10_000 }).toBe(0);

  expect(find(store, 'word')).toHaveLength(50);
});

test('a search that waits no longer says so, and loses nothing', async () => {
  const { store } = await openToyStore(newFolder());
  await write(
    store,
    upTo(3_000).map((n) => postFact(status(ada, n), `common number${n}`)),
  );

  expect(await store.catchUpSearch(0)).toBe(false);
  const both = await Promise.all([store.catchUpSearch(20_000), store.catchUpSearch(20_000)]);

  expect(both).toEqual([true, true]);
  expect(find(store, 'common', 5_000)).toHaveLength(3_000);
  expect(find(store, 'common number1234')).toEqual([status(ada, 1234)]);
});

test('pages follow each other without gap or double', async () => {
  const { store } = await openToyStore(newFolder());
  await write(
    store,
    upTo(100).map((n) => postFact(status(ada, n), n % 3 === 0 ? 'fizz buzz' : 'fizz')),
  );
  await store.catchUpSearch(10_000);
  const pages: StatusId[] = [];

  for (let below: StatusId | null = null; ; ) {
    const page = store.search({ words: ['buzz', 'fizz'], below, above: status(ada, 9), most: 7 });
    pages.push(...page);
    below = page.at(-1) ?? null;
    if (page.length < 7) break;
  }

  expect(pages).toEqual(
    upTo(100)
      .filter((n) => n % 3 === 0 && n > 9)
      .reverse()
      .map((n) => status(ada, n)),
  );
});

test('words that are as long as can be, empty, or hold strange characters do no harm', async () => {
  const { store } = await openToyStore(newFolder());
  const words = ['x'.repeat(500), `${'x'.repeat(499)}y`, '\u2603', 'na\u00efve', 'a\0b', '\u{1f600}'];
  for (const [n, word] of words.entries()) await write(store, [postFact(status(ada, n), word)]);
  await store.catchUpSearch(10_000);

  for (const [n, word] of words.entries()) expect(find(store, word)).toContain(status(ada, n));
  expect(find(store, '\u2603')).toEqual([status(ada, 2)]);
  expect(store.search({ words: ['', '\0'], below: null, above: null, most: 5 })).toEqual([]);
});

test('a fact that the product stumbles over is told of, and does not stop the index', async () => {
  const troubles: Error[] = [];
  const { store } = await openToyStore(newFolder(), {
    onTrouble: (error) => troubles.push(error),
    words: (fact) => {
      if (Array.isArray(fact.value) && fact.value[0] === 'bad one') throw new Error('a bug');
      return toyProduct.words(fact);
    },
  });
  await write(store, [postFact(status(ada, 1), 'bad one'), postFact(status(ada, 2), 'good one')]);

  expect(await store.catchUpSearch(10_000)).toBe(true);

  expect(find(store, 'one')).toEqual([status(ada, 2)]);
  expect(troubles.map(({ message }) => message)).toEqual(['a bug']);
});

test('any search finds what reading every post would find', async () => {
  const { store } = await openToyStore(newFolder());
  const anyWord = fc.constantFrom('a', 'b', 'c', 'ab', 'bc');
  const anyText = fc.array(anyWord, { maxLength: 4 }).map((words) => words.join(' '));
  const posts = new Map<StatusId, string>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(60), fc.option(anyText)), { minLength: 1, maxLength: 30 }),
      fc.array(anyWord, { minLength: 1, maxLength: 3 }),
      fc.option(fc.nat(60)),
      fc.option(fc.nat(60)),
      async (changes, words, belowN, aboveN) => {
        const writes = changes.map(([n, text]) => {
          const post = postFact(status(ada, n), text ?? '');
          posts.set(status(ada, n), text ?? '');
          return text === null ? gone(post) : post;
        });
        submit(store, writes, true);
        await submit(store, []).done;
        await store.catchUpSearch(20_000);
        const below = belowN === null ? null : status(ada, belowN);
        const above = aboveN === null ? null : status(ada, aboveN);
        const expected = [...posts]
          .filter(
            ([id, text]) =>
              words.every((word) => text.split(' ').includes(word)) &&
              (below === null || id < below) &&
              (above === null || id > above),
          )
          .map(([id]) => id)
          .toSorted()
          .reverse();
        expect(store.search({ words, below, above, most: 40 })).toEqual(expected.slice(0, 40));
      },
    ),
    { numRuns: 40 },
  );
});
