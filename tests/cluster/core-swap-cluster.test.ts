// Behaviours change in one core of a cluster after the other, in the flow of posts: cores of both kinds live together.
import { afterEach, beforeAll, expect, test } from 'vitest';
import { loadBehaviours } from '../../cluster/core-behaviours.ts';
import type { AccountId } from '../../runtime/account-id.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import type { StatusId } from '../../runtime/status-id.ts';
import { wholePage } from '../support/core.ts';
import { plainPost } from '../support/records.ts';
import { accepted, isOdd, openSwapping, type Swapping } from '../support/swapping.ts';
import { until } from '../support/until.ts';
import { openTogether, type Together } from './cores-together.ts';

let swapping: Swapping;
let together: Together;

beforeAll(async () => {
  swapping = await openSwapping();
  return () => swapping.variants.close();
});

afterEach(() => together.close());

/** Whose account that core serves, with an odd id (1) or an even one (0). */
function handleAt(node: number, parity: 0 | 1): string {
  for (let n = 0; ; n++) {
    const account = accountIdOf(`user${n}`);
    if (account % 2 === parity && together.serverOf(account) === together.cores.get(node)) return `user${n}`;
  }
}

test('no post is lost, and in the end the new rule holds everywhere', async () => {
  together = await openTogether([1, 2, 3], [1, 2, 3], { product: await loadBehaviours(swapping.plain) });
  await together.ready();
  const signUp = async (handle: string): Promise<AccountId> => {
    const account = accountIdOf(handle);
    await together.ask(account, 'signUp', { handle, password: 'long enough', displayName: '', ip: '::1' });
    return account;
  };
  const authors: AccountId[] = [];
  for (const node of [1, 2, 3])
    authors.push(await signUp(handleAt(node, 0)), await signUp(handleAt(node, 1)));
  const readers: AccountId[] = [];
  for (const node of [1, 2, 3]) {
    const account = await signUp(`reader_of_${node}`);
    for (const target of authors) await together.ask(account, 'follow', { account, target, boosts: true });
    await together.ask(account, 'home', { account, ...wholePage });
    readers.push(account);
  }
  const posted: StatusId[] = [];
  const round = async (): Promise<void> => {
    for (const account of authors) {
      const text = `post ${posted.length}`;
      const asked = { account, text, ...plainPost, mentions: [], once: null };
      posted.push((await together.ask(account, 'publish', asked)).id);
    }
  };
  await round();
  for (const { core } of together.cores.values()) {
    const swap = core.swap(swapping.evenOnly);
    await round();
    accepted(await swap);
    await round();
  }
  const afterAllSwaps = posted.length;
  await round();
  const even = posted.filter((id) => !isOdd(id)).sort();
  for (const account of readers) {
    const shown = await until(async () => {
      const { ids } = await together.ask(account, 'home', { account, ...wholePage, limit: 80 });
      return even.every((id) => ids.includes(id)) ? ids : null;
    });
    expect(shown.filter((id) => !isOdd(id)).sort()).toEqual(even);
    expect(shown.filter((id) => posted.indexOf(id) >= afterAllSwaps && isOdd(id))).toEqual([]);
    // The first round was by the old rule.
    expect(shown).toEqual(expect.arrayContaining(posted.slice(0, authors.length)));
  }
});
