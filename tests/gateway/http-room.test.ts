// The room of a gateway: what its open files allow, and what may still come as it fills.
import { expect, test, vi } from 'vitest';
import { HttpRoom } from '../../gateway/http-room.ts';
import { connectionRoom, openFilesIn } from '../../runtime/connection-room.ts';

function filled(room: HttpRoom, count: number): boolean[] {
  return Array.from({ length: count }, () => room.opened());
}

test('a gateway holds what its open files allow, less a reserve', () => {
  expect(connectionRoom(20_000)).toEqual({ most: 18_976, passing: 512, refused: 256 });
  // With few files half of them are kept.
  expect(connectionRoom(1024)).toEqual({ most: 512, passing: 32, refused: 256 >> 1 });
  expect(connectionRoom(null)).toEqual(connectionRoom(1024));
});

test('less than that can be asked for, more cannot, and the reserve always holds what may pass', () => {
  expect(connectionRoom(20_000, 100)).toEqual({ most: 100, passing: 8, refused: 100 });
  expect(connectionRoom(20_000, 1_000_000).most).toBe(18_976);
  for (const files of [64, 256, 1024, 4096, 20_000, 1_048_576])
    for (const wanted of [null, 1, 100, 10_000_000]) {
      const { most, passing, refused } = connectionRoom(files, wanted);
      expect(most + passing + refused).toBeLessThanOrEqual(files - Math.min(256, files >> 3));
    }
});

test('the limit of open files is read as Linux writes it', () => {
  const line = (soft: string, hard: string): string =>
    `Limit                     Soft Limit           Hard Limit           Units\nMax open files            ${soft}                ${hard}               files\n`;
  expect(openFilesIn(line('1024', '20000'))).toEqual({ soft: 1024, hard: 20_000 });
  expect(openFilesIn(line('unlimited', 'unlimited'))).toEqual({ soft: null, hard: null });
  expect(openFilesIn('')).toBeNull();
});

/** Streams on sockets of their own, until one is refused. */
function streamsIn(room: HttpRoom): number {
  for (let streams = 0; ; streams++) {
    room.opened();
    if (!room.takesStream('websocket')) return streams;
    room.streamOpened();
  }
}

test('streams are refused beyond the most, requests when what passes is taken too, and silent sockets closed when even refusals are', () => {
  const room = new HttpRoom({ most: 3, passing: 2, refused: 1 });
  expect(streamsIn(room)).toBe(3);
  expect(room.takesRequest()).toBe(true);
  filled(room, 1);
  expect(room.takesRequest()).toBe(true);
  expect(filled(room, 1)).toEqual([true]);
  expect(room.takesRequest()).toBe(false);
  expect(filled(room, 1)).toEqual([false]);
  expect(room.refused).toEqual({ websocket: 1, 'server-sent-events': 0, request: 1, silent: 1 });
});

test('idle connections keep no stream out, as long as there is room for what passes', () => {
  const room = new HttpRoom({ most: 3, passing: 2, refused: 9 });
  filled(room, 2);
  expect(streamsIn(room)).toBe(3);
  const crowded = new HttpRoom({ most: 3, passing: 2, refused: 9 });
  filled(crowded, 3);
  expect(streamsIn(crowded)).toBe(2);
});

test('a stream that ends leaves its place to another one', () => {
  const room = new HttpRoom({ most: 3, passing: 2, refused: 9 });
  streamsIn(room);
  room.streamClosed();
  expect(room.takesStream('server-sent-events')).toBe(true);
});

test('what waited at a listener that is being closed is held', () => {
  const room = new HttpRoom({ most: 3, passing: 2, refused: 1 });
  room.isLeaving = true;
  expect(streamsIn(room)).toBe(5);
});

test('it says that it is full with the last that it may hold, and that it has room when a hundredth is free, once', () => {
  const room = new HttpRoom({ most: 200, passing: 8, refused: 8 });
  const events = { filled: vi.fn(), freed: vi.fn() };
  room.events = events;
  filled(room, 199);
  expect(events.filled).toHaveBeenCalledTimes(0);
  filled(room, 1);
  expect(events.filled).toHaveBeenCalledTimes(1);
  room.closed();
  expect(events.freed).toHaveBeenCalledTimes(0);
  room.closed();
  room.closed();
  expect(events.freed).toHaveBeenCalledTimes(1);
});

test('connections are no longer kept for a next request in the last eighth', () => {
  const room = new HttpRoom({ most: 80, passing: 8, refused: 8 });
  filled(room, 70);
  expect(room.isShort).toBe(false);
  filled(room, 1);
  expect(room.isShort).toBe(true);
});

test('those who are refused are not all told to come back in the same second', () => {
  const room = new HttpRoom(connectionRoom(null));
  const told = new Set(Array.from({ length: 100 }, () => room.retryAfter()));
  expect(told.size).toBeGreaterThan(5);
});
