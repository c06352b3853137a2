// Posts that are gone: remembered however long it takes, and no more of them than fit.
import { expect, test, vi } from 'vitest';
import { DeletedPosts } from '../../gateway/deleted-posts.ts';
import { accountIn, postOf } from '../cluster/routing-ends.ts';

const [one, two, three] = [postOf(accountIn(1), 1), postOf(accountIn(1), 2), postOf(accountIn(1), 3)];
const dayMs = 24 * 3600 * 1000;

test('a post is remembered however much later a core that lags sends it', () => {
  vi.useFakeTimers({ toFake: ['performance', 'Date'] });
  try {
    const deleted = new DeletedPosts();
    deleted.add([one, two]);
    vi.advanceTimersByTime(dayMs);
    deleted.add([]);
    expect([one, two, three].map((id) => deleted.has(id))).toEqual([true, true, false]);
  } finally {
    vi.useRealTimers();
  }
});

test('a hundred thousand are remembered', () => {
  const deleted = new DeletedPosts();
  const many = Array.from({ length: 100_000 }, (_, at) => postOf(accountIn(1), at + 1));
  deleted.add(many);
  expect(many.every((id) => deleted.has(id))).toBe(true);
});

test('more than fit push out those that were told of longest ago', () => {
  const deleted = new DeletedPosts({ most: 2 });
  deleted.add([one, two]);
  deleted.add([]);
  deleted.add([one, three]);
  expect([one, two, three].map((id) => deleted.has(id))).toEqual([true, false, true]);
});
