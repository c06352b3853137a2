// Posts that are gone: remembered for ten minutes, and no more of them than fit.
import { expect, test } from 'vitest';
import { DeletedPosts } from '../../gateway/deleted-posts.ts';
import { accountIn, postOf } from '../cluster/routing-ends.ts';

const [one, two, three] = [postOf(accountIn(1), 1), postOf(accountIn(1), 2), postOf(accountIn(1), 3)];
const minuteMs = 60_000;

test('a post is remembered for ten minutes from when it was told of last', () => {
  let nowMs = 0;
  const deleted = new DeletedPosts({ nowMs: () => nowMs });
  deleted.add([one, two]);
  nowMs = 5 * minuteMs;
  deleted.add([one]);
  nowMs = 10 * minuteMs;
  expect([one, two, three].map((id) => deleted.has(id))).toEqual([true, false, false]);
  nowMs = 15 * minuteMs;
  expect(deleted.has(one)).toBe(false);
});

test('more than fit push out the oldest', () => {
  const deleted = new DeletedPosts({ most: 2, nowMs: () => 0 });
  deleted.add([one, two]);
  deleted.add([]);
  deleted.add([one, three]);
  expect([one, two, three].map((id) => deleted.has(id))).toEqual([true, false, true]);
});
