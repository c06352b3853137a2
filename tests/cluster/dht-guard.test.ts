// Frames of the DHT: made and opened by who holds a key, for half a minute, once.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DhtGuard, frameHeadBytes, payloadMostBytes, stampHoldsMs } from '../../cluster/dht-guard.ts';

const key: Uint8Array = Buffer.alloc(32, 1);
const former: Uint8Array = Buffer.alloc(32, 2);
const other: Uint8Array = Buffer.alloc(32, 3);
const nowMs = 1_800_000_000_000;
const payload = Buffer.from('d1:y1:qe');

/** What a fresh node with these keys makes of a frame. */
function opened(frame: Buffer, keys: Uint8Array[] = [key], atMs = nowMs): string {
  const result = new DhtGuard(keys).open(frame, atMs);
  return result.kind === 'payload' ? result.payload.toString() : result.why;
}
const sealedBy = (...keys: Uint8Array[]) => new DhtGuard(keys).seal(payload, nowMs);

describe('a frame', () => {
  test('gives back its payload to who has the key', () => {
    expect(opened(sealedBy(key))).toBe(payload.toString());
  });

  test('is opened by either of two keys, and made with the first', () => {
    expect(opened(sealedBy(former), [key, former])).toBe(payload.toString());
    expect(opened(sealedBy(key, former), [key])).toBe(payload.toString());
    expect(opened(sealedBy(key, former), [former])).toBe('stranger');
  });

  test('says which key it was made with, and its answer can be made with the same', () => {
    const guard = new DhtGuard([key, former]);
    const asked = guard.open(sealedBy(former), nowMs);
    if (asked.kind === 'dropped') throw new Error(asked.why);
    expect(opened(guard.seal(payload, nowMs, asked.key), [former])).toBe(payload.toString());
  });

  test('of a stranger is dropped', () => {
    expect(opened(sealedBy(other))).toBe('stranger');
    expect(opened(payload)).toBe('misfit');
    expect(opened(Buffer.concat([Buffer.alloc(frameHeadBytes), payload]))).toBe('stranger');
  });

  test('with any bit changed is a stranger’s', () => {
    const frame = sealedBy(key);
    fc.assert(
      fc.property(fc.nat(frame.length - 1), fc.nat(7), (at, bit) => {
        const changed = Buffer.from(frame);
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        expect(opened(changed)).toBe('stranger');
      }),
    );
  });

  test('holds for half a minute, by clocks that are fast or slow', () => {
    for (const apartMs of [-stampHoldsMs, stampHoldsMs]) {
      expect(opened(sealedBy(key), [key], nowMs + apartMs)).toBe(payload.toString());
      expect(opened(sealedBy(key), [key], nowMs + apartMs + Math.sign(apartMs))).toBe('stale');
    }
  });

  test('is taken once', () => {
    const guard = new DhtGuard([key]);
    const frame = sealedBy(key);
    expect(guard.open(frame, nowMs).kind).toBe('payload');
    expect(guard.open(frame, nowMs + 1)).toEqual({ kind: 'dropped', why: 'repeated' });
  });

  test('that repeats is found among many others, which are forgotten in the end', () => {
    const guard = new DhtGuard([key]);
    const sealing = new DhtGuard([key]);
    const first = sealing.seal(Buffer.from('first'), nowMs);
    guard.open(first, nowMs);
    for (let count = 0; count < 16_384; count++)
      guard.open(sealing.seal(Buffer.from(`${count}`), nowMs), nowMs);
    expect(guard.open(first, nowMs).kind).toBe('dropped');
    for (let count = 0; count < 32_768; count++)
      guard.open(sealing.seal(Buffer.from(`again ${count}`), nowMs), nowMs);
    expect(guard.open(first, nowMs).kind).toBe('payload');
  });

  test('too short or too long to be one is not looked at', () => {
    expect(opened(Buffer.alloc(0))).toBe('misfit');
    expect(opened(Buffer.alloc(frameHeadBytes))).toBe('misfit');
    expect(opened(Buffer.alloc(frameHeadBytes + payloadMostBytes + 1))).toBe('misfit');
  });
});

describe('keys', () => {
  test('can be changed while it runs', () => {
    const guard = new DhtGuard([former]);
    guard.setKeys([key, former]);
    expect(guard.open(sealedBy(former), nowMs).kind).toBe('payload');
    guard.setKeys([key]);
    expect(guard.open(sealedBy(former, key), nowMs)).toEqual({ kind: 'dropped', why: 'stranger' });
  });

  test('are never none and never short', () => {
    expect(() => new DhtGuard([])).toThrow(RangeError);
    expect(() => new DhtGuard([Buffer.alloc(31)])).toThrow(RangeError);
    expect(() => new DhtGuard([key]).setKeys([])).toThrow(RangeError);
  });
});
