// Each author's newest ids, and the merge over many authors.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AccountId } from '../../runtime/account-id.ts';
import { firstLength, RecentIndex, vectorLength } from '../../runtime/recent-index.ts';
import { makeStatusId, type StatusId, statusAuthor, statusMs } from '../../runtime/status-id.ts';
import { restOfStatus } from '../../runtime/status-rest.ts';
import { upTo } from './store-harness.ts';

/** Statuses on a disk of the test's, and an index over them. */
function setUp(mostIds = 1_000_000, keepsLately = false) {
  const disk = new Set<StatusId>();
  const reads: AccountId[] = [];
  const ofAuthor = (author: AccountId) =>
    [...disk]
      .filter((id) => statusAuthor(id) === author)
      .toSorted()
      .reverse();
  const index = new RecentIndex({
    mostIds,
    ...(keepsLately ? { newFromMs: () => Math.max(0, ...[...disk].map((id) => statusMs(id) + 1)) } : {}),
    read: (author, below, most) => {
      reads.push(author);
      const rests = ofAuthor(author).map(restOfStatus);
      return rests
        .filter((rest) => below === null || rest < below)
        .slice(0, most)
        .join('');
    },
  });
  const add = (id: StatusId) => {
    disk.add(id);
    index.add(id);
  };
  const remove = (id: StatusId) => {
    disk.delete(id);
    index.remove(id);
  };
  return { disk, reads, ofAuthor, index, add, remove };
}

const authors = upTo(4).map((n) => ((n + 1) * 1_000_003) as AccountId);
const anyAuthor = fc.constantFrom(...authors);
const anyId = fc
  .tuple(fc.integer({ min: 0, max: 200 }), anyAuthor, fc.integer({ min: 0, max: 2 }))
  .map(([ms, author, salt]) => makeStatusId(ms, author, salt));

test('whatever is added, removed and asked for in whatever order, the newest are what the disk holds', () => {
  const anyStep = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.array(anyId, { maxLength: 40 }).map((ids) => ({ kind: 'add', ids }) as const),
    },
    {
      weight: 2,
      arbitrary: fc.array(anyId, { maxLength: 40 }).map((ids) => ({ kind: 'remove', ids }) as const),
    },
    fc
      .tuple(anyAuthor, fc.option(anyId), fc.nat(100))
      .map(([author, below, most]) => ({ kind: 'one', author, below, most }) as const),
    fc
      .tuple(fc.subarray(authors), fc.nat(200), fc.nat(300))
      .map(([some, sinceMs, most]) => ({ kind: 'many', authors: some, sinceMs, most }) as const),
    fc.constant({ kind: 'clear' } as const),
  );
  const anyKept = fc.constantFrom(50, 1_000_000);
  fc.assert(
    fc.property(
      fc.array(anyStep, { maxLength: 30 }),
      anyKept,
      fc.boolean(),
      (steps, mostIds, keepsLately) => {
        const { disk, ofAuthor, index, add, remove } = setUp(mostIds, keepsLately);
        for (const step of steps) {
          if (step.kind === 'add') step.ids.forEach(add);
          else if (step.kind === 'remove') step.ids.forEach(remove);
          else if (step.kind === 'clear') index.clear();
          else if (step.kind === 'one') {
            const expected = ofAuthor(step.author).filter((id) => step.below === null || id < step.below);
            expect(index.newestOfOne(step.author, step.below, step.most)).toEqual(
              expected.slice(0, step.most),
            );
          } else {
            const expected = [...disk]
              .filter((id) => step.authors.includes(statusAuthor(id)) && statusMs(id) >= step.sinceMs)
              .toSorted()
              .reverse();
            expect(index.newestOf(step)).toEqual(expected.slice(0, step.most));
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('an author is read from the disk a little at first, then as far as is kept, and only beyond that each time', () => {
  const { reads, index, add, ofAuthor } = setUp();
  const [author = 0 as AccountId] = authors;
  for (const n of upTo(200)) add(makeStatusId(n, author, 0));
  const newest = (most: number) => index.newestOf({ authors: [author], sinceMs: 0, most });

  newest(firstLength);
  add(makeStatusId(1_000, author, 0));
  index.newestOfOne(author, null, 20);
  expect(reads).toHaveLength(1);
  expect(index).toMatchObject({ hits: 1, misses: 1 });
  expect(newest(vectorLength)).toEqual(ofAuthor(author).slice(0, vectorLength));
  expect(reads).toHaveLength(2);
  newest(vectorLength);
  expect(reads).toHaveLength(2);
  expect(newest(150)).toEqual(ofAuthor(author).slice(0, 150));

  expect(reads).toHaveLength(4);
});

test('authors asked for long ago make room, and are read anew', () => {
  const { reads, index, add } = setUp(60);
  for (const author of authors) for (const n of upTo(10)) add(makeStatusId(n, author, 0));

  for (const author of authors) index.newestOfOne(author, null, 1);
  expect(index.authors).toBe(3);
  index.newestOfOne(authors[3] ?? (0 as AccountId), null, 1);
  expect(reads).toHaveLength(4);
  index.newestOfOne(authors[0] ?? (0 as AccountId), null, 1);

  expect(reads).toHaveLength(5);
});

test('an author without statuses is not looked for on the disk each time', () => {
  const { reads, index } = setUp();

  for (const _ of upTo(5)) expect(index.newestOf({ authors, sinceMs: 0, most: 10 })).toEqual([]);

  expect(reads).toEqual(authors);
});
