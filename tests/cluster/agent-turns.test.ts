// Turns to start: so many at once, the others as those end.
import { expect, test, vi } from 'vitest';
import { startTurns } from '../../cluster/agent-turns.ts';

async function takers(count: number, turns: ReturnType<typeof startTurns>) {
  const begun: (() => void)[] = [];
  for (let index = 0; index < count; index++) void turns.take().then((end) => begun.push(end));
  await Promise.resolve();
  return begun;
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
};

test('no more begin at once than there are turns, and each that ends lets one more begin', async () => {
  const begun = await takers(5, startTurns(2));
  expect(begun.length).toBe(2);
  begun[0]?.();
  // Once only, however often it is said.
  begun[0]?.();
  await settle();
  expect(begun.length).toBe(3);
  for (const end of [...begun]) end();
  await settle();
  expect(begun.length).toBe(5);
});

test('one that never says that it is done keeps nobody waiting for ever', async () => {
  vi.useFakeTimers();
  try {
    const begun = await takers(2, startTurns(1));
    expect(begun.length).toBe(1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(begun.length).toBe(2);
  } finally {
    vi.useRealTimers();
  }
});
