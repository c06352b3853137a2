// Pieces of any length become what they were, and a body in very many of them is as quick as one in few.
import { expect, it } from 'vitest';
import { Gathering } from '../../gateway/http-gathering.ts';

it('gives back what was added, however it was cut', () => {
  const whole = Buffer.from(Array.from({ length: 10_000 }, (_, at) => at % 251));
  for (const step of [1, 7, 2048, 2049, 10_000]) {
    const gathering = new Gathering();
    for (let at = 0; at < whole.length; at += step) gathering.add(whole.subarray(at, at + step));
    expect(gathering.length).toBe(whole.length);
    expect(gathering.bytes().equals(whole)).toBe(true);
  }
  expect(new Gathering().bytes()).toHaveLength(0);
});

it('keeps its own copy', () => {
  const gathering = new Gathering();
  const piece = Buffer.from('abc');
  gathering.add(piece);
  piece.fill(0);
  expect(gathering.bytes().toString()).toBe('abc');
});

it('makes room seldom', () => {
  // Found by fuzzing: each piece was a new body, and a quarter of a million of them stopped the gateway for half a minute.
  const gathering = new Gathering();
  const rooms = new Set<ArrayBufferLike>();
  for (let count = 0; count < 250_000; count++) {
    gathering.add(Uint8Array.of(count & 255));
    rooms.add(gathering.bytes().buffer);
  }
  expect(rooms.size).toBeLessThan(10);
});
