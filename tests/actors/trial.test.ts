// The trial of other behaviours: the product fits itself, and each thing that is wrong with another is found and named.
import { expect, test } from 'vitest';
import { behaviours } from '../../actors/behaviours.ts';
import { samples } from '../../actors/samples.ts';
import type { UserState } from '../../actors/user-state.ts';
import type { RealSamples, Verdict } from '../../runtime/behaviours.ts';

type Product = typeof behaviours;

const nothingReal: RealSamples = { states: () => [], facts: [] };

function tried(other: Partial<Product> | unknown, real: RealSamples = nothingReal): Verdict {
  const isPart = typeof other === 'object' && other !== null;
  return behaviours.tryOut(() => (isPart ? { ...behaviours, ...other } : other), real);
}

function withUser(user: Partial<Product['user']>): Partial<Product> {
  return { user: { ...behaviours.user, ...user } };
}

const { receive, migrate, pack } = behaviours.user;

test('the product fits itself, with states of actors and facts that are there', () => {
  const real: RealSamples = {
    states: () => samples.states().map((state) => pack(state, behaviours.user.stateFormat)),
    facts: samples
      .facts()
      .filter(({ value }) => value !== null)
      .map(({ key, value }) => ({ key, value, version: '\0'.repeat(12) as never })),
  };
  expect(real.facts.length).toBeGreaterThan(20);
  expect(tried({}, real)).toEqual({ kind: 'fit', oneWay: null });
});

test('a packed state is plain data, and a copy of it makes the same state', () => {
  for (const state of samples.states()) {
    const packed = structuredClone(pack(state, behaviours.user.stateFormat));
    const again = migrate(packed, behaviours.user.stateFormat);
    expect(pack(again, behaviours.user.stateFormat)).toEqual(pack(state, behaviours.user.stateFormat));
    expect([...again.followees]).toEqual([...state.followees]);
    expect(again.timeline.page({ maxId: null, sinceId: null, minId: null, limit: 800 })).toEqual(
      state.timeline.page({ maxId: null, sinceId: null, minId: null, limit: 800 }),
    );
    for (const session of again.catching.values()) expect(again.sessions).toContain(session);
  }
});

test('no sample is a twin of itself: they are made anew with each call', () => {
  expect(samples.states()[1]?.sessions).not.toBe(samples.states()[1]?.sessions);
});

const unfit: [what: string, other: unknown, says: RegExp][] = [
  ['nothing', null, /no behaviours/],
  ['an actor without a migration', { user: { ...behaviours.user, migrate: undefined } }, /no behaviours/],
  [
    'a migration that changes what it is given',
    withUser({
      migrate(packed, format) {
        (packed as UserState).sessions.push({ number: 1, held: null, since: null, caught: null });
        return migrate(packed, format);
      },
    }),
    /it changes the made-up state 0 that it takes over/,
  ],
  [
    'a packed state that keeps the code alive',
    withUser({ pack: (state, format) => ({ ...(pack(state, format) as object), later: () => state }) }),
    /more than data, at \.later/,
  ],
  [
    'a packed state with an object of a class',
    withUser({ pack: (state, format) => ({ ...(pack(state, format) as object), list: state.timeline }) }),
    /more than data, at \.list/,
  ],
  [
    'no list of effects',
    withUser({ receive: (state) => [state, null as never] }),
    /it fails on attach, with .*: TypeError: effects is null instead of a list|a object/,
  ],
  [
    'an effect that nobody knows',
    withUser({ receive: (state) => [state, [{ kind: 'explode' } as never]] }),
    /there is no effect explode/,
  ],
  [
    'an item that nobody knows',
    withUser({
      receive: (state) => [
        state,
        [{ kind: 'push', sessions: [1], item: { kind: 'surprise', version: '' } as never }],
      ],
    }),
    /there is no item surprise/,
  ],
  [
    'an answer that is not as declared',
    withUser({
      receive(state, message, moment, read) {
        const [after, effects] = receive(state, message, moment, read);
        for (const effect of effects)
          if (message.kind === 'home' && effect.kind === 'reply') effect.outcome = { ok: true, value: {} };
        return [after, effects];
      },
    }),
    /it fails on home, with/,
  ],
  ['an intent that nobody knows', withUser({ intent: () => 'breaks' as never }), /its intent is breaks/],
  [
    'a message that throws',
    withUser({
      receive(state, message, moment, read) {
        if (message.kind === 'retire') throw new RangeError('no retirement');
        return receive(state, message, moment, read);
      },
    }),
    /it fails on retire, with .*: RangeError: no retirement/,
  ],
  ['a read that is gone', { queries: { ...behaviours.queries, accounts: undefined } }, /to answer accounts/],
  [
    'a read that answers otherwise',
    { queries: { ...behaviours.queries, accounts: () => ({ ok: true, value: { rows: [{}] } }) } },
    /to answer accounts/,
  ],
  ['routes of another form', { route: () => [{ kind: 'everybody' }] }, /there is no route everybody/],
  ['a touch of another form', { touched: () => ({}) }, /fails to tell what is touched/],
];

test.each(unfit)('refuses %s', (_, other, says) => {
  expect(tried(other)).toEqual({ kind: 'unfit', reason: expect.stringMatching(says) });
});

const stored: [what: string, other: Partial<Product>, says: RegExp][] = [
  ['other views', { derive: () => [] }, /the views of a fact of kind/],
  ['other words', { words: () => [] }, /the words of a fact of kind/],
  ['other addressees', { addressed: () => [] }, /the accounts addressed of a fact of kind/],
  ['other lists', { listed: () => null }, /the listed id of a fact of kind s/],
  ['other views taken back', { withdraw: () => [] }, /the views taken back of a fact of kind/],
  ['other keys', { statusKey: (id) => id }, /the key of a fact of kind s/],
  ['other sums', { mergeViews: (_, [value]) => value }, /the merged views/],
  ['another seam', { seamFormat: behaviours.seamFormat + 1 }, /seamFormat/],
];

test.each(stored)('sends %s the programs’ way', (_, other, says) => {
  const verdict = tried(other);
  expect(verdict).toEqual({ kind: 'programs', reason: expect.stringMatching(says) });
  expect(verdict).toMatchObject({ reason: expect.stringContaining('programs’ way') });
});

test('a state of the newer format that can’t be packed for the older one has no way back', () => {
  const other = withUser({
    stateFormat: behaviours.user.stateFormat + 1,
    pack(state, format) {
      if (format === behaviours.user.stateFormat) throw new Error('it knows no older one');
      return pack(state, behaviours.user.stateFormat);
    },
    migrate: (packed) => migrate(packed, behaviours.user.stateFormat),
  });
  expect(tried(other)).toEqual({
    kind: 'fit',
    oneWay: expect.stringContaining('it knows no older one'),
  });
});
