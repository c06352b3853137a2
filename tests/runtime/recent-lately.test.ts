// The statuses of the last minutes, of all authors together.
import { expect, test } from 'vitest';
import type { AccountId } from '../../runtime/account-id.ts';
import { RecentLately } from '../../runtime/recent-lately.ts';
import { makeStatusId, type StatusId } from '../../runtime/status-id.ts';
import { upTo } from './store-harness.ts';

const fromMs = 1_700_000_000_000;
const idAt = (ms: number, author = 1): StatusId => makeStatusId(fromMs + ms, author as AccountId, 0);
const ofOne = (sinceMs: number, author = 1) => ({ authors: [author as AccountId], sinceMs, most: 800 });

test('says nothing of before it began', () => {
  const lately = new RecentLately(fromMs);
  lately.add(idAt(-1));
  lately.add(idAt(0));
  expect(lately.newestOf(ofOne(fromMs - 1))).toBeNull();
  expect(lately.newestOf(ofOne(fromMs))).toEqual([idAt(0)]);
});

test('forgets what is removed, and what is added twice is there once', () => {
  const lately = new RecentLately(fromMs);
  for (const ms of [3, 1, 2, 3]) lately.add(idAt(ms));
  lately.add(idAt(2, 7));
  lately.remove(idAt(1));
  lately.remove(idAt(5));
  expect(lately.newestOf(ofOne(fromMs))).toEqual([idAt(3), idAt(2)]);
  expect(lately.newestOf({ ...ofOne(fromMs), most: 1 })).toEqual([idAt(3)]);
});

test('leaves it to others to look far back, or at what it has dropped', () => {
  const lately = new RecentLately(fromMs);
  for (const ms of upTo(5000)) lately.add(idAt(ms));
  expect(lately.newestOf(ofOne(fromMs))).toBeNull();
  expect(lately.newestOf({ ...ofOne(fromMs + 904), most: 9999 })).toHaveLength(4096);
  for (const ms of upTo(70_000)) lately.add(idAt(ms, 2));
  expect(lately.newestOf(ofOne(fromMs + 1000))).toBeNull();
  expect(lately.newestOf(ofOne(fromMs + 69_500, 2))).toHaveLength(500);
});
