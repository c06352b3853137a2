// Cursors: a client that drops at any frame and resumes with the last cursor it has seen gets every event once, in order.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Pushed } from '../../actors/messages.ts';
import { openTestCore } from '../support/core.ts';

/** What a client tells events apart by. */
function keyOfItem(item: Pushed): string {
  switch (item.kind) {
    case 'update':
      return `update ${item.row.id}`;
    case 'deleted':
      return `deleted ${item.id}`;
    case 'notified':
      return `notified ${item.notification.id}`;
    case 'resync':
      return 'resync';
  }
}

test('a client that drops after any frame misses nothing and sees nothing twice', {
  timeout: 60_000,
}, async () => {
  const step = fc.record({
    /** How many things happen before the client drops. */
    posts: fc.array(fc.constantFrom('ada', 'bob', 'mention', 'delete', 'favourite', 'follow'), {
      minLength: 0,
      maxLength: 8,
    }),
    /** How many of the frames it was sent it has read; the rest are lost with the socket. */
    read: fc.nat({ max: 10 }),
    whileAway: fc.array(fc.constantFrom('ada', 'bob', 'mention', 'delete'), { maxLength: 6 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
      // Every look at the clock is another millisecond: an id and its version must not come from two looks.
      let nowMs = Date.now();
      const tested = await openTestCore({ now: () => nowMs++ });
      try {
        const [ada, bob, carol, dave] = await tested.accounts('ada', 'bob', 'carol', 'dave');
        if (ada === undefined || bob === undefined || carol === undefined || dave === undefined)
          throw new Error('four');
        for (const target of [ada, bob]) await tested.ask('follow', { account: carol, target, boosts: true });
        const witness = await tested.attach(carol, 1);
        const posted: string[] = [];
        const acts = {
          ada: async () => posted.push(await tested.post(ada, 'by ada')),
          bob: async () => posted.push(await tested.post(bob, 'by bob')),
          mention: async () =>
            posted.push(
              await tested.post(ada, 'hi @carol', { mentions: [{ account: carol, handle: 'carol' }] }),
            ),
          delete: async () => {
            const id = posted.pop();
            if (id === undefined) return;
            const isAdas = (await tested.ask('authorStatuses', authored(ada))).ids.some(
              (other) => other === id,
            );
            await tested.ask('deleteStatus', { account: isAdas ? ada : bob, id: id as never });
          },
          favourite: async () => {
            const id = await tested.post(carol, 'mine');
            await tested.ask('mark', { account: dave, id, mark: 'favourite', on: true });
          },
          follow: async () => {
            await tested.ask('follow', { account: dave, target: carol, boosts: true });
          },
        };
        let cursor = witness;
        let session = 2;
        await tested.attach(carol, session, cursor);
        const received: string[] = [];
        for (const { posts, read, whileAway } of steps) {
          for (const act of posts) await acts[act]();
          await tested.quiet();
          // The client reads some frames and drops; what it has not read is gone.
          for (const item of tested.gateway.itemsOf(session).slice(0, read)) {
            received.push(keyOfItem(item));
            if (item.kind !== 'resync') cursor = item.cursor;
          }
          await tested.ask('detach', { account: carol, session });
          for (const act of whileAway) await acts[act]();
          session++;
          await tested.attach(carol, session, cursor);
        }
        await tested.quiet();
        for (const item of tested.gateway.itemsOf(session)) received.push(keyOfItem(item));

        expect(new Set(received).size).toBe(received.length);
        // Whatever was deleted before it could be sent again is not sent; its deletion is. All else the witness saw, in its order.
        const seen = tested.gateway.itemsOf(1).map(keyOfItem);
        const deleted = new Set(
          seen.filter((key) => key.startsWith('deleted')).map((key) => key.slice('deleted '.length)),
        );
        const withoutDeleted = (keys: string[]) =>
          keys.filter((key) => !(key.startsWith('update') && deleted.has(key.slice('update '.length))));
        const shown = withoutDeleted(seen).filter(
          (key) => !key.startsWith('notified') || received.includes(key),
        );
        expect(withoutDeleted(received)).toEqual(shown);
      } finally {
        await tested.close();
      }
    }),
    { numRuns: 40 },
  );
});

function authored(author: Parameters<Awaited<ReturnType<typeof openTestCore>>['post']>[0]) {
  return {
    author,
    viewer: null,
    maxId: null,
    sinceId: null,
    minId: null,
    limit: 40,
    excludeReplies: false,
    excludeBoosts: false,
  };
}

test('a cursor that is too old, unreadable or from the future is answered with a resync', async () => {
  const tested = await openTestCore();
  const [ada] = await tested.accounts('ada');
  if (ada === undefined) throw new Error('ada');
  const past = '0'.repeat(24);
  const future = `f${'0'.repeat(23)}`;
  for (const [session, since] of [past, future, 'nonsense'].entries())
    await tested.attach(ada, session + 1, since);
  await tested.quiet();
  for (const session of [1, 2, 3])
    expect(tested.gateway.itemsOf(session).map(({ kind }) => kind)).toEqual(['resync']);
  await tested.close();
});

test('who missed more than the timeline holds is told to read anew', async () => {
  const tested = await openTestCore();
  const [ada, bob] = await tested.accounts('ada', 'bob');
  if (ada === undefined || bob === undefined) throw new Error('two');
  await tested.ask('follow', { account: bob, target: ada, boosts: true });
  const cursor = await tested.attach(bob, 1);
  await tested.ask('detach', { account: bob, session: 1 });
  await Promise.all(Array.from({ length: 801 }, (_, place) => tested.post(ada, `post ${place}`)));
  await tested.attach(bob, 2, cursor);
  await tested.quiet();
  expect(tested.gateway.itemsOf(2).map(({ kind }) => kind)).toEqual(['resync']);
  await tested.close();
});

test('notifications that were cleared or dismissed meanwhile are not pushed again by resuming', async () => {
  let nowMs = Date.now();
  const tested = await openTestCore({ now: () => nowMs });
  const [ada, bob] = await tested.accounts('ada', 'bob');
  if (ada === undefined || bob === undefined) throw new Error('two');
  const cursor = await tested.attach(ada, 1);
  const mention = async () => {
    nowMs += 1000;
    return await tested.post(bob, 'hi @ada', { mentions: [{ account: ada, handle: 'ada' }] });
  };
  await mention();
  await tested.quiet();
  nowMs += 1000;
  await tested.ask('clearNotifications', { account: ada });
  await mention();
  await mention();
  await tested.quiet();
  const [, dismissed, kept] = tested.gateway
    .itemsOf(1)
    .map((item) => (item.kind === 'notified' ? item.notification.id : ''));
  if (dismissed === undefined || kept === undefined) throw new Error('three notifications');
  await tested.ask('dismissNotification', { account: ada, id: dismissed });
  await tested.attach(ada, 2, cursor);
  await tested.quiet();
  expect(tested.gateway.itemsOf(2).map(keyOfItem)).toEqual([`notified ${kept}`]);
  await tested.close();
});
