// Questions of one turn that go out as one, and whether each is answered as it would be by itself.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newestTogether, Together } from '../../cluster/core-together.ts';
import type { AccountId } from '../../runtime/account-id.ts';
import type { Outcome, Recent } from '../../runtime/behaviours.ts';
import { mostFound } from '../../runtime/reading.ts';
import { descending, makeStatusId, type StatusId, statusAuthor, statusMs } from '../../runtime/status-id.ts';

test('what is asked in one turn is asked once, and each gets its own answer', async () => {
  const asked: number[][] = [];
  const together = new Together(async (questions: number[]) => {
    asked.push(questions);
    return questions.map((one) => one * 2);
  });
  expect(await Promise.all([1, 2, 3].map((one) => together.add(one)))).toEqual([2, 4, 6]);
  expect(await together.add(4)).toBe(8);
  expect(asked).toEqual([[1, 2, 3], [4]]);
});

test('a failure is for those of its turn alone', async () => {
  let isBroken = true;
  const together = new Together(async (questions: number[]) => {
    if (isBroken) throw new Error('broken');
    return questions;
  });
  const settled = await Promise.allSettled([together.add(1), together.add(2)]);
  expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  isBroken = false;
  expect(await together.add(3)).toBe(3);
});

const fromMs = 1_700_000_000_000;

function answering(all: readonly StatusId[], most = mostFound) {
  const asked: Recent[] = [];
  const ask = async (recent: Recent): Promise<Outcome<StatusId[]>> => {
    asked.push(recent);
    const authors = new Set(recent.authors);
    const ids = all.filter((id) => authors.has(statusAuthor(id)) && statusMs(id) >= recent.sinceMs);
    return { ok: true, value: ids.toSorted(descending).slice(0, Math.min(most, recent.most)) };
  };
  return { ask, asked };
}

const valuesOf = (answers: readonly Outcome<StatusId[]>[]): StatusId[][] =>
  answers.map((answer) => (answer.ok ? answer.value : []));

describe('the newest of many', () => {
  test('are what each would have been told alone', async () => {
    const author = fc.integer({ min: 1, max: 8 }).map((one) => one as AccountId);
    const post = fc.tuple(fc.integer({ min: 0, max: 200_000 }), author, fc.integer({ min: 0, max: 4095 }));
    const question = fc.record({
      authors: fc.array(author, { maxLength: 5 }),
      sinceMs: fc.oneof(fc.constant(0), fc.integer({ min: fromMs, max: fromMs + 200_000 })),
      most: fc.integer({ min: 1, max: 10 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(post), fc.array(question), async (posts, questions) => {
        const ids = [...new Set(posts.map(([ms, by, salt]) => makeStatusId(fromMs + ms, by, salt)))];
        const alone = answering(ids);
        const expected = valuesOf(await Promise.all(questions.map(alone.ask)));
        const together = answering(ids);
        expect(valuesOf(await newestTogether(questions, together.ask))).toEqual(expected);
        expect(together.asked.length).toBeLessThanOrEqual(questions.length);
      }),
    );
  });

  const recent = (author: number): Recent => ({
    authors: [author as AccountId],
    sinceMs: fromMs + author,
    most: 800,
  });

  test('are asked for once by all who have been away as long', async () => {
    const { ask, asked } = answering([makeStatusId(fromMs + 5000, 2 as AccountId, 0)]);
    const answers = valuesOf(await newestTogether([recent(1), recent(2), recent(3)], ask));
    expect(answers.map(({ length }) => length)).toEqual([0, 1, 0]);
    expect(asked).toEqual([{ authors: [1, 2, 3], sinceMs: fromMs + 1, most: mostFound }]);
  });

  test('are asked for one by one when they do not fit one answer', async () => {
    const posts = Array.from({ length: mostFound }, (_, ms) =>
      makeStatusId(fromMs + 100 + ms, 1 as AccountId, 0),
    );
    const { ask, asked } = answering(posts);
    const answers = valuesOf(await newestTogether([recent(1), recent(2)], ask));
    expect(answers.map(({ length }) => length)).toEqual([800, 0]);
    expect(asked).toHaveLength(3);
  });

  test('that cannot be had for all are there for those for whom they can', async () => {
    const { ask } = answering([makeStatusId(fromMs + 5000, 2 as AccountId, 0)]);
    const answers = await newestTogether([recent(1), recent(2)], async (one) =>
      [...one.authors].includes(1 as AccountId)
        ? { ok: false, rejection: { code: 'unavailable', message: 'gone' } }
        : await ask(one),
    );
    expect(answers.map(({ ok }) => ok)).toEqual([false, true]);
  });
});
