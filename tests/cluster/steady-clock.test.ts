// A core's time follows the wall without ever jumping.
import { expect, test } from 'vitest';
import { steadyClock } from '../../cluster/steady-clock.ts';

function world() {
  const at = { wallMs: 1_000_000, monoMs: 0 };
  const now = steadyClock({ wallMs: () => at.wallMs, monoMs: () => at.monoMs });
  return {
    at,
    now,
    pass(ms: number) {
      at.wallMs += ms;
      at.monoMs += ms;
    },
  };
}

test('it begins with the wall and goes with it', () => {
  const { now, pass } = world();
  expect(now()).toBe(1_000_000);
  pass(1500);
  expect(now()).toBe(1_001_500);
});

test('a wall that jumps ten minutes ahead is approached, not followed', () => {
  const { at, now, pass } = world();
  at.wallMs += 600_000;
  pass(1000);
  expect(now()).toBe(1_001_040);
});

test('a wall that is set back never takes it back', () => {
  const { at, now, pass } = world();
  const before = now();
  at.wallMs -= 600_000;
  let last = before;
  for (let step = 0; step < 100; step++) {
    pass(100);
    const next = now();
    expect(next).toBeGreaterThanOrEqual(last);
    last = next;
  }
  expect(last).toBe(before + 9600);
});

test('a difference is made good in the end', () => {
  const { at, now, pass } = world();
  at.wallMs += 2000;
  for (let step = 0; step < 600; step++) {
    pass(100);
    now();
  }
  expect(now()).toBe(at.wallMs);
});

test('a small correction is followed at once', () => {
  const { at, now, pass } = world();
  pass(1000);
  at.wallMs += 30;
  expect(now()).toBe(at.wallMs);
});
