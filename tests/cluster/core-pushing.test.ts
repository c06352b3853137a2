// The order of what is pushed while rows of other cores are on their way, what is lost when they do not come, and what that costs.
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Item } from '../../actors/items.ts';
import { Elsewhere } from '../../cluster/core-elsewhere.ts';
import { type AccountId, firstAccountOf, partitionOf } from '../../runtime/account-id.ts';

import { opened, removedItem, statusItem, there, turn, yonder } from './pushing-scene.ts';

afterEach(() => {
  vi.useRealTimers();
});

describe('ticks', () => {
  test('behind one that waits for rows wait, and go out in order', async () => {
    const { push, told, pushing, answerAll } = opened();
    push([statusItem(1000, there), 5]);
    push([removedItem(1001), 5]);
    push([statusItem(1002, there), 5]);
    expect(told()).toEqual([]);
    expect(pushing.isIdle).toBe(false);
    await answerAll();
    expect(told()).toEqual(['update', 'deleted', 'update']);
  });

  test('that lack nothing go out at once', () => {
    const { push, told, pushing } = opened();
    push([removedItem(1000), 5]);
    expect(told()).toEqual(['deleted']);
    expect(pushing.isIdle).toBe(true);
  });

  test('ask each core one question for all that they lack, and one more for what came up meanwhile', async () => {
    const { push, questions, answerAll } = opened();
    const authors = Array.from({ length: 50 }, (_, place) => (there + place) as AccountId);
    push(...authors.map((author, place): [Item, number] => [statusItem(1000 + place, author), place]), [
      statusItem(999, yonder),
      5,
    ]);
    for (const author of authors) push([statusItem(2000, author), 5]);
    expect(questions.map(({ about }) => partitionOf(about)).sort()).toEqual([800, 900]);
    questions.find(({ about }) => partitionOf(about) === 900)?.answer();
    await turn();
    expect(questions.map(({ about }) => partitionOf(about)).slice(2)).toEqual([900]);
    await answerAll();
  });

  test('are made only when something has come that they lack, however many wait', async () => {
    const { push, questions, told, pushing, renders } = opened();
    const most = 60;
    for (let place = 0; place < most; place++)
      push([statusItem(1000 + place, firstAccountOf(100 + place)), 5]);
    expect(questions.length).toBe(most);
    // The first one last: none can go before it.
    for (const question of questions.splice(0).reverse()) {
      question.answer();
      await turn();
    }
    while (!pushing.isIdle) {
      for (const question of questions.splice(0)) question.answer();
      await turn();
    }
    expect(told().length).toBe(most);
    expect(renders()).toBeLessThanOrEqual(8 * most);
  });
});

describe('a cursor without anything else', () => {
  test('is sent so often and no more, the last one in the end', () => {
    vi.useFakeTimers();
    const { push, gateway } = opened();
    for (let times = 0; times < 5; times++) push();
    expect(gateway.ticks.length).toBe(1);
    vi.advanceTimersByTime(60);
    expect(gateway.ticks.length).toBe(2);
    push([removedItem(1000), 5]);
    const cursors = gateway.ticks.map(({ cursor }) => cursor);
    expect(cursors).toEqual([...new Set(cursors)].sort());
    vi.advanceTimersByTime(1000);
    expect(gateway.ticks.length).toBe(3);
  });

  test('waits for nothing where there is something, and is not told behind it', () => {
    vi.useFakeTimers();
    const { push, gateway } = opened();
    push();
    push();
    push([removedItem(1000), 5]);
    push([removedItem(1001), 5]);
    expect(gateway.ticks.map(({ items }) => items.length)).toEqual([0, 1, 1]);
    vi.advanceTimersByTime(1000);
    expect(gateway.ticks.length).toBe(3);
  });

  test('is not sent to who is gone', () => {
    vi.useFakeTimers();
    const { push, gateway } = opened();
    push();
    push();
    gateway.close('gone');
    vi.advanceTimersByTime(1000);
    expect(gateway.ticks.length).toBe(1);
  });
});

describe('rows that cannot be had', () => {
  test('become a resync of their sessions, and later ones go on', async () => {
    const { push, told, lost, questions, pushing, answerAll } = opened();
    push([statusItem(1000, there), 5]);
    questions.shift()?.fail('down');
    while (!pushing.isIdle) await turn();
    push([statusItem(1001, there), 5]);
    await answerAll();
    expect(told()).toEqual(['resync', 'update']);
    expect(lost).toEqual(['down']);
  });

  test('cost nobody else anything: not in the same tick, and not behind it', async () => {
    const { push, kindsOf, lost, questions, answerAll } = opened();
    push([statusItem(1000, there), 1, 2], [statusItem(1001, yonder), 2, 3], [removedItem(1002), 4]);
    push([statusItem(1003, yonder), 1, 2, 3]);
    push([statusItem(1004, (there + 1) as AccountId), 3]);
    questions.find(({ about }) => about === there)?.fail('down');
    questions.splice(
      questions.findIndex(({ about }) => about === there),
      1,
    );
    await answerAll();
    expect(kindsOf(1)).toEqual(['resync', 'update']);
    // Nothing of the tick that lacks something comes before the resync: its cursor would say that nothing does.
    expect(kindsOf(2)).toEqual(['resync', 'update']);
    expect(kindsOf(3)).toEqual(['update', 'update', 'update']);
    expect(kindsOf(4)).toEqual(['deleted']);
    expect(lost).toEqual(['down']);
  });

  test('because a core hangs hold others up for two seconds, and are lost alone', async () => {
    vi.useFakeTimers();
    const { push, kindsOf, told, lost, questions, pushing } = opened();
    push([statusItem(1000, there), 1], [statusItem(1001, yonder), 2]);
    await vi.advanceTimersByTimeAsync(1000);
    push([removedItem(1002), 3]);
    for (const question of questions) if (question.about === yonder) question.answer();
    await vi.advanceTimersByTimeAsync(0);
    for (const question of questions) if (question.about === yonder) question.answer();
    await vi.advanceTimersByTimeAsync(999);
    expect(told()).toEqual([]);
    await vi.advanceTimersByTimeAsync(2);
    expect([1, 2, 3].map(kindsOf)).toEqual([['resync'], ['update'], ['deleted']]);
    expect(lost.length).toBe(1);
    expect(pushing.isIdle).toBe(true);
    // It is asked again for the next.
    push([statusItem(1003, there), 1]);
    expect(questions.filter(({ about }) => about === there).length).toBe(2);
    for (const question of questions) question.answer();
    await vi.advanceTimersByTimeAsync(0);
    for (const question of questions) question.answer();
    await vi.advanceTimersByTimeAsync(0);
    expect(kindsOf(1)).toEqual(['resync', 'update']);
  });

  test('are waited for no longer where the question for them had to wait for another', async () => {
    vi.useFakeTimers();
    const { push, kindsOf, questions } = opened();
    push([statusItem(1000, there), 1]);
    await vi.advanceTimersByTimeAsync(1500);
    push([statusItem(1001, (there + 1) as AccountId), 2]);
    await vi.advanceTimersByTimeAsync(501);
    expect(questions.length).toBe(2);
    expect([1, 2].map(kindsOf)).toEqual([['resync'], []]);
    await vi.advanceTimersByTimeAsync(1500);
    expect([1, 2].map(kindsOf)).toEqual([['resync'], ['resync']]);
  });

  test('are not waited for by more ticks than a bound', () => {
    const { push, told, pushing } = opened();
    for (let place = 0; place < 2000; place++) push([statusItem(1000 + place, there), 5]);
    expect(told()).toEqual([]);
    for (let place = 0; place < 10; place++) push([removedItem(5000 + place), 5]);
    expect(told()).toEqual(new Array(10).fill('resync'));
    expect(pushing.isIdle).toBe(false);
  });

  test('nor with more records than a bound', () => {
    const { push, told } = opened();
    for (let tick = 0; tick < 12; tick++) {
      const author = (place: number): AccountId => (there + tick * 5000 + place) as AccountId;
      push(
        ...Array.from({ length: 5000 }, (_, place): [Item, number] => [
          statusItem(1000 + place, author(place)),
          place,
        ]),
      );
    }
    expect(told()).toContain('resync');
  });

  test('for nobody can decode them are lost alone, and what comes later goes on', async () => {
    const { push, kindsOf, lost, answerAll } = opened({ unreadable: [there] });
    push([statusItem(1000, there), 1], [statusItem(1001, yonder), 2]);
    push([removedItem(1002), 1, 2]);
    await answerAll();
    expect([1, 2].map(kindsOf)).toEqual([
      ['resync', 'deleted'],
      ['update', 'deleted'],
    ]);
    expect(lost).toEqual(['unknown kind 7']);
  });

  test('are lost, too, where asking for them fails', async () => {
    const { push, told, lost, pushing } = opened();
    const fetch = vi.spyOn(Elsewhere.prototype, 'fetch').mockRejectedValue(new Error('as planned'));
    push([statusItem(1000, there), 5]);
    while (!pushing.isIdle) await turn();
    fetch.mockRestore();
    push([removedItem(1001), 5]);
    expect(told()).toEqual(['resync', 'deleted']);
    expect(lost).toEqual(['as planned']);
  });

  test('by who cannot be told apart are asked for together', async () => {
    const { push, questions, told, answerAll } = opened({ knowsServers: false });
    push([statusItem(1000, there), 5], [statusItem(1001, yonder), 5]);
    expect(questions.length).toBe(1);
    await answerAll();
    expect(told()).toEqual(['update', 'update']);
  });
});

test('a tick that a gateway’s link cannot take becomes a resync of its sessions', () => {
  const { push, told, kindsOf, lost, gateway } = opened();
  const { pushTick } = gateway;
  gateway.pushTick = () => {
    gateway.pushTick = pushTick;
    throw new Error('too large');
  };
  push([removedItem(1000), 1, 2], [removedItem(1001), 1]);
  push([removedItem(1002), 1]);
  expect(told()).toEqual(['resync', 'deleted']);
  expect(kindsOf(2)).toEqual(['resync']);
  expect(lost).toEqual(['too large']);
});
