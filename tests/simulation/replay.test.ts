// A seed is a run: the same each time, event by event.
import { expect, test } from 'vitest';
import { simulate } from './simulate.ts';

test('the same seed gives the same transcript', () => {
  const [one, other] = [simulate({ seed: 4 }), simulate({ seed: 4 })];
  expect(one.transcript.length).toBeGreaterThan(10);
  expect(other.transcript).toEqual(one.transcript);
  expect(other.counts).toEqual(one.counts);
});

test('another seed gives another run', () => {
  expect(simulate({ seed: 5 }).transcript).not.toEqual(simulate({ seed: 6 }).transcript);
});
