// Cores that share their data: what one has acknowledged the others have, and go on with.
import { afterEach, describe, expect, test } from 'vitest';
import { accountIdOf } from '../../runtime/handle.ts';
import { wholePage } from '../support/core.ts';
import { until } from '../support/until.ts';
import { openTogether, type Together } from './cores-together.ts';

let together: Together;
afterEach(() => together.close());

const publishing = {
  visibility: 'public',
  sensitive: false,
  spoiler: '',
  language: null,
  replyTo: null,
  mentions: [],
  app: null,
  once: null,
} as const;

async function people(...handles: string[]) {
  const accounts = handles.map(accountIdOf);
  for (const [place, handle] of handles.entries()) {
    const account = accounts[place];
    if (account === undefined) continue;
    await together.ask(account, 'signUp', { handle, password: 'long enough', displayName: '', ip: '::1' });
  }
  return accounts as [ReturnType<typeof accountIdOf>, ReturnType<typeof accountIdOf>];
}

describe('three cores', () => {
  test('a post is on two disks before its answer, and in the home of a follower at another core', async () => {
    together = await openTogether([1, 2, 3]);
    await together.ready();
    const [anna, ben] = await people('anna', 'ben');
    await together.ask(ben, 'follow', { account: ben, target: anna, boosts: true });
    const { id } = await together.ask(anna, 'publish', {
      account: anna,
      text: 'hello',
      ...publishing,
      mentions: [],
    });
    await until(async () => {
      const { ids } = await together.ask(ben, 'home', { account: ben, ...wholePage });
      return ids.includes(id);
    });
  });

  test('with the server gone another owner answers, and nothing acknowledged is missing', async () => {
    together = await openTogether([1, 2, 3]);
    await together.ready();
    const [anna, ben] = await people('anna', 'ben');
    await together.ask(ben, 'follow', { account: ben, target: anna, boosts: true });
    const { id } = await together.ask(anna, 'publish', {
      account: anna,
      text: 'before',
      ...publishing,
      mentions: [],
    });
    const server = together.serverOf(anna);
    const node = [...together.cores].find(([, core]) => core === server)?.[0] ?? 0;
    together.away(node);
    const { id: next } = await together.ask(anna, 'publish', {
      account: anna,
      text: 'after',
      ...publishing,
      mentions: [],
    });
    const page = await together.ask(anna, 'home', { account: anna, ...wholePage });
    expect(page.ids).toEqual([next, id]);
    together.back(node);
    await until(() => together.cores.get(node)?.core.cluster?.replica.scans.missing().length === 0);
    const again = await together.ask(anna, 'home', { account: anna, ...wholePage });
    expect(again.ids).toEqual([next, id]);
  });
});
