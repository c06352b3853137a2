// Which release can follow which on one store.
import { expect, test } from 'vitest';
import { needsOneWay } from '../../cluster/release-schema.ts';

const release = (min: number, max: number, writes: number) => ({
  stateSchema: { reads: { min, max }, writes },
});
const first = release(1, 1, 1);
/** Reads what the next will write, and writes as before: what makes a way back. */
const bridge = release(1, 2, 1);
const second = release(1, 2, 2);
const modern = release(2, 2, 2);

test.each([
  ['the same again', first, first, false],
  ['one that only reads more', first, bridge, false],
  ['one that writes what is read already', bridge, second, false],
  ['one that writes what is not read yet', first, second, true],
  ['one that drops what is old', second, modern, false],
])('%s: one way %s', (_what, now, next, isOneWay) => {
  expect(needsOneWay(now, next)).toBe(isOneWay);
});
