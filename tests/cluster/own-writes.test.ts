// What somebody has written is in what they read next, also where it can't be announced yet: with real cores.
import { afterEach, expect, test } from 'vitest';
import { type AccountId, partitionOf } from '../../runtime/account-id.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import { plainPost } from '../support/records.ts';
import { openTogether, ringOf, type Together } from './cores-together.ts';

let together: Together;

afterEach(() => together.close());

const nodes = [1, 2, 3, 4, 5];

/** The first that fits. */
async function person(name: string, fits: (owners: readonly number[]) => boolean): Promise<AccountId> {
  for (let number = 0; ; number++) {
    const handle = `${name}${number}`;
    const account = accountIdOf(handle);
    if (!fits(ownersOf(account))) continue;
    await together.ask(account, 'signUp', { handle, password: 'long enough', displayName: '', ip: '::1' });
    return account;
  }
}

function ownersOf(account: AccountId): readonly number[] {
  return ringOf(nodes, null).placement(partitionOf(account)).owners;
}

test('a post is in its author’s home though the home was first read while it was written, and others hold up its announcement', async () => {
  together = await openTogether(nodes);
  await together.ready();
  const anna = await person('anna', () => true);
  const [server = 0, ...hers] = ownersOf(anna);
  const ben = await person(
    'ben',
    ([first, ...his]) => first === server && !his.some((node) => hers.includes(node)),
  );
  for (const node of ownersOf(ben)) if (node !== server) together.away(node);
  const core = together.serverOf(anna);
  // Too few have his, and hers is behind it in the log.
  const heldUp = core.refused('publish', {
    account: ben,
    text: 'one',
    ...plainPost,
    mentions: [],
    once: null,
  });
  const [id] = await Promise.all([core.post(anna, 'two'), core.home(anna)]);
  expect(await core.home(anna)).toEqual([id]);
  expect((await heldUp).code).toBe('unavailable');
});
