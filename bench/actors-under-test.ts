// The actor system as `actors` drives it: the runtime with a behaviour that only counts, and with the product's user. The only file
// of bench/ that knows how actors are run.
import { behaviours as product } from '../actors/behaviours.ts';
import { accountFact, factKind, followFact, followRecord } from '../actors/facts.ts';
import { type AccountId, isAccountId } from '../runtime/account-id.ts';
import type { Behaviours, FoundFact, Reader } from '../runtime/behaviours.ts';
import { accountAt, kindOf } from '../runtime/key.ts';
import { makeStatusId } from '../runtime/status-id.ts';
import { UserActors } from '../runtime/user-actors.ts';
import type { Facts } from '../runtime/user-actors-options.ts';
import { makeVersion } from '../runtime/version.ts';

export interface Counting {
  /** A message without an answer. */
  tell(actor: number): void;
  /** A request, with its answer. */
  ask(actor: number): Promise<unknown>;
  /** Messages handled so far. */
  readonly handled: number;
}

const version = makeVersion(1_700_000_000_000, 0, 0);
const noReader: Reader = {
  fact: () => null,
  view: () => undefined,
  facts: () => [],
  views: () => [],
  recent: () => [],
  find: () => [],
};
const noFacts: Facts = {
  reader: noReader,
  writing: noReader,
  refusal: () => null,
  submit: () => Promise.resolve(),
  gather: () => ({ statuses: [], found: [], failed: null, read: null }),
};

function accountOf(actor: number): AccountId {
  const id = (actor + 1) * 4_000_037;
  if (!isAccountId(id)) throw new RangeError('too many actors');
  return id;
}

type Count = { kind: 'count' };

/** `actors` awake actors whose state is a number. */
export async function openCounting(actors: number): Promise<Counting> {
  let handled = 0;
  const behaviours: Behaviours<number, Count, never> = {
    user: {
      stateFormat: 1,
      pack: (state) => state,
      migrate: Number,
      load: () => 0,
      intent: () => 'reads',
      receive(state, _message, moment) {
        handled++;
        if (moment.request === 0) return [state + 1, []];
        return [state + 1, [{ kind: 'reply', request: moment.request, outcome: { ok: true, value: state } }]];
      },
    },
    derive: () => [],
    addressed: () => [],
    mergeViews: (_key, [first]) => first,
    isOnce: () => false,
    doubled: () => null,
    withdraw: () => [],
    viewsFormat: 1,
    factsFormat: 1,
    seamFormat: 1,
    tryOut: () => ({ kind: 'fit', oneWay: null }),
    route: () => [],
    touched: () => ({ statuses: [], accounts: [] }),
    listed: () => null,
    statusKey: (id) => id,
    words: () => [],
    queries: {},
  };
  const running = run(behaviours, noFacts);
  const ask = (actor: number) => running.ask(accountOf(actor), { kind: 'count' });
  for (let actor = 0; actor < actors; actor++) await ask(actor);
  return {
    tell: (actor) => running.tell(accountOf(actor), { kind: 'count' }),
    ask,
    get handled() {
      return handled;
    },
  };
}

/** `users` awake users of the product, each with a built timeline of `ids` and `followees`. Keep the result: it holds them. */
export async function openUsers(options: { users: number; ids: number; followees: number }): Promise<object> {
  const newest = Array.from({ length: 10_000 }, (_, place) => ({ place, author: place % options.users }));
  const follow = followRecord.encode({ createdMs: 1, boosts: true, quiet: true });
  const facts = (account: AccountId, kind: string): FoundFact[] => {
    if (kind !== factKind.follow) return [];
    // Any followees do, as long as they differ from user to user.
    return Array.from({ length: options.followees }, (_, place) => ({
      key: followFact(account, accountOf((account % 977) * 7 + place * 13)),
      version,
      value: follow,
    }));
  };
  const reader: Reader = {
    ...noReader,
    fact: (key) => (key === accountFact(accountAt(key)) ? { version, value: [] } : null),
    facts: (range) => facts(accountAt(range.from), kindOf(range.from)),
  };
  const running = run(product, {
    ...noFacts,
    reader,
    writing: reader,
    gather({ recent: { authors } }) {
      const list = [...authors];
      const statuses = newest
        .slice(0, options.ids)
        .map(({ place }) =>
          makeStatusId(
            1_700_000_000_000 - place * 1000,
            list[place % list.length] ?? list[0] ?? accountOf(0),
            0,
          ),
        );
      return { statuses, found: [], failed: null, read: null };
    },
  });
  for (let user = 0; user < options.users; user++) {
    const account = accountOf(user);
    const answer = await running.ask(account, {
      kind: 'home',
      account,
      maxId: null,
      sinceId: null,
      minId: null,
      limit: 40,
    });
    if (!answer.ok) throw new Error(`a home was refused: ${answer.rejection.message}`);
  }
  if (running.awake !== options.users)
    throw new Error(`${running.awake} users are awake, not ${options.users}`);
  if (running.subscriptions < options.users * options.followees)
    throw new Error('users are not subscribed to their followees');
  return running;
}

function run<State, Message extends { kind: string }, Item>(
  behaviours: Behaviours<State, Message, Item>,
  facts: Facts,
): UserActors<State, Message, Item> {
  return new UserActors({
    behaviours: () => behaviours,
    facts,
    now: Date.now,
    chance: Math.random,
    flush: () => {},
    fence: () => Promise.resolve(),
    sweep: () => {},
    crashed(_account, error) {
      throw error;
    },
    start: version,
  });
}
