// Fan-out on plain objects: order, slices, overflow, and the watermark.
import { expect, test } from 'vitest';
import type { AccountId } from '../../runtime/account-id.ts';
import type { Entry } from '../../runtime/behaviours.ts';
import { FanOut, type Receiver } from '../../runtime/fan-out.ts';
import { keyOf } from '../../runtime/key.ts';
import { makeVersion, noVersion, type Version } from '../../runtime/version.ts';

interface Follower extends Receiver<string> {
  name: string;
  got: string[];
}

function follower(name: string): Follower {
  return { name, got: [], due: [], dueBatch: null, isStopped: false };
}

/** An entry whose key's account is the author and whose value is the item. */
function entry(author: number, item: string, ms: number): Entry {
  return {
    key: keyOf(author as AccountId, 's'),
    version: makeVersion(ms, 0, 1),
    value: item,
    before: null,
    live: true,
  };
}

interface Opening {
  slice?: number;
  mostDue?: number;
  interest?: (author: AccountId, isWanted: boolean) => void;
  /** By author, who is awake. */
  awake?: Map<number, Follower>;
}

function opened({ awake = new Map(), ...options }: Opening = {}) {
  const woken: Follower[] = [];
  const later: (() => void)[] = [];
  const overflowed: string[] = [];
  const advanced: Version[] = [];
  const fanOut: FanOut<string, Follower> = new FanOut<string, Follower>({
    route: ({ key, value }) => {
      const account = key.charCodeAt(6) as AccountId;
      const item = String(value);
      return item.startsWith('to ')
        ? [{ kind: 'account', account, item }]
        : [{ kind: 'followers', author: account, item }];
    },
    read: { fact: () => null, view: () => undefined },
    awake: (account) => awake.get(account),
    wake: (receiver) => woken.push(receiver),
    settle: () => {},
    publish: () => {},
    later: (callback) => later.push(callback),
    advanced: () => advanced.push(fanOut.watermark),
    overflowed: ({ name }) => overflowed.push(name),
    start: noVersion,
    ...options,
  });
  const handleOne = (receiver: Follower): void => {
    receiver.got.push(...receiver.due.splice(0));
    fanOut.handled(receiver);
  };
  return { fanOut, woken, later, overflowed, advanced, handleOne };
}

test('a receiver with something due is told once, and takes all at once in order', () => {
  const { fanOut, woken, handleOne } = opened();
  const ada = follower('ada');
  fanOut.subscribe(ada, [1, 2] as AccountId[]);
  fanOut.committed([entry(1, 'a', 1), entry(2, 'b', 2)]);
  fanOut.committed([entry(1, 'c', 3)]);
  expect(woken).toEqual([ada]);
  handleOne(ada);
  expect(ada.got).toEqual(['a', 'b', 'c']);
});

test('the watermark stands still until every receiver of a batch, and of all before it, has handled its share', () => {
  const { fanOut, handleOne } = opened();
  const [ada, bob] = [follower('ada'), follower('bob')];
  fanOut.subscribe(ada, [1 as AccountId]);
  fanOut.subscribe(bob, [2 as AccountId]);
  fanOut.committed([entry(1, 'a', 1)]);
  fanOut.committed([entry(2, 'b', 2)]);
  expect(fanOut.watermark).toBe(noVersion);
  handleOne(bob);
  expect(fanOut.watermark).toBe(noVersion);
  expect(fanOut.isIdle).toBe(false);
  handleOne(ada);
  expect(fanOut.watermark).toBe(makeVersion(2, 0, 1));
  expect(fanOut.isIdle).toBe(true);
});

test('a batch that nobody wants moves the watermark at once', () => {
  const { fanOut, advanced } = opened();
  fanOut.committed([entry(9, 'x', 5)]);
  expect(advanced).toEqual([makeVersion(5, 0, 1)]);
});

test('many followers are walked in slices: others do not wait, and each author keeps its order', () => {
  const { fanOut, later, handleOne } = opened({ slice: 3 });
  const crowd = Array.from({ length: 7 }, (_, place) => follower(`fan ${place}`));
  const ada = follower('ada');
  for (const fan of crowd) fanOut.subscribe(fan, [1 as AccountId]);
  fanOut.subscribe(ada, [2 as AccountId]);
  fanOut.committed([entry(1, 'first', 1)]);
  fanOut.committed([entry(1, 'second', 2), entry(2, 'other', 3)]);
  handleOne(ada);
  expect(ada.got).toEqual(['other']);
  expect(fanOut.watermark).toBe(noVersion);
  let turns = 0;
  while (later.length > 0) {
    later.shift()?.();
    turns++;
  }
  expect(turns).toBe(6);
  for (const fan of crowd) handleOne(fan);
  expect(crowd.map(({ got }) => got)).toEqual(crowd.map(() => ['first', 'second']));
  expect(fanOut.watermark).toBe(makeVersion(3, 0, 1));
});

test('somebody who leaves in the middle of a walk makes nobody else miss it', () => {
  const { fanOut, later, handleOne } = opened({ slice: 2 });
  const crowd = Array.from({ length: 6 }, (_, place) => follower(`fan ${place}`));
  for (const fan of crowd) fanOut.subscribe(fan, [1 as AccountId]);
  fanOut.committed([entry(1, 'news', 1)]);
  later.shift()?.();
  const [first] = crowd;
  if (first !== undefined) fanOut.unsubscribe(first, [1 as AccountId]);
  while (later.length > 0) later.shift()?.();
  for (const fan of crowd) if (fan.due.length > 0) handleOne(fan);
  expect(crowd.slice(1).map(({ got }) => got)).toEqual(crowd.slice(1).map(() => ['news']));
  expect(fanOut.subscriptions).toBe(5);
});

test('a receiver that takes nothing keeps a bounded number of items and is told that it lost some', () => {
  const { fanOut, overflowed } = opened({ mostDue: 3 });
  const ada = follower('ada');
  fanOut.subscribe(ada, [1 as AccountId]);
  fanOut.committed(['a', 'b', 'c', 'd'].map((item, place) => entry(1, item, place + 1)));
  expect(overflowed).toEqual(['ada']);
  expect(ada.due).toEqual(['d']);
});

test('a receiver that has lost its state is subscribed to nothing', () => {
  const { fanOut, woken } = opened();
  const [ada, bob] = [follower('ada'), follower('bob')];
  fanOut.subscribe(ada, [1, 2, 3] as AccountId[]);
  fanOut.subscribe(bob, [1 as AccountId]);
  fanOut.drop(new Set([ada]));
  fanOut.committed([entry(1, 'a', 1), entry(2, 'b', 2)]);
  expect(woken).toEqual([bob]);
});

test('what was due to receivers that are dropped holds up the watermark no more', () => {
  const { fanOut } = opened();
  const ada = follower('ada');
  fanOut.subscribe(ada, [1] as AccountId[]);
  fanOut.committed([entry(1, 'a', 1)]);
  fanOut.drop(new Set([ada]));
  expect(fanOut.watermark).toBe(makeVersion(1, 0, 1));
  expect(fanOut.isIdle).toBe(true);
  expect(ada.due).toEqual([]);
});

test('a walk under way passes over receivers that were dropped and have stopped', () => {
  const { fanOut, later, woken, handleOne } = opened({ slice: 2 });
  const crowd = Array.from({ length: 5 }, (_, place) => follower(`fan ${place}`));
  for (const fan of crowd) fanOut.subscribe(fan, [1 as AccountId]);
  fanOut.committed([entry(1, 'news', 1)]);
  later.shift()?.();
  const gone = new Set(crowd.slice(1, 4));
  for (const fan of gone) fan.isStopped = true;
  fanOut.drop(gone);
  while (later.length > 0) later.shift()?.();
  for (const fan of crowd) if (!gone.has(fan)) handleOne(fan);
  expect(woken.map(({ name }) => name)).toEqual(['fan 0', 'fan 1', 'fan 4']);
  expect(fanOut.watermark).toBe(makeVersion(1, 0, 1));
});

test('however many are dropped, each subscription is looked at once, and authors that nobody receives are named', () => {
  const told: [number, boolean][] = [];
  const { fanOut, woken } = opened({ interest: (author, isWanted) => told.push([author, isWanted]) });
  const crowd = Array.from({ length: 30 }, (_, place) => follower(`fan ${place}`));
  const authors = Array.from({ length: 10 }, (_, place) => place as AccountId);
  for (const [place, fan] of crowd.entries()) fanOut.subscribe(fan, place === 0 ? [3 as AccountId] : authors);
  const subscriptions = fanOut.subscriptions;
  told.length = 0;
  let looks = 0;
  class Gone extends Set<Follower> {
    override has(receiver: Follower): boolean {
      looks++;
      return super.has(receiver);
    }
  }
  fanOut.drop(new Gone(crowd.slice(1)));
  expect(looks).toBeLessThanOrEqual(subscriptions);
  expect(told).toEqual(authors.filter((author) => author !== 3).map((author) => [author, false]));
  expect([...fanOut.authors()]).toEqual([3]);
  expect(fanOut.subscriptions).toBe(1);
  fanOut.committed(authors.map((author) => entry(author, 'a', author + 1)));
  expect(woken.map(({ name }) => name)).toEqual(['fan 0']);
});

test('what was addressed to a receiver alone is kept when the rest is too much', () => {
  const ada = follower('ada');
  const { fanOut, overflowed, handleOne } = opened({ mostDue: 3, awake: new Map([[9, ada]]) });
  fanOut.subscribe(ada, [1] as AccountId[]);
  const items = ['a', 'b'].map((item, place) => entry(1, item, place + 1));
  items.push(entry(9, 'to ada: blocked', 3));
  items.push(...['c', 'd', 'e', 'f'].map((item, place) => entry(1, item, place + 4)));
  items.push(entry(9, 'to ada: once more', 8));
  fanOut.committed(items);
  expect(overflowed).toEqual(['ada', 'ada', 'ada']);
  expect(ada.due).toEqual(['to ada: blocked', 'to ada: once more']);
  handleOne(ada);
  // Handled is handled: it does not come again with the next overflow.
  fanOut.committed(['g', 'h', 'i', 'j'].map((item, place) => entry(1, item, place + 9)));
  expect(ada.due).toEqual(['j']);
});

test('an author walked in slices has the own post at once, and once', () => {
  const own = follower('own');
  const { fanOut, later, handleOne } = opened({ slice: 2, awake: new Map([[1, own]]) });
  const others = Array.from({ length: 5 }, (_, n) => follower(`f${n}`));
  for (const receiver of [...others, own]) fanOut.subscribe(receiver, [1] as AccountId[]);
  fanOut.committed([entry(1, 'a', 1), entry(1, 'b', 2)]);
  expect(own.due).toEqual(['a', 'b']);
  handleOne(own);
  while (later.length > 0) later.shift()?.();
  for (const receiver of [...others, own]) handleOne(receiver);
  expect(own.got).toEqual(['a', 'b']);
  for (const { got } of others) expect(got).toEqual(['a', 'b']);
});

test('who leaves during a walk changes nobody else’s order', () => {
  const { fanOut, later, handleOne } = opened({ slice: 2 });
  const all = Array.from({ length: 5 }, (_, n) => follower(`f${n}`));
  for (const receiver of all) fanOut.subscribe(receiver, [1] as AccountId[]);
  const [first] = all;
  fanOut.committed([entry(1, 'a', 1)]);
  if (first) fanOut.unsubscribe(first, [1] as AccountId[]);
  fanOut.committed([entry(1, 'b', 2)]);
  while (later.length > 0) {
    later.shift()?.();
    for (const receiver of all) handleOne(receiver);
  }
  for (const { got } of all.slice(1)) expect(got).toEqual(['a', 'b']);
});
