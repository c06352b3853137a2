// What lives at other cores and is addressed to an account here: it comes although no lane brings it any more.
import { afterEach, expect, test } from 'vitest';
import { followFact } from '../../actors/facts.ts';
import type { CoreOptions } from '../../cluster/core-options.ts';
import { relayBit } from '../../cluster/peer-messages.ts';
import type { AccountId } from '../../runtime/account-id.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import { plainPost } from '../support/records.ts';
import { until } from '../support/until.ts';
import { openTogether, type Together } from './cores-together.ts';

/** Each lacks a quarter of everything. */
const nodes = [1, 2, 3, 4];
const guestsAt = 4;

let together: Together;

afterEach(() => together.close());

async function open(options: Partial<CoreOptions> = {}): Promise<void> {
  together = await openTogether(nodes, nodes, options);
  await together.ready();
}

function coreOf(node: number) {
  const core = together.cores.get(node)?.core;
  if (core?.cluster === undefined || core.cluster === null) throw new Error(`no core ${node}`);
  return { ...core, store: core.store, cluster: core.cluster };
}

function nodeOf(account: AccountId): number {
  const server = together.serverOf(account);
  return [...together.cores].find(([, core]) => core === server)?.[0] ?? 0;
}

/** One that one core has all of, and another one nothing. */
async function person({ at, notAt }: { at?: number; notAt: number }): Promise<AccountId> {
  for (let number = 0; ; number++) {
    const handle = `person${number}`;
    const account = accountIdOf(handle);
    if (at !== undefined && !coreOf(at).cluster.isHere(account)) continue;
    if (coreOf(notAt).cluster.isHere(account)) continue;
    await together.ask(account, 'signUp', { handle, password: 'long enough', displayName: '', ip: '::1' });
    return account;
  }
}

test('what was addressed to a core that was away for longer than the logs go back is asked of those who serve its home', async () => {
  const warnings: string[] = [];
  const log = { info() {}, error() {}, warn: (_fields: object, text: string) => void warnings.push(text) };
  await open({ log, limits: { logBytes: 500, trimEveryMs: 0 } });
  const anna = await person({ notAt: guestsAt });
  // What both own is scanned anew, with all that is addressed to it.
  const ben = await person({ at: guestsAt, notAt: nodeOf(anna) });
  together.away(guestsAt);
  await until(() => nodeOf(ben) !== 0);
  const before = coreOf(nodeOf(anna)).store.logs.own.head;
  await together.ask(anna, 'follow', { account: anna, target: ben, boosts: true });
  for (let number = 0; number < 40; number++) {
    const text = `${number} ${'word '.repeat(40)}`;
    await together.ask(anna, 'publish', { account: anna, text, ...plainPost, mentions: [], once: null });
  }
  await until(async () => {
    const { store } = coreOf(nodeOf(anna));
    await store.catchUpSearch(1000);
    await store.trimLog();
    // The follow itself stays as long as it is true, but nobody gets there any more.
    return store.logs.own.isTrimmedAfter(before);
  });
  expect(coreOf(guestsAt).store.reader.fact(followFact(anna, ben))).toBeNull();
  together.back(guestsAt);
  await until(() => warnings.some((text) => text.includes('does not go back far enough')));
  await until(() => coreOf(guestsAt).store.reader.fact(followFact(anna, ben)) !== null, {
    withinMs: 30_000,
  });
});

test('up to where nothing was passed over is on the disk, for each log of the others', async () => {
  await open();
  const anna = await person({ notAt: guestsAt });
  const origin = nodeOf(anna);
  const { store } = coreOf(origin);
  await together.ask(anna, 'publish', {
    account: anna,
    text: 'hello',
    ...plainPost,
    mentions: [],
    once: null,
  });
  const { incarnation } = store;
  const whole = (of: number) =>
    coreOf(guestsAt).store.positions.find(
      (one) => one.lane === 'whole' && one.origin === of && one.incarnation === incarnation,
    )?.seq ?? 0;
  await until(() => whole(origin) >= store.logs.own.committed && store.logs.own.committed > 0);
  await until(() => whole(origin + relayBit) >= store.logs.relay.committed);
  // And where a lane stands that has brought nothing.
  const lanes = coreOf(guestsAt)
    .store.positions.filter((one) => one.origin === origin && one.incarnation === incarnation)
    .map(({ lane }) => lane);
  expect(lanes.sort()).toEqual(['committed', 'replica', 'whole']);
});
