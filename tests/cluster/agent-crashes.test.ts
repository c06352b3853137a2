// Crashes within the last minute, by a clock that is told.
import { expect, test } from 'vitest';
import { countCrashes } from '../../cluster/agent-crashes.ts';

test('crashes of a role within a minute add up, those of others and older ones do not', () => {
  const crashes = countCrashes();
  expect(crashes.count('core', 0)).toBe(1);
  expect(crashes.count('gateway', 1000)).toBe(1);
  expect(crashes.count('core', 59_999)).toBe(2);
  expect(crashes.count('core', 60_000)).toBe(2);
  expect(crashes.count('core', 200_000)).toBe(1);
});
