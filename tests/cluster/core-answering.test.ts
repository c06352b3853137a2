// Answers of a core whose fellow owners live and cannot store: in time, and with the reason.
import { afterEach, expect, test, vi } from 'vitest';
import type { Ask, RequestKind } from '../../actors/messages.ts';
import type { AccountId } from '../../runtime/account-id.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import { type TestCore, wholePage } from '../support/core.ts';
import { plainPost } from '../support/records.ts';
import { until } from '../support/until.ts';
import { openTogether, type Together } from './cores-together.ts';

let together: Together;

afterEach(async () => {
  vi.useRealTimers();
  await together.close();
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Takes in nothing more of what others write, as on a full disk, and goes on in all else. Gives back what mends it. */
function fill({ core: { store } }: TestCore): () => void {
  const rejection = { code: 'read-only', message: 'The disk is nearly full' } as const;
  const adopt = store.adopt.bind(store);
  const spy = vi
    .spyOn(store, 'adopt')
    .mockImplementation((adoption) =>
      adoption.copies.some(({ packed }) => packed !== null) ? { ok: false, rejection } : adopt(adoption),
    );
  return () => void spy.mockRestore();
}

/** One that serves an account, and two that cannot store what it writes. Waits take as long as the test lets pass. */
async function withFullDisks() {
  together = await openTogether([1, 2, 3]);
  await together.ready();
  const anna = accountIdOf('anna');
  await together.ask(anna, 'signUp', { handle: 'anna', password: 'long enough', displayName: '', ip: '::1' });
  const server = together.serverOf(anna);
  const mends = [...together.cores.values()].filter((core) => core !== server).map(fill);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  return { anna, server, mends };
}

function postOf(account: AccountId): Ask<'publish'> {
  return { account, text: 'hello', ...plainPost, mentions: [], once: 'key of the client' };
}

/** What is answered, once it is. */
function asking<K extends RequestKind>({ core }: TestCore, kind: K, ask: Ask<K>) {
  const asked: { answer: unknown } = { answer: null };
  void Promise.resolve(core.handle(kind, ask, null, null)).then(({ outcome }) => {
    asked.answer = outcome;
  });
  return asked;
}

const tooFew = (text: string) => ({
  ok: false,
  rejection: { code: 'unavailable', message: expect.stringContaining(text) },
});

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  for (let turns = 0; turns < 20; turns++) await turn();
}

test('a write that its owners cannot store is answered as unknown, with the reason, after five seconds', async () => {
  const { anna, server, mends } = await withFullDisks();
  const asked = asking(server, 'publish', postOf(anna));
  while (server.core.cluster?.replica.stored.isWaiting !== true) await turn();
  await pass(4900);
  expect(asked.answer).toBeNull();
  await pass(100);
  expect(asked.answer).toEqual(tooFew('Whether the request was done is not known'));
  // They live: it serves on, and what it has written is there when they can store it.
  expect(server.core.cluster?.report().serving).toBeGreaterThan(0);
  for (const mend of mends) mend();
  while (server.core.cluster?.replica.stored.isWaiting === true) await pass(50);
  vi.useRealTimers();
  const { id } = await together.ask(anna, 'publish', postOf(anna));
  await until(() =>
    [...together.cores.values()].every(({ core }) => {
      const ids = core.store.newestOf({ authors: [anna], sinceMs: 0, most: 9 });
      return ids.length === 1 && ids[0] === id;
    }),
  );
});

test('so is a request that no actor answers, and its reason is the same', async () => {
  const { anna, server } = await withFullDisks();
  expect(together.serverOf(anna)).toBe(server);
  const asked = asking(server, 'issueToken', { handle: 'anna', scopes: 'read' });
  while (server.core.cluster?.replica.stored.isWaiting !== true) await turn();
  await pass(5000);
  expect(asked.answer).toEqual(tooFew('Whether the request was done is not known'));
});

test('what too few have nobody is shown, and who reads is told so after five seconds', async () => {
  const { anna, server } = await withFullDisks();
  const written = asking(server, 'publish', postOf(anna));
  while (server.core.cluster?.replica.stored.isWaiting !== true) await turn();
  await pass(1000);
  const of = { author: anna, viewer: null, ...wholePage, excludeReplies: false, excludeBoosts: false };
  const read = asking(server, 'authorStatuses', of);
  await pass(4000);
  expect(written.answer).not.toBeNull();
  expect(read.answer).toBeNull();
  await pass(1000);
  expect(read.answer).toEqual(tooFew('Try again soon'));
});
