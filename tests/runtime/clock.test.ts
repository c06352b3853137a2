// The hybrid clock: never back, whatever the wall does.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hybridClock } from '../../runtime/clock.ts';
import { makeVersion, noVersion, type Version, versionMs } from '../../runtime/version.ts';
import { anyVersion } from './chance.ts';

const anyNowMs = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 2 ** 31 - 1 }));
/** Far from the end of time, which no clock passes. */
const anySeen = anyVersion.filter((version) => versionMs(version) < 2 ** 47);
const anyStep = fc.oneof(
  anyNowMs.map((nowMs) => ({ kind: 'tick', nowMs }) as const),
  anySeen.map((seen) => ({ kind: 'observe', seen }) as const),
);

test('every version given is above all that were given or seen before, whatever the time does', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 50 }), (steps) => {
      const clock = hybridClock(3, noVersion);
      let highest: Version = noVersion;
      for (const step of steps) {
        if (step.kind === 'tick') {
          const given = clock.tick(step.nowMs);
          expect(given > highest).toBe(true);
          highest = given;
        } else {
          clock.observe(step.seen);
          if (step.seen > highest) highest = step.seen;
        }
        expect(clock.last()).toBe(highest);
      }
    }),
  );
});

test('a version never lags behind the time', () => {
  fc.assert(
    fc.property(fc.array(anyNowMs), anySeen, (times, start) => {
      const clock = hybridClock(3, start);
      for (const nowMs of times) expect(versionMs(clock.tick(nowMs))).toBeGreaterThanOrEqual(nowMs);
    }),
  );
});

test('with more than 65,536 versions in a millisecond the clock runs ahead of the time', () => {
  const clock = hybridClock(3, noVersion);
  const versions = Array.from({ length: 70_000 }, () => clock.tick(8));

  expect(versions[65_535]).toBe(makeVersion(8, 65_535, 3));
  expect(versions[65_536]).toBe(makeVersion(9, 0, 3));
  expect(new Set(versions).size).toBe(70_000);
  expect(clock.tick(9)).toBe(makeVersion(9, 4_464, 3));
  expect(clock.tick(10)).toBe(makeVersion(10, 0, 3));
});

test('clocks of two nodes never give the same version', () => {
  fc.assert(
    fc.property(fc.array(anyNowMs), (times) => {
      const [one, other] = [hybridClock(1, noVersion), hybridClock(2, noVersion)];
      const given = times.flatMap((nowMs) => [one.tick(nowMs), other.tick(nowMs)]);
      expect(new Set(given).size).toBe(given.length);
    }),
  );
});
