// What a session remembers of what it was sent: in any order, for a minute, and as long as its cursor does not tell of it.
import { expect, test } from 'vitest';
import { type Had, having, includes, type Mark, markOf } from '../../gateway/session-had.ts';
import { makeVersion, printCursor } from '../../runtime/version.ts';

const at = (ms: number): string => printCursor(makeVersion(ms, 0, 1));
const markAt = (ms: number, key = `post ${ms}`): Mark => markOf(key, at(ms), true);

function sent(all: readonly Mark[], cursor: string): Had {
  return all.reduce<Had>((had, mark) => having(had, mark, cursor), null);
}

test('all that was sent is known, in whatever order it came, and nothing else', () => {
  const marks = [5, 9, 2, 7, 7, 1, 8].map((ms, place) => markAt(ms, `post ${ms} ${place}`));
  const had = sent(marks, at(4));
  for (const mark of marks) expect(includes(had, mark)).toBe(true);
  for (const ms of [0, 3, 7, 10]) expect(includes(had, markAt(ms))).toBe(false);
  expect(had?.map(({ version }) => version)).toEqual([1, 2, 5, 7, 7, 8, 9].map(at));
});

test('what was sent again is remembered once', () => {
  expect(sent([markAt(5), markAt(6), markAt(5)], at(6))).toHaveLength(2);
});

test('what is more than a minute older than the newest is forgotten once the cursor tells of it, and not before', () => {
  const old = Array.from({ length: 40 }, (_, place) => markAt(1000 + place));
  const later = Array.from({ length: 40 }, (_, place) => markAt(50_000 + place));
  const newest = Array.from({ length: 40 }, (_, place) => markAt(61_500 + place));
  const all = [...old, ...later, ...newest];
  expect(sent(all, at(999))).toHaveLength(all.length);
  expect(sent(all, at(1020))?.[0]).toEqual(old[16]);
  const had = sent(all, at(70_000));
  expect(had?.length).toBeLessThan(all.length - 30);
  expect([...later, ...newest].every((mark) => includes(had, mark))).toBe(true);
});

test('of what a core alone has sent nothing is kept', () => {
  expect(sent([{ ...markAt(1), mayComeAgain: false }], at(1))).toBeNull();
});

test('however long no cursor tells of anything, what is kept has a bound', () => {
  const had = sent(
    Array.from({ length: 5000 }, (_, ms) => markAt(ms)),
    at(0),
  );
  expect(had?.length).toBeLessThan(3020);
  expect(includes(had, markAt(4999))).toBe(true);
});
