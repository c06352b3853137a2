// Pieces told to peers: the first at once, those that follow together, the last without waiting.
import { expect, test } from 'vitest';
import { News, togetherMs } from '../../cluster/swarm-news.ts';

function setup() {
  const told: number[][] = [];
  let nowMs = 1000;
  let timer: { atMs: number; act(): void } | null = null;
  const news = new News({
    clock: {
      nowMs: () => nowMs,
      after(delayMs, act) {
        timer = { atMs: nowMs + delayMs, act };
        return () => {
          timer = null;
        };
      },
    },
    tell: (pieces) => told.push([...pieces]),
  });
  const pass = (ms: number): void => {
    nowMs += ms;
    if (timer === null || timer.atMs > nowMs) return;
    const { act } = timer;
    timer = null;
    act();
  };
  return { news, told, pass, waits: () => timer !== null };
}

test('a piece after a pause is told at once', () => {
  const { news, told, pass } = setup();
  news.got(1);
  expect(told).toEqual([[1]]);
  pass(togetherMs);
  news.got(2);
  expect(told).toEqual([[1], [2]]);
});

test('pieces that follow soon are told together, once', () => {
  const { news, told, pass, waits } = setup();
  for (const piece of [1, 2, 3]) {
    news.got(piece);
    pass(1);
  }
  expect(told).toEqual([[1]]);
  pass(togetherMs);
  expect(told).toEqual([[1], [2, 3]]);
  expect(waits()).toBe(false);
});

test('who is whole tells the last pieces without waiting', () => {
  const { news, told, pass, waits } = setup();
  news.got(1);
  news.got(2);
  news.tellAll();
  expect(told).toEqual([[1], [2]]);
  expect(waits()).toBe(false);
  pass(togetherMs);
  expect(told).toHaveLength(2);
});

test('nothing is told after the end', () => {
  const { news, told, pass } = setup();
  news.got(1);
  news.got(2);
  news.end();
  pass(10 * togetherMs);
  expect(told).toEqual([[1]]);
});
