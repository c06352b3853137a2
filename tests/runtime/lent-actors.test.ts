// Actors that are lent with a letter and taken back: nothing is lost or out of order, and nobody keeps one whom no letter reaches.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Lender, LentActors } from '../../runtime/lent-actors.ts';

interface Person extends Lender<string> {
  isBusy: boolean;
  lastMs: number;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function lending() {
  const handled: string[] = [];
  const actors = new LentActors<string, Person>({
    handle(person, letter) {
      handled.push(`${person.account}: ${letter}`);
      person.isBusy = false;
    },
    isAtRest: ({ isBusy, lastMs }, sinceMs) => !isBusy && lastMs <= sinceMs,
    now: () => performance.now(),
  });
  const person = (account: number): Person => ({
    account,
    actor: null,
    isStopped: false,
    isBusy: false,
    lastMs: 0,
  });
  const send = (to: Person, letter: string): void => {
    to.isBusy = true;
    to.lastMs = performance.now();
    actors.send(to, letter);
  };
  return { actors, handled, person, send };
}

const turns = async (count = 20): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

test('who gets no letter has none, and letters before and after that are all handled, in order', async () => {
  const { actors, handled, person, send } = lending();
  const ada = person(1);
  for (const letter of ['a', 'b', 'c']) send(ada, letter);
  expect(ada.actor).not.toBeNull();
  await turns();
  vi.advanceTimersByTime(2000);
  expect(ada.actor).toBeNull();
  for (const letter of ['d', 'e']) send(ada, letter);
  await turns();
  expect(handled).toEqual(['1: a', '1: b', '1: c', '1: d', '1: e']);
  actors.close();
});

test('whose letter is still on its way keeps it, and so does whoever gets one now and then', async () => {
  const { actors, handled, person, send } = lending();
  const [waiting, busy] = [person(1), person(2)];
  send(waiting, 'late');
  vi.advanceTimersByTime(5000);
  expect(waiting.actor).not.toBeNull();
  await turns();
  for (let count = 0; count < 10; count++) {
    send(busy, String(count));
    const { actor } = busy;
    await turns();
    vi.advanceTimersByTime(600);
    expect(busy.actor).toBe(actor);
  }
  expect(handled).toHaveLength(11);
  expect(waiting.actor).toBeNull();
  actors.close();
});

test('of thousands each is looked at', async () => {
  const { actors, person, send } = lending();
  const people = Array.from({ length: 5000 }, (_, account) => person(account));
  for (const one of people) send(one, 'hello');
  await turns();
  vi.advanceTimersByTime(2000);
  expect(people.filter(({ actor }) => actor !== null)).toEqual([]);
  actors.close();
});

test('who is stopped is lent none, and lets go of the one that it has', async () => {
  const { actors, handled, person, send } = lending();
  const [gone, never] = [person(1), person(2)];
  send(gone, 'lost');
  gone.isStopped = true;
  never.isStopped = true;
  send(never, 'nobody hears this');
  expect(never.actor).toBeNull();
  actors.take(gone);
  expect(gone.actor).toBeNull();
  await turns();
  expect(handled).toEqual([]);
  actors.close();
});
