// What waits for a slow socket: order and bounds.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mostLiveBytes, mostMissedBytes, Outbox } from '../../gateway/session-outbox.ts';

const frame = (bytes: number): Uint8Array => new Uint8Array(bytes);

test('frames come out in order, in bursts, and at least one at a time', () => {
  const outbox = new Outbox();
  const frames = [frame(10), frame(20), frame(30)];
  for (const one of frames) expect(outbox.push(one, true)).toBe(true);
  expect(outbox.take(25)).toEqual([frames[0], frames[1]]);
  expect(outbox.take(1)).toEqual([frames[2]]);
  expect(outbox.isEmpty).toBe(true);
  expect(outbox.take(100)).toEqual([]);
  expect(outbox.bytes).toBe(0);
});

test('what comes live may wait up to its bound, and what was missed up to another', () => {
  const outbox = new Outbox();
  for (let bytes = 0; bytes < mostMissedBytes; bytes += 1024 * 1024)
    expect(outbox.push(frame(1024 * 1024), false)).toBe(true);
  expect(outbox.push(frame(mostLiveBytes), true)).toBe(true);
  expect(outbox.push(frame(1), true)).toBe(false);
  expect(outbox.push(frame(1), false)).toBe(false);
  // What was missed goes out first, and frees nothing of what is live.
  outbox.take(mostMissedBytes);
  expect(outbox.push(frame(1), true)).toBe(false);
  outbox.take(1);
  expect(outbox.push(frame(mostLiveBytes), true)).toBe(true);
});

test('whatever goes in and out, nothing is lost, doubled or reordered', () => {
  const step = fc.oneof(
    fc.record({ push: fc.integer({ min: 0, max: 500 }) }),
    fc.record({ take: fc.integer({ min: 0, max: 2000 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { size: 'max', maxLength: 300 }), (steps) => {
      const outbox = new Outbox();
      const taken: Uint8Array[] = [];
      const accepted: Uint8Array[] = [];
      for (const one of steps) {
        if ('take' in one) taken.push(...outbox.take(one.take));
        else {
          const next = frame(one.push);
          if (outbox.push(next, true)) accepted.push(next);
        }
        const bytes = (frames: Uint8Array[]): number => frames.reduce((sum, { length }) => sum + length, 0);
        expect(outbox.bytes).toBe(bytes(accepted) - bytes(taken));
      }
      while (!outbox.isEmpty) taken.push(...outbox.take(1000));
      expect(taken.length).toBe(accepted.length);
      expect(taken.every((one, index) => one === accepted[index])).toBe(true);
    }),
  );
});
