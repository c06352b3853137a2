// Cores that share their data: what one has acknowledged the others have, and go on with.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { accountFact, factKind } from '../../actors/facts.ts';
import { type Answer, type Ask, relationBit } from '../../actors/messages.ts';
import { type AccountId, partitionOf } from '../../runtime/account-id.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import { afterPrefix, keyOf } from '../../runtime/key.ts';
import type { Need } from '../../runtime/reading.ts';
import { descending, type StatusId } from '../../runtime/status-id.ts';
import { type TestGateway, testGateway, wholePage } from '../support/core.ts';
import { plainPost } from '../support/records.ts';
import { until } from '../support/until.ts';
import { openTogether, ringOf, type Together } from './cores-together.ts';

let together: Together;

let made = 0;

async function people(...handles: string[]) {
  made += handles.length;
  const accounts = handles.map(accountIdOf);
  for (const [place, handle] of handles.entries()) {
    const account = accounts[place];
    if (account === undefined) continue;
    await together.ask(account, 'signUp', { handle, password: 'long enough', displayName: '', ip: '::1' });
  }
  return accounts as [ReturnType<typeof accountIdOf>, ReturnType<typeof accountIdOf>];
}

function nodeOf(account: AccountId): number {
  const server = together.serverOf(account);
  return [...together.cores].find(([, core]) => core === server)?.[0] ?? 0;
}

async function post(
  account: AccountId,
  text: string,
  fields: Partial<Ask<'publish'>> = {},
): Promise<StatusId> {
  const asked = { account, text, ...plainPost, mentions: [], once: null, ...fields };
  return (await together.ask(account, 'publish', asked)).id;
}

describe('three cores', () => {
  afterEach(() => together.close());

  test('a post is on two disks before its answer, and in the home of a follower at another core', async () => {
    together = await openTogether([1, 2, 3]);
    await together.ready();
    const [anna, ben] = await people('anna', 'ben');
    await together.ask(ben, 'follow', { account: ben, target: anna, boosts: true });
    const id = await post(anna, 'hello');
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
    const id = await post(anna, 'before');
    const server = together.serverOf(anna);
    const node = [...together.cores].find(([, core]) => core === server)?.[0] ?? 0;
    together.away(node);
    const next = await post(anna, 'after');
    const page = await together.ask(anna, 'home', { account: anna, ...wholePage });
    expect(page.ids).toEqual([next, id]);
    together.back(node);
    await until(() => together.cores.get(node)?.core.cluster?.replica.scans.missing().length === 0);
    const again = await together.ask(anna, 'home', { account: anna, ...wholePage });
    expect(again.ids).toEqual([next, id]);
  });

  test('asked twice with one key, of a server that was cut off and of the next one, there is one post in the end', async () => {
    together = await openTogether([1, 2, 3]);
    await together.ready();
    const [anna] = await people('anna');
    const asked = { account: anna, text: 'once', ...plainPost, mentions: [], once: 'key of the client' };
    const first = together.serverOf(anna);
    const node = nodeOf(anna);
    together.away(node);
    // It does not know yet that it is alone.
    const { outcome } = await first.core.handle('publish', { ...asked }, first.gateway, null);
    expect(outcome.ok).toBe(false);
    const { id } = await together.ask(anna, 'publish', asked);
    const posted = async () => {
      const of = { author: anna, viewer: null, ...wholePage, excludeReplies: false, excludeBoosts: false };
      return (await together.ask(anna, 'authorStatuses', of)).ids;
    };
    expect(await posted()).toEqual([id]);
    expect(first.core.store.newestOf({ authors: [anna], sinceMs: 0, most: 10 })).toHaveLength(1);
    together.back(node);
    await until(() =>
      [...together.cores.values()].every(({ core }) => {
        const ids = core.store.newestOf({ authors: [anna], sinceMs: 0, most: 10 });
        return ids.length === 1 && ids[0] === id;
      }),
    );
    expect(await posted()).toEqual([id]);
  });

  test('a write that is on its way to the other disks when its server hands over is answered all the same', async () => {
    together = await openTogether([1, 2, 3]);
    await together.ready();
    const [anna] = await people('anna');
    const server = together.serverOf(anna);
    const { cluster } = server.core;
    const asked = { account: anna, text: 'on its way', ...plainPost, mentions: [], once: null };
    const answer = server.core.handle('publish', asked, server.gateway, null);
    while (cluster?.replica.stored.isWaiting !== true) await new Promise((resolve) => setImmediate(resolve));
    cluster?.replica.close();
    expect((await answer).outcome.ok).toBe(true);
    expect(cluster?.isOpen(partitionOf(anna))).toBe(false);
  });

  test('a core with a new disk stops nobody, and gets everything again', async () => {
    together = await openTogether([1, 2, 3]);
    await together.ready();
    const [anna] = await people('anna');
    const ids = [await post(anna, 'one'), await post(anna, 'two')];
    // Whose log the others follow, and now in a life that they do not know.
    const node = nodeOf(anna);
    await together.wipe(node);
    ids.push(await post(anna, 'three'));
    const wiped = together.cores.get(node)?.core;
    await until(() => wiped?.cluster?.replica.scans.missing().length === 0);
    await until(() => wiped?.store.newestOf({ authors: [anna], sinceMs: 0, most: 9 }).length === ids.length);
    await together.ready();
    expect((await together.ask(anna, 'home', { account: anna, ...wholePage })).ids).toEqual(ids.toReversed());
  });

  test('a core that was away for longer than the others keep their logs scans, and has everything', async () => {
    const warnings: string[] = [];
    const log = { info() {}, error() {}, warn: (_fields: object, text: string) => void warnings.push(text) };
    together = await openTogether([1, 2, 3], [1, 2, 3], { log, limits: { logBytes: 500, trimEveryMs: 0 } });
    await together.ready();
    const [anna] = await people('anna');
    together.away(2);
    const heads = new Map(
      [1, 3].map((node) => [node, together.cores.get(node)?.core.store.logs.own.head ?? 0]),
    );
    const ids: StatusId[] = [];
    for (let number = 0; number < 40; number++) {
      const text = `${number} ${'word '.repeat(40)}`;
      ids.push(await post(anna, text));
    }
    // The search index reads the log, too: nothing goes before it has.
    await until(async () => {
      const { store } = together.serverOf(anna).core;
      await store.catchUpSearch(1000);
      await store.trimLog();
      return store.logs.own.isTrimmedAfter(heads.get(nodeOf(anna)) ?? 0);
    });
    together.back(2);
    const back = together.cores.get(2)?.core;
    await until(() => warnings.some((text) => text.includes('does not go back far enough')));
    await until(() => back?.cluster?.replica.scans.missing().length === 0, { withinMs: 30_000 });
    expect(back?.store.newestOf({ authors: [anna], sinceMs: 0, most: 100 })).toEqual(ids.toReversed());
    await together.ready();
  });
});

test('what a ring gives a core it takes in at once, though it is still busy with what the ring before gave it', async () => {
  together = await openTogether([1, 2, 3, 4], [1, 2, 3]);
  try {
    await together.ready();
    const accounts = await people(...Array.from({ length: 24 }, (_, number) => `person${number}`));
    const core = together.cores.get(4)?.core;
    if (core === undefined) throw new Error('no core 4');
    // Millions of facts may have to be looked at.
    core.store.partitions.gain = () => new Promise(() => {});
    core.store.partitions.drop = () => new Promise(() => {});
    const settled = () => core.cluster?.replica.scans.missing().length === 0;
    together.changeRing([1, 2, 3], [1, 2, 3, 4], 2);
    await until(settled);
    together.changeRing([1, 2, 3, 4], null, 3);
    together.changeRing([1, 2, 3, 4], [1, 2, 4], 4);
    await until(settled);
    const before = ringOf([1, 2, 3, 4], null);
    expect(accounts.some((account) => !before.holds(4, partitionOf(account)))).toBe(true);
    const lacking = accounts.filter((account) => core.store.reader.fact(accountFact(account)) === null);
    expect(lacking).toEqual([]);
  } finally {
    await together.close();
  }
});

test('what too few machines have stays in the log, however small that is to be', async () => {
  together = await openTogether([1, 2, 3], [1, 2, 3], { limits: { logBytes: 500, trimEveryMs: 0 } });
  try {
    await together.ready();
    const [anna] = await people('anna');
    await post(anna, 'all have it');
    const server = together.serverOf(anna);
    const { store, cluster } = server.core;
    const { own } = store.logs;
    for (const node of [1, 2, 3]) if (node !== nodeOf(anna)) together.away(node);
    const head = own.committed;
    const asked = { account: anna, text: 'word '.repeat(80), ...plainPost, mentions: [], once: null };
    const answers = Array.from({ length: 20 }, () =>
      server.core.handle('publish', { ...asked }, server.gateway, null),
    );
    await until(() => own.committed >= head + 20);
    await store.catchUpSearch(1000);
    // Until everything that may go has gone.
    await until(async () => {
      await store.trimLog();
      return own.trimmedUpTo >= head - 1;
    });
    await store.trimLog();
    expect(own.trimmedUpTo).toBeLessThanOrEqual(cluster?.replica.stored.upTo.own ?? 0);
    expect(own.committed).toBeGreaterThanOrEqual(own.trimmedUpTo + 20);
    for (const answer of answers) expect((await answer).outcome.ok).toBe(false);
  } finally {
    await together.close();
  }
});

/** Five cores, three owners a partition: each lacks two fifths of everything. */
describe('five cores', () => {
  beforeAll(async () => {
    made = 0;
    together = await openTogether([1, 2, 3, 4, 5]);
    await together.ready();
  });
  afterAll(() => together.close());

  /** An account that this core has nothing of, for as many names as are asked for. */
  function strangersTo(node: number, count: number, prefix: string): string[] {
    const cluster = together.cores.get(node)?.core.cluster;
    const handles: string[] = [];
    for (let number = 0; handles.length < count; number++) {
      const handle = `${prefix}${number}`;
      if (cluster?.isHere(accountIdOf(handle)) === false) handles.push(handle);
    }
    return handles;
  }

  let readers = 0;

  /** A reader, and authors of whom the reader's core has nothing. */
  async function readerAndAuthors(count: number): Promise<{ reader: AccountId; authors: AccountId[] }> {
    const name = `reader${++readers}`;
    const reader = accountIdOf(name);
    const handles = strangersTo(nodeOf(reader), count, `author${readers}x`);
    await people(name, ...handles);
    return { reader, authors: handles.map(accountIdOf) };
  }

  test('a home is built of authors that its core has nothing of, and grows as they post', async () => {
    const { reader, authors } = await readerAndAuthors(3);
    const [first, second, third] = authors as [AccountId, AccountId, AccountId];
    const before = [await post(first, 'one'), await post(second, 'two')];
    for (const target of authors)
      await together.ask(reader, 'follow', { account: reader, target, boosts: true });
    const built = await together.ask(reader, 'home', { account: reader, ...wholePage });
    // Each core has a clock of its own: across authors, ids tell no order.
    expect(new Set(built.ids)).toEqual(new Set(before));
    const later = await post(third, 'three');
    await until(async () => {
      const { ids } = await together.ask(reader, 'home', { account: reader, ...wholePage });
      return ids.includes(later) && ids.length === 3;
    });
  });

  test('a socket gets posts, boosts and deletes of authors that its core has nothing of, with their rows', async () => {
    const { reader, authors } = await readerAndAuthors(2);
    const [author, boosted] = authors as [AccountId, AccountId];
    await together.ask(reader, 'follow', { account: reader, target: author, boosts: true });
    const core = together.serverOf(reader);
    await core.attach(reader, 7);
    await together.ask(reader, 'home', { account: reader, ...wholePage });
    const of = await post(boosted, 'the original');
    const own = await post(author, 'my own words');
    await until(() => core.gateway.itemsOf(7).length === 1);
    const { id: boost } = await together.ask(author, 'boost', { account: author, of, visibility: 'public' });
    await together.ask(author, 'deleteStatus', { account: author, id: own });
    await until(() => core.gateway.itemsOf(7).length === 3);
    const [update, boosting, deleted] = core.gateway.itemsOf(7);
    expect(update).toMatchObject({
      kind: 'update',
      row: { id: own, text: 'my own words' },
      author: { id: author },
    });
    expect(boosting).toMatchObject({
      kind: 'update',
      row: { id: boost },
      boosted: { id: of, text: 'the original' },
      boostedAuthor: { id: boosted },
    });
    expect(deleted).toMatchObject({ kind: 'deleted', id: own });
    // Older posts of other cores may still be on their way: no frame says that they have come.
    for (const { items, cursor } of core.gateway.ticks)
      for (const item of items) if (item.kind !== 'resync') expect(item.cursor <= cursor).toBe(true);
  });

  test('what an author elsewhere says to all and to the reader comes in the order in which it was said', async () => {
    const { reader, authors } = await readerAndAuthors(1);
    const [author] = authors as [AccountId];
    await together.ask(reader, 'follow', { account: reader, target: author, boosts: true });
    const core = together.serverOf(reader);
    await core.attach(reader, 3);
    await together.ask(reader, 'home', { account: reader, ...wholePage });
    const handle = `reader${readers}`;
    const said = Array.from({ length: 8 }, (_, place) => {
      const mentions = place % 2 === 1 ? [{ account: reader, handle }] : [];
      return post(author, `${place}${place % 2 === 1 ? ` @${handle}` : ''}`, { mentions });
    });
    const ids = await Promise.all(said);
    const told = () =>
      core.gateway.itemsOf(3).flatMap((item) => (item.kind === 'update' ? [item.row.id] : []));
    await until(() => told().length === ids.length);
    expect(told()).toEqual([...ids].sort());
  });

  test('a socket that comes back with its cursor gets what authors elsewhere posted meanwhile', async () => {
    const { reader, authors } = await readerAndAuthors(2);
    const [author, other] = authors as [AccountId, AccountId];
    for (const target of authors)
      await together.ask(reader, 'follow', { account: reader, target, boosts: true });
    const core = together.serverOf(reader);
    const since = await core.attach(reader, 1);
    await together.ask(reader, 'detach', { account: reader, session: 1 });
    core.core.cluster?.interest.settled();
    const missed = [await post(author, 'one'), await post(other, 'two')];
    await core.attach(reader, 2, since);
    await until(() => core.gateway.itemsOf(2).length === 2);
    const got = core.gateway.itemsOf(2).map((item) => item.kind === 'update' && item.row.id);
    expect(new Set(got)).toEqual(new Set(missed));
  });

  test('lists of everybody are those of all cores together', async () => {
    const { reader, authors } = await readerAndAuthors(3);
    const ids: StatusId[] = [];
    for (const [place, author] of authors.entries())
      ids.push(await post(author, `word${place} shared #tag${place % 2}`));
    const asked = { viewer: reader, ...wholePage };
    await until(async () => {
      const { ids: listed } = await together.ask(reader, 'publicTimeline', { ...asked, tag: null });
      return listed.slice(0, 3).join() === [...ids].sort(descending).join();
    });
    const tagged = await together.ask(reader, 'publicTimeline', { ...asked, tag: 'tag0' });
    expect(tagged.ids).toEqual(([ids[2], ids[0]] as StatusId[]).sort(descending));
    const found = await together.ask(reader, 'searchStatuses', {
      ...asked,
      q: 'shared',
      author: null,
      offset: 0,
    });
    expect(found.ids).toEqual([...ids].sort(descending));
    const { accounts } = await together.ask(reader, 'searchAccounts', {
      q: `author${readers}x`,
      limit: 10,
      offset: 0,
      viewer: reader,
      following: false,
    });
    expect(new Set(accounts)).toEqual(new Set(authors));
    const { tags } = await together.ask(reader, 'searchTags', { q: 'tag', limit: 10, offset: 0 });
    expect(tags).toEqual(['tag0', 'tag1']);
    const counts = await Promise.all(
      [...together.cores.values()].map((core) => core.core.handle('instance', {}, core.gateway, null)),
    );
    const users = counts.map(({ outcome }) => (outcome.ok ? (outcome.value as Answer<'instance'>).users : 0));
    expect(users.reduce((sum, one) => sum + one)).toBe(made);
  });

  test('what a viewer may see of an author elsewhere is judged there', async () => {
    const { reader, authors } = await readerAndAuthors(2);
    const [author, blocker] = authors as [AccountId, AccountId];
    const open = await post(author, 'for all');
    const shut = await post(author, 'for followers', { visibility: 'private' });
    const blocked = await post(blocker, 'not for the reader');
    await together.ask(blocker, 'block', { account: blocker, target: reader });
    const pageOf = async (of: AccountId) =>
      (
        await together.ask(reader, 'authorStatuses', {
          author: of,
          viewer: reader,
          ...wholePage,
          excludeReplies: false,
          excludeBoosts: false,
        })
      ).ids;
    expect(await pageOf(author)).toEqual([open]);
    expect(await pageOf(blocker)).toEqual([]);
    await together.ask(reader, 'follow', { account: reader, target: author, boosts: true });
    expect(await pageOf(author)).toEqual([shut, open]);
    const { flags } = await together.ask(reader, 'judge', { viewer: reader, ids: [open, shut, blocked] });
    expect([...flags]).toEqual([0, 0, 255]);
    const { bits } = await together.ask(reader, 'relationships', { viewer: reader, ids: [author, blocker] });
    expect([...bits]).toEqual([relationBit.following | relationBit.showingBoosts, relationBit.blockedBy]);
  });

  test('secrets are told to nobody, and records to cores alone', async () => {
    const { reader } = await readerAndAuthors(1);
    const core = together.serverOf(reader);
    const colleague = testGateway('core-9', 'core');
    const codeOf = async (needs: Need[], from: TestGateway) => {
      const { outcome } = await core.core.handle('records', { needs }, from, null);
      return outcome.ok ? 'ok' : outcome.rejection.code;
    };
    const account: Need = { kind: 'fact', key: keyOf(reader, factKind.account) };
    const credential: Need = { kind: 'fact', key: keyOf(reader, factKind.credential) };
    const whole: Need = {
      kind: 'facts',
      from: keyOf(reader, ''),
      to: afterPrefix(keyOf(reader, '')),
      most: 10,
      reverse: false,
    };
    expect(await codeOf([account], colleague)).toBe('ok');
    expect(await codeOf([account], core.gateway)).toBe('forbidden');
    expect(await codeOf([account, credential], colleague)).toBe('forbidden');
    expect(await codeOf([whole], colleague)).toBe('forbidden');
  });

  test('a part that nobody answers for is refused with the reason, never left out', async () => {
    const { reader, authors } = await readerAndAuthors(1);
    const [author] = authors as [AccountId];
    await post(author, 'hello');
    await together.ask(reader, 'follow', { account: reader, target: author, boosts: true });
    const core = together.serverOf(reader);
    const own = nodeOf(reader);
    for (const node of [1, 2, 3, 4, 5]) if (node !== own) together.cut(node, true);
    const asked = { account: reader, ...wholePage };
    const { outcome } = await core.core.handle('home', asked, core.gateway, null);
    expect(outcome).toMatchObject({ ok: false, rejection: { code: 'unavailable' } });
    for (const node of [1, 2, 3, 4, 5]) together.cut(node, false);
    const { ids } = await together.ask(reader, 'home', asked);
    expect(ids).toHaveLength(1);
  });
});
