// How the wait before a restart grows.
import { expect, test } from 'vitest';
import { backOff } from '../../cluster/agent-back-off.ts';

test('the wait doubles from 100 ms up to 3 s while a child keeps ending', () => {
  const wait = backOff();
  const waits = Array.from({ length: 9 }, () => wait.after(0));
  expect(waits).toEqual([100, 200, 400, 800, 1600, 3000, 3000, 3000, 3000]);
});

test('ten healthy seconds are forgiven', () => {
  const wait = backOff();
  for (let times = 0; times < 5; times++) wait.after(9_999);
  expect(wait.after(10_000)).toBe(100);
  expect(wait.after(0)).toBe(200);
});
