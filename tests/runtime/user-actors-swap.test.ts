// User actors whose code changes, on a product of a few lines: when each goes over, and what is under way meanwhile.
import { expect, test } from 'vitest';
import type { AccountId } from '../../runtime/account-id.ts';
import type { Behaviours, Effect } from '../../runtime/behaviours.ts';
import type { Gathering } from '../../runtime/gathering.ts';
import { accountAt, keyOf } from '../../runtime/key.ts';
import { UserActors } from '../../runtime/user-actors.ts';
import { makeVersion, noVersion, type Version } from '../../runtime/version.ts';
import { noReader } from '../support/records.ts';
import { until } from '../support/until.ts';

interface State {
  madeBy: string[];
  tickets: number[];
}

interface Item {
  version: Version;
}

type Message = { kind: 'who' } | { kind: 'gather' } | { kind: 'write' } | { kind: 'follow' };
type Toy = Behaviours<State, Message, Item>;

const [ada, bob] = [1, 2] as [AccountId, AccountId];

/** Everything it answers says by whom the state was made, and that it handled the message. */
function toy(name: string, stateFormat: number, handled: string[], slowness = 0): Toy {
  const user: Toy['user'] = {
    stateFormat,
    pack: (state, format) => ({ ...state, format }),
    migrate(packed, format) {
      const { madeBy, tickets, format: written } = packed as State & { format: number };
      if (format !== written) throw new Error('another format than was asked for');
      if (format > stateFormat) throw new Error('a format of the future');
      if (madeBy.includes('stubborn')) throw new Error('never');
      for (const endMs = performance.now() + slowness; performance.now() < endMs; );
      return { madeBy: [...madeBy, name], tickets };
    },
    load: (account) => ({ madeBy: [account === bob ? 'stubborn' : name], tickets: [] }),
    intent: () => 'reads',
    receive(state, message, { request }) {
      handled.push(`${name}: ${message.kind}`);
      const reply: Effect<Item> = { kind: 'reply', request, outcome: { ok: true, value: [...state.madeBy] } };
      switch (message.kind) {
        case 'gather': {
          state.tickets.push(request);
          const recent = { authors: [], sinceMs: 0, most: 1 };
          return [state, [{ kind: 'gather', ticket: request, recent, ranges: [], withFacts: false }]];
        }
        case 'gathered': {
          const known = state.tickets.includes(message.ticket);
          const value = [...state.madeBy, known ? 'known' : 'unknown'];
          return [state, [{ kind: 'reply', request: message.ticket, outcome: { ok: true, value } }]];
        }
        case 'write':
          return [state, [{ kind: 'persist', writes: [], deletes: false, live: true }, reply]];
        case 'deliver':
          state.madeBy.push('delivered');
          return [state, []];
        case 'follow':
          return [state, [{ kind: 'subscribe', authors: [ada] }, reply]];
        default:
          return [state, [reply]];
      }
    },
  };
  const route: Toy['route'] = ({ key, version }) => [
    { kind: 'followers', author: accountAt(key), item: { version } },
  ];
  return { user, route } as unknown as Toy;
}

function opened() {
  const handled: string[] = [];
  const stayed: AccountId[] = [];
  const migrated: number[] = [];
  const done: (() => void)[] = [];
  const gathered: (() => void)[] = [];
  let current = toy('first', 1, handled);
  const actors = new UserActors<State, Message, Item>({
    behaviours: () => current,
    codeName: 'first',
    facts: {
      reader: noReader,
      writing: noReader,
      refusal: () => null,
      submit: () => new Promise((resolve) => done.push(resolve)),
      gather: () =>
        new Promise<Gathering>((resolve) => {
          gathered.push(() => resolve({ statuses: [], found: [], failed: null, read: null }));
        }),
    },
    now: () => 1,
    chance: () => 0.5,
    flush: () => {},
    fence: () => Promise.resolve(),
    sweep: () => {},
    crashed(_, error) {
      throw error;
    },
    migrated: (tookMs) => migrated.push(tookMs),
    stayed: (account) => stayed.push(account),
    start: noVersion,
  });
  /** `slowness`: ms that each migration takes. */
  const swap = (name: string, stateFormat: number, slowness = 0): void => {
    current = toy(name, stateFormat, handled, slowness);
    actors.swapped(name);
  };
  const ask = async (account: AccountId, kind: Message['kind']): Promise<unknown> => {
    const outcome = await actors.ask(account, { kind });
    return outcome.ok ? outcome.value : outcome.rejection;
  };
  return { actors, swap, ask, handled, stayed, migrated, done, gathered };
}

test('an actor goes over before its next message, even when that was sent before the swap', async () => {
  const { actors, swap, ask, handled } = opened();
  await ask(ada, 'who');
  const waiting = ask(ada, 'who');
  swap('second', 2);
  expect(await waiting).toEqual(['first', 'second']);
  expect(handled).toEqual(['first: who', 'second: who']);
  expect(actors.codes.codes).toEqual([{ name: 'second', actors: 1 }]);
});

test('an actor to which nothing comes goes over in the background', async () => {
  const { actors, swap, ask, handled, migrated } = opened();
  for (let account = 10; account < 3010; account++) await ask(account as AccountId, 'who');
  handled.length = 0;
  swap('second', 1);
  expect(actors.codes.pending).toBeGreaterThan(0);
  await until(() => actors.codes.pending === 0);
  expect(actors.codes.codes).toEqual([{ name: 'second', actors: 3000 }]);
  expect(migrated).toHaveLength(3000);
  expect(handled).toEqual([]);
});

test('a delivery is handled by the new code', async () => {
  const { actors, swap, ask, handled } = opened();
  await ask(ada, 'follow');
  swap('second', 1);
  const version = makeVersion(1000, 0, 1);
  actors.committed([{ key: keyOf(ada, 's'), version, value: 'post', before: null, live: true }]);
  expect(handled).toEqual(['first: follow', 'second: deliver']);
  expect(actors.watermark).toBe(version);
});

test('what was gathered for the old code is known to the new one, by its ticket', async () => {
  const { swap, ask, gathered } = opened();
  const asked = ask(ada, 'gather');
  await until(() => gathered.length === 1);
  swap('second', 2);
  gathered[0]?.();
  expect(await asked).toEqual(['first', 'second', 'known']);
});

test('what waits for the disk is answered across a swap', async () => {
  const { swap, ask, done } = opened();
  const asked = ask(ada, 'write');
  await until(() => done.length === 1);
  swap('second', 2);
  done[0]?.();
  expect(await asked).toEqual(['first']);
  expect(await ask(ada, 'who')).toEqual(['first', 'second']);
});

test('a state goes from one format to an older one and on to a newer one, each time as the older of both', async () => {
  const { swap, ask } = opened();
  await ask(ada, 'who');
  swap('third', 3);
  await ask(ada, 'who');
  swap('first again', 1);
  await ask(ada, 'who');
  swap('second', 2);
  expect(await ask(ada, 'who')).toEqual(['first', 'third', 'first again', 'second']);
});

test('an actor that can’t go over is tried once a swap, and handled by the code that it has', async () => {
  const { actors, swap, ask, handled, stayed } = opened();
  await ask(bob, 'who');
  await ask(ada, 'who');
  swap('second', 2);
  await ask(bob, 'who');
  await ask(bob, 'who');
  await until(() => actors.codes.pending === 0);
  expect(stayed).toEqual([bob]);
  expect(handled.slice(2)).toEqual(['first: who', 'first: who']);
  expect(actors.codes).toMatchObject({
    stayed: 1,
    codes: [
      { name: 'first', actors: 1 },
      { name: 'second', actors: 1 },
    ],
  });
  swap('third', 2);
  await ask(bob, 'who');
  expect(stayed).toEqual([bob, bob]);
  await until(() => actors.codes.pending === 0);
  expect(actors.codes.codes.map(({ name }) => name)).toEqual(['first', 'third']);
  actors.forget((account) => account === bob);
  expect(actors.codes).toMatchObject({ stayed: 0, pending: 0, codes: [{ name: 'third', actors: 1 }] });
});

test('a post to many who still have to go over is delivered over several turns, and to each before it is asked', async () => {
  const { actors, swap, ask, handled } = opened();
  const followers = Array.from({ length: 60 }, (_, n) => (100 + n) as AccountId);
  for (const account of followers) await ask(account, 'follow');
  handled.length = 0;
  swap('second', 1, 1);
  const version = makeVersion(1000, 0, 1);
  actors.committed([{ key: keyOf(ada, 's'), version, value: 'post', before: null, live: true }]);
  const inFirstTurn = handled.length;
  expect(inFirstTurn).toBeGreaterThan(0);
  expect(inFirstTurn).toBeLessThan(followers.length / 2);
  expect(actors.watermark).toBe(noVersion);
  const last = followers.at(-1) ?? ada;
  expect(await ask(last, 'who')).toEqual(['first', 'second', 'delivered']);
  await until(() => actors.isIdle);
  expect(actors.watermark).toBe(version);
  expect(handled.filter((what) => what === 'second: deliver')).toHaveLength(followers.length);
});
