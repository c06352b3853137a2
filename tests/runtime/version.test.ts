// Versions and cursors: order and form.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  makeVersion,
  noVersion,
  parseCursor,
  printCursor,
  versionCounter,
  versionMs,
} from '../../runtime/version.ts';
import { anyCounter, anyMs, anyNode, anyVersion, order } from './chance.ts';

test('a version is ordered by its time, then its counter, then its node', () => {
  fc.assert(
    fc.property(fc.tuple(anyMs, anyCounter, anyNode), fc.tuple(anyMs, anyCounter, anyNode), (one, other) => {
      const expected = order(one[0], other[0]) || order(one[1], other[1]) || order(one[2], other[2]);
      expect(order(makeVersion(...one), makeVersion(...other))).toBe(expected);
    }),
  );
});

test('a version gives back its time and its counter', () => {
  fc.assert(
    fc.property(anyMs, anyCounter, anyNode, (ms, counter, node) => {
      const version = makeVersion(ms, counter, node);
      expect([versionMs(version), versionCounter(version)]).toEqual([ms, counter]);
    }),
  );
});

test('a cursor is read as it was printed', () => {
  fc.assert(
    fc.property(anyVersion, (version) => {
      expect(printCursor(version)).toMatch(/^[0-9a-f]{24}$/);
      expect(parseCursor(printCursor(version))).toBe(version);
    }),
  );
});

test('nothing is below the version before all', () => {
  fc.assert(
    fc.property(anyVersion, (version) => {
      expect(version >= noVersion).toBe(true);
    }),
  );
});

test.each([
  '',
  '0',
  'g'.repeat(24),
  'A'.repeat(24),
  '0'.repeat(23),
  '0'.repeat(25),
  ` ${'0'.repeat(24)}`,
  `${'0'.repeat(24)}\n`,
])('%j is no cursor', (text) => expect(parseCursor(text)).toBeNull());
