// What a core keeps back for a gateway that is behind, and ticks that are too large to go out in one piece.
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Item } from '../../actors/items.ts';
import type { Pushed } from '../../actors/messages.ts';
import { makeVersion, printCursor } from '../../runtime/version.ts';

import { opened, removedItem, statusItem, there } from './pushing-scene.ts';

afterEach(() => {
  vi.useRealTimers();
});

describe('while a gateway is behind', () => {
  test('its ticks wait, are rendered when they go out, and go in their order', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance', 'setImmediate'] });
    const { push, told, gateway, pushing } = opened();
    gateway.isBehind = true;
    push([removedItem(1000), 1]);
    push([removedItem(1001), 1]);
    await vi.advanceTimersByTimeAsync(100);
    expect([told(), pushing.isIdle]).toEqual([[], false]);
    expect(pushing.backlogBytes, 'that a core is behind is seen by this').toBeGreaterThan(0);
    gateway.isBehind = false;
    await vi.advanceTimersByTimeAsync(10);
    expect([told(), pushing.isIdle]).toEqual([['deleted', 'deleted'], true]);
    expect(pushing.backlogBytes).toBe(0);
  });

  test('others wait five seconds for it when they have nothing to do, and then no more until it has caught up', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance', 'setImmediate'] });
    const { push, told, gateway, other } = opened();
    gateway.isBehind = true;
    other.idleMs = 4990;
    push([removedItem(1000), 1]);
    await vi.advanceTimersByTimeAsync(4980);
    expect(told()).toEqual([]);
    await vi.advanceTimersByTimeAsync(100);
    expect(told(), 'the other has had something to do in between').toEqual([]);
    other.idleMs = 5000;
    await vi.advanceTimersByTimeAsync(10);
    push([removedItem(1001), 1]);
    expect(told()).toEqual(['deleted', 'deleted']);
    gateway.isBehind = false;
    push([removedItem(1002), 1]);
    gateway.isBehind = true;
    push([removedItem(1003), 1]);
    expect(told().length).toBe(3);
  });

  test('rows of other cores are not waited for any less', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance', 'setImmediate'] });
    const { push, questions, told, gateway, lost } = opened();
    gateway.isBehind = true;
    push([statusItem(1000, there), 5]);
    await vi.advanceTimersByTimeAsync(5000);
    gateway.isBehind = false;
    await vi.advanceTimersByTimeAsync(1000);
    questions[0]?.answer();
    await vi.advanceTimersByTimeAsync(100);
    expect([told(), lost]).toEqual([['update'], []]);
  });

  test('they ask for rows of others when they go on, all at once', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance', 'setImmediate'] });
    const { push, questions, told, gateway, lost, renders } = opened();
    gateway.isBehind = true;
    for (let place = 0; place < 50; place++) push([statusItem(1000 + place, there), 1]);
    await vi.advanceTimersByTimeAsync(5000);
    expect([questions.length, renders()]).toEqual([0, 0]);
    gateway.isBehind = false;
    await vi.advanceTimersByTimeAsync(10);
    for (let round = 0; round < 4; round++) {
      for (const question of questions.splice(0)) question.answer();
      await vi.advanceTimersByTimeAsync(10);
    }
    expect([told().length, lost]).toEqual([50, []]);
  });
});

describe('a tick of very many pushes', () => {
  const crowd = Array.from({ length: 3000 }, (_, place) => place + 1);
  const items = [4, 1, 3, 0, 2].map((place): [Item, ...number[]] => [removedItem(1000 + place), ...crowd]);
  const cursorOf = (ms: number): string => printCursor(makeVersion(ms, 0, 1));
  const cursorIn = (item: Pushed): string | null => ('cursor' in item ? item.cursor : null);

  test('goes out in parts, oldest first, each with the cursor up to which all is told', () => {
    const { push, gateway } = opened();
    push(...items);
    const parts = gateway.ticks.map((tick) => [tick.items.map(cursorIn), tick.cursor]);
    expect(parts).toEqual([
      [[1000, 1001, 1002].map(cursorOf), cursorOf(1002)],
      [[1003, 1004].map(cursorOf), cursorOf(1_000_001)],
    ]);
    expect(gateway.itemsOf(3000).length).toBe(5);
  });

  test('has no cursor above the watermark when something older is on its way', () => {
    const { pushing, gateway, numberOf } = opened();
    const sessions = new Map(items.map(([item, ...to]) => [item, to.map(numberOf)]));
    const watermark = makeVersion(1001, 0, 1);
    pushing.push({ pushes: { sessions, topics: new Map() }, watermark, isComplete: false });
    const parts = gateway.ticks.map((tick) => [tick.items.map(cursorIn), tick.cursor]);
    expect(parts).toEqual([
      [[1000, 1001, 1001].map(cursorOf), cursorOf(1001)],
      [[1001, 1001].map(cursorOf), cursorOf(1001)],
    ]);
  });

  test('waits in parts, too', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance', 'setImmediate'] });
    const { push, gateway } = opened();
    const { pushTick } = gateway;
    gateway.pushTick = (tick) => {
      pushTick(tick);
      gateway.isBehind = true;
    };
    push(...items);
    await vi.advanceTimersByTimeAsync(100);
    expect(gateway.itemsOf(1).length).toBe(3);
    gateway.isBehind = false;
    await vi.advanceTimersByTimeAsync(100);
    expect(gateway.itemsOf(1).length).toBe(5);
  });
});
