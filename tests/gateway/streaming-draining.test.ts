// The pace at which a gateway that makes room ends its streams: by a clock that is told.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Draining } from '../../gateway/streaming-draining.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function drainingOf(count: number) {
  const open = new Set(Array.from({ length: count }, (_, index) => index));
  const ended: { session: number; atMs: number }[] = [];
  const startMs = Date.now();
  const draining = new Draining<number>({
    sessions: () => open,
    end(session) {
      open.delete(session);
      ended.push({ session, atMs: Date.now() - startMs });
    },
  });
  const between = (fromMs: number, toMs: number) =>
    ended.filter(({ atMs }) => atMs > fromMs && atMs <= toMs).length;
  return { open, ended, draining, startMs, between };
}

test('streams are ended evenly over the time, and all of them by its end', async () => {
  const { ended, draining, startMs, between } = drainingOf(1000);
  const done = draining.until(startMs + 10_000);
  await vi.advanceTimersByTimeAsync(10_000);
  await done;
  const tenths = Array.from({ length: 10 }, (_, tenth) => between(tenth * 1000, (tenth + 1) * 1000));
  expect(Math.min(...tenths)).toBeGreaterThanOrEqual(95);
  expect(Math.max(...tenths)).toBeLessThanOrEqual(105);
  expect(new Set(ended.map(({ session }) => session)).size).toBe(1000);
});

test('few streams are spread as well', async () => {
  const { draining, startMs, between } = drainingOf(4);
  const done = draining.until(startMs + 8000);
  await vi.advanceTimersByTimeAsync(8000);
  await done;
  expect([between(0, 4000), between(4000, 8000)]).toEqual([2, 2]);
});

test('who comes meanwhile is ended by the end, too, and who leaves makes nobody wait', async () => {
  const { open, ended, draining, startMs, between } = drainingOf(100);
  const done = draining.until(startMs + 10_000);
  await vi.advanceTimersByTimeAsync(5000);
  for (const session of [...open].slice(0, 25)) open.delete(session);
  open.add(1000);
  await vi.advanceTimersByTimeAsync(5000);
  await done;
  expect(open.size).toBe(0);
  expect(ended.map(({ session }) => session)).toContain(1000);
  expect(between(5000, 7500)).toBeGreaterThanOrEqual(12);
});

test('without a stream it lasts to the end all the same: connections may yet ask for something', async () => {
  const { draining, startMs } = drainingOf(0);
  const state = { isDone: false };
  void draining.until(startMs + 3000).then(() => {
    state.isDone = true;
  });
  await vi.advanceTimersByTimeAsync(2900);
  expect(state.isDone).toBe(false);
  await vi.advanceTimersByTimeAsync(100);
  expect(state.isDone).toBe(true);
});

test('a later call moves the end, and a stop is at once', async () => {
  const { open, draining, startMs } = drainingOf(10);
  const done = draining.until(startMs + 1000);
  void draining.until(startMs + 100_000);
  await vi.advanceTimersByTimeAsync(1000);
  expect(open.size).toBe(10);
  draining.callOff();
  await done;
});
