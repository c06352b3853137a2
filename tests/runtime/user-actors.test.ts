// User actors on a product of a few lines: partitions that are lost, and actors that fail while something is on its way to them.
import { expect, test, vi } from 'vitest';
import type { AccountId } from '../../runtime/account-id.ts';
import type { Behaviours, Effect, Entry } from '../../runtime/behaviours.ts';
import { FanOut } from '../../runtime/fan-out.ts';
import type { Gathering } from '../../runtime/gathering.ts';
import { accountAt, keyOf } from '../../runtime/key.ts';
import { UserActors } from '../../runtime/user-actors.ts';
import { makeVersion, noVersion, type Version } from '../../runtime/version.ts';
import { noReader } from '../support/records.ts';
import { until } from '../support/until.ts';

interface State {
  /** Tickets begin anew with the state. */
  nextTicket: number;
}

type Message =
  | { kind: 'follow'; authors: AccountId[] }
  | { kind: 'gather' }
  | { kind: 'crash' }
  | { kind: 'nothing' };

const [ada, bob, cyd] = [1, 2, 3] as [AccountId, AccountId, AccountId];
const version = (ms: number): Version => makeVersion(ms, 0, 1);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function entry(author: AccountId, ms: number): Entry {
  return { key: keyOf(author, 's'), version: version(ms), value: 'post', before: null, live: true };
}

function opened(slice?: number) {
  /** What gatherings that were asked for are answered with. */
  const gatherings: ((statuses: string[]) => void)[] = [];
  const failures: ((error: Error) => void)[] = [];
  const crashes: unknown[] = [];
  const gathered: { account: AccountId; statuses: readonly string[] }[] = [];
  const interest: [AccountId, boolean][] = [];
  const user: Behaviours<State, Message, { version: Version }>['user'] = {
    stateFormat: 1,
    pack: (state) => state,
    migrate: (packed) => packed as State,
    intent: () => 'reads',
    load: () => ({ nextTicket: 1 }),
    receive(state, message, moment) {
      const effects: Effect<{ version: Version }>[] = [];
      if (message.kind === 'crash') throw new Error('as planned');
      if (message.kind === 'follow') effects.push({ kind: 'subscribe', authors: message.authors });
      if (message.kind === 'gather') {
        const recent = { authors: [], sinceMs: 0, most: 10 };
        effects.push({ kind: 'gather', ticket: state.nextTicket++, recent, ranges: [], withFacts: false });
      }
      if (message.kind === 'gathered') gathered.push({ account: ada, statuses: message.statuses });
      effects.push({ kind: 'reply', request: moment.request, outcome: { ok: true, value: {} } });
      return [state, effects];
    },
  };
  const behaviours = {
    user,
    route: ({ key, version }: Entry) => [{ kind: 'followers', author: accountAt(key), item: { version } }],
  } as unknown as Behaviours<State, Message, { version: Version }>;
  const actors = new UserActors<State, Message, { version: Version }>({
    behaviours: () => behaviours,
    facts: {
      reader: noReader,
      writing: noReader,
      refusal: () => null,
      submit: () => Promise.resolve(),
      gather: () =>
        new Promise<Gathering>((resolve, reject) => {
          failures.push(reject);
          gatherings.push((statuses) =>
            resolve({ statuses: statuses as Gathering['statuses'], found: [], failed: null, read: null }),
          );
        }),
    },
    now: () => 1,
    chance: () => 0.5,
    flush: () => {},
    fence: () => Promise.resolve(),
    sweep: () => {},
    crashed: (_account, error) => crashes.push(error),
    interest: (author, isWanted) => interest.push([author, isWanted]),
    start: noVersion,
    ...(slice === undefined ? {} : { slice }),
  });
  return { actors, gatherings, failures, gathered, interest, crashes };
}

test('a partition that is lost while a letter and an item wait for its actor does not hold up the watermark', async () => {
  const { actors } = opened();
  await actors.ask(ada, { kind: 'follow', authors: [bob] });
  const asked = actors.ask(ada, { kind: 'nothing' });
  actors.committed([entry(bob, 1000)]);
  expect(actors.isIdle).toBe(false);
  actors.forget((account) => account === ada);
  expect(await asked).toMatchObject({ ok: false, rejection: { code: 'unavailable' } });
  actors.reached(version(2000));
  expect(actors.isIdle).toBe(true);
  expect(actors.watermark).toBe(version(2000));
});

test('nor does one that is lost in the middle of a walk over its followers', async () => {
  const { actors } = opened(1);
  for (const account of [ada, cyd]) await actors.ask(account, { kind: 'follow', authors: [bob] });
  actors.committed([entry(bob, 1000)]);
  void actors.ask(cyd, { kind: 'nothing' });
  actors.forget((account) => account === cyd);
  await until(() => actors.isIdle);
  expect(actors.watermark).toBe(version(1000));
});

test('all actors of partitions that are lost are taken out of the fan-out together', async () => {
  const { actors, interest } = opened();
  await actors.ask(ada, { kind: 'follow', authors: [ada, bob] });
  await actors.ask(bob, { kind: 'follow', authors: [bob, cyd] });
  await actors.ask(cyd, { kind: 'follow', authors: [cyd] });
  interest.length = 0;
  const drop = vi.spyOn(FanOut.prototype, 'drop');
  actors.forget((account) => account !== cyd);
  expect(drop).toHaveBeenCalledTimes(1);
  drop.mockRestore();
  expect(interest).toEqual([
    [ada, false],
    [bob, false],
  ]);
  expect(actors.awake).toBe(1);
  expect(actors.subscriptions).toBe(1);
});

test('an actor that failed is not given what it gathered in its life before', async () => {
  const { actors, gatherings, gathered } = opened();
  await actors.ask(ada, { kind: 'gather' });
  await actors.ask(ada, { kind: 'crash' });
  await actors.ask(ada, { kind: 'gather' });
  const [early, late] = gatherings;
  early?.(['early']);
  for (let turns = 0; turns < 5; turns++) await turn();
  late?.(['late']);
  await until(() => gathered.length > 0);
  expect(gathered).toEqual([{ account: ada, statuses: ['late'] }]);
});

test('nor when the answer lay in its mailbox as it failed', async () => {
  const { actors, gatherings, gathered } = opened();
  await actors.ask(ada, { kind: 'gather' });
  const crashing = actors.ask(ada, { kind: 'crash' });
  gatherings[0]?.(['early']);
  await crashing;
  await actors.ask(ada, { kind: 'nothing' });
  await actors.ask(ada, { kind: 'nothing' });
  expect(gathered).toEqual([]);
});

test('a gathering of a life before that fails does no harm to the one of now', async () => {
  const { actors, failures, gatherings, gathered, crashes } = opened();
  await actors.ask(ada, { kind: 'gather' });
  await actors.ask(ada, { kind: 'crash' });
  await actors.ask(ada, { kind: 'gather' });
  failures[0]?.(new Error('too late'));
  gatherings[1]?.(['late']);
  await until(() => gathered.length > 0);
  expect(crashes).toEqual([new Error('as planned')]);
});
