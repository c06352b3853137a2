// Streams that are told to read anew, and a gateway that goes while they are.
import { expect, test, vi } from 'vitest';
import type { Item } from '../../actors/items.ts';
import { CoreResyncs } from '../../cluster/core-resyncs.ts';
import { CoreSessions } from '../../cluster/core-sessions.ts';
import { noVersion } from '../../runtime/version.ts';
import { testGateway } from '../support/core.ts';
import { here } from './pushing-scene.ts';

test('no stream of a gateway that is gone is attached after it was detached', async () => {
  const sessions = new CoreSessions();
  const gateway = testGateway('gateway-0');
  sessions.attach(gateway, 1, here);
  sessions.attach(gateway, 2, here);
  const asked: string[] = [];
  const answers: (() => void)[] = [];
  const resyncs = new CoreResyncs({
    sessions,
    pushing: { isIdle: false, resync() {} } as never,
    ask: ({ kind, session }) => {
      asked.push(`${kind} ${session}`);
      return new Promise((resolve) => answers.push(() => resolve({ ok: true, value: {} })));
    },
    push: (_: Map<Item, number[]>) => {},
    watermark: () => noVersion,
  });
  const done = resyncs.after('block', { account: here }, Promise.resolve({ ok: true, value: {} }));
  for (let turns = 0; turns < 5; turns++) await Promise.resolve();
  for (const { number } of sessions.detachAll(gateway)) asked.push(`detach ${number}`);
  const goOn = setInterval(() => {
    for (const answer of answers.splice(0)) answer();
  }, 1);
  await done;
  clearInterval(goOn);
  for (const number of [3, 4])
    expect(asked.lastIndexOf(`detach ${number}`)).toBeGreaterThan(asked.lastIndexOf(`attach ${number}`));
});

test('a stream whose actor is too busy is attached later, unless it has gone', async () => {
  vi.useFakeTimers();
  const sessions = new CoreSessions();
  const gateway = testGateway('gateway-0');
  const number = sessions.attach(gateway, 1, here);
  let isBusy = true;
  const asked: number[] = [];
  const told: number[] = [];
  const resyncs = new CoreResyncs({
    sessions,
    pushing: { isIdle: false, resync: ([one]: number[]) => told.push(one ?? 0) } as never,
    async ask({ kind, session }) {
      if (kind === 'attach') asked.push(session);
      if (!isBusy) return { ok: true, value: {} };
      return { ok: false, rejection: { code: 'busy', message: 'as planned' } };
    },
    push() {},
    watermark: () => noVersion,
  });
  await resyncs.after('mute', { account: here }, Promise.resolve({ ok: true, value: {} }));
  const now = number + 1;
  expect([asked, told]).toEqual([[now], []]);
  isBusy = false;
  await vi.advanceTimersByTimeAsync(1000);
  expect([asked, told]).toEqual([[now, now], [now]]);
  isBusy = true;
  resyncs.crashed(here);
  await vi.advanceTimersByTimeAsync(150);
  sessions.detachAll(gateway);
  const tries = asked.length;
  await vi.advanceTimersByTimeAsync(1000);
  expect([tries, asked.length]).toEqual([4, 4]);
  vi.useRealTimers();
});

/** All that waits for nothing but its turn has had it. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('after a crash of the actor what waits for its streams goes nowhere, and they are told so first', async () => {
  const sessions = new CoreSessions();
  const gateway = testGateway('gateway-0');
  const number = sessions.attach(gateway, 1, here);
  const seen: string[] = [];
  let isIdle = false;
  const resyncs = new CoreResyncs({
    sessions,
    pushing: {
      get isIdle() {
        return isIdle;
      },
      resync: ([one]: number[]) => seen.push(`first ${one}`),
    } as never,
    async ask({ kind, session }) {
      seen.push(`${kind} ${session}`);
      return { ok: true, value: {} };
    },
    push: (pushed: Map<Item, number[]>) => seen.push(`in turn ${[...pushed.values()]}`),
    watermark: () => noVersion,
  });
  resyncs.crashed(here);
  await turn();
  expect(sessions.has(number)).toBe(false);
  const now = number + 1;
  expect(seen.splice(0)).toEqual([`attach ${now}`, `first ${now}`]);
  // While nothing waits the number stays.
  isIdle = true;
  resyncs.crashed(here);
  await turn();
  expect(seen).toEqual([`in turn ${now}`, `attach ${now}`]);
});
