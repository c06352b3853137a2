// Behaviours change in a core that is at work: the old rule holds and then the new one, and nobody notices more than that.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { loadBehaviours } from '../../cluster/core-behaviours.ts';
import type { AccountId } from '../../runtime/account-id.ts';
import type { StatusId } from '../../runtime/status-id.ts';
import { openTestCore, type TestCore, wholePage } from '../support/core.ts';
import {
  accepted,
  allOver,
  isOdd,
  keptOut,
  openSwapping,
  pair,
  reader,
  refusedSwap,
  type Swapping,
  statusesIn,
} from '../support/swapping.ts';
import { until } from '../support/until.ts';
import { evenAuthorsOnly } from '../support/variants.ts';

let swapping: Swapping;

beforeAll(async () => {
  swapping = await openSwapping();
  return () => swapping.variants.close();
});

afterEach(() => swapping.closeCores());

/** Posts of both, as fast as they are answered, until `stop`. In the order of their answers, author by author. */
function flow(tested: TestCore, authors: readonly AccountId[]) {
  let isOver = false;
  const posted: StatusId[] = [];
  const writers = authors.map(async (author) => {
    while (!isOver) posted.push(await tested.post(author, `post ${posted.length}`));
  });
  return {
    posted,
    async stop() {
      isOver = true;
      await Promise.all(writers);
      await tested.quiet();
    },
  };
}

describe('a swap in the flow of posts', () => {
  test('switches the rule once for everybody: no post is lost or comes twice, no session notices', async () => {
    const tested = await swapping.opened();
    const authors = await pair(tested);
    const watchers: AccountId[] = [];
    for (let n = 0; n < 20; n++) watchers.push(await reader(tested, `watcher${n}`, authors));
    for (const [n, account] of watchers.entries()) await tested.attach(account, n + 1);
    const posts = flow(tested, authors);
    await until(() => posts.posted.length > 20);
    const swapped = accepted(await tested.core.swap(swapping.evenOnly));
    expect(swapped).toMatchObject({ oneWay: null });
    expect(swapped.awake).toBeGreaterThanOrEqual(22);
    const soFar = posts.posted.length;
    await until(() => posts.posted.length > soFar + 20);
    await posts.stop();
    await allOver(tested);

    const even = posts.posted.filter((id) => !isOdd(id));
    const odd = posts.posted.filter(isOdd);
    const lasts = new Set<StatusId | undefined>();
    for (const [n, account] of watchers.entries()) {
      const seen = statusesIn(tested.gateway.itemsOf(n + 1));
      expect(seen.filter((id) => !isOdd(id))).toEqual(even);
      const seenOdd = seen.filter(isOdd);
      // The old rule, and from one post on the new one.
      expect(seenOdd).toEqual(odd.slice(0, seenOdd.length));
      expect(seenOdd.length).toBeGreaterThan(0);
      expect(seenOdd.length).toBeLessThan(odd.length);
      lasts.add(seenOdd.at(-1));
      const home = await tested.ask('home', { account, ...wholePage, limit: 80 });
      expect(home.ids).toEqual([...seen].sort().reverse().slice(0, 80));
      expect(home.completeThroughMs).toBe(odd.length - seenOdd.length);
    }
    expect(lasts.size).toBe(1);
    expect(tested.core.behaviours).toMatchObject({ stayed: 0, running: swapped.to });
    expect(tested.core.behaviours.codes.map(({ actors }) => actors)).toEqual([swapped.awake]);
  });

  test('back and on again: the state goes back to its former shape, and nobody loses anything', async () => {
    const tested = await swapping.opened();
    const authors = await pair(tested);
    const account = await reader(tested, 'watcher', authors);
    await tested.attach(account, 1);
    const posts = flow(tested, authors);
    const shown: (number | null)[] = [];
    for (const folder of [swapping.evenOnly, swapping.plainAgain, swapping.evenOnly, swapping.plain]) {
      const soFar = posts.posted.length;
      accepted(await tested.core.swap(folder));
      await until(() => posts.posted.length > soFar + 10);
      shown.push(await keptOut(tested, account));
    }
    await posts.stop();
    const seen = statusesIn(tested.gateway.itemsOf(1));
    expect(seen.filter((id) => !isOdd(id))).toEqual(posts.posted.filter((id) => !isOdd(id)));
    expect(new Set(seen).size).toBe(seen.length);
    expect(shown.map((count) => count === null)).toEqual([false, true, false, true]);
    expect(tested.core.behaviours).toMatchObject({ swaps: 4, stayed: 0 });
  });

  test('what waits for the disk is answered, and what waits in mailboxes is handled', async () => {
    const tested = await swapping.opened();
    const authors = await pair(tested);
    const account = await reader(tested, 'watcher', authors);
    const ids: Promise<StatusId>[] = [];
    const asked: Promise<unknown>[] = [];
    let isSwapped = false;
    const swapped = tested.core.swap(swapping.evenOnly).then((outcome) => {
      isSwapped = true;
      return accepted(outcome);
    });
    // Always something on its way, in each turn of the loop.
    while (!isSwapped) {
      ids.push(tested.post(authors[1], `under way ${ids.length}`));
      asked.push(tested.attach(account, ids.length), tested.home(account));
      asked.push(tested.ask('detach', { account, session: ids.length }));
      await new Promise((resolve) => setImmediate(resolve));
      if (ids.length % 20 === 0) await Promise.all([...ids, ...asked]);
    }
    await swapped;
    const posted = await Promise.all(ids);
    await Promise.all(asked);
    await tested.quiet();
    const home = await tested.home(account, { limit: 80 });
    expect(home).toEqual(posted.toReversed().slice(0, 80));
    expect(new Set(posted).size).toBe(posted.length);
  });

  test('an actor that is asleep starts with the new code', async () => {
    const tested = await swapping.opened({ idleMs: 0 });
    const [odd, even] = await pair(tested);
    const account = await reader(tested, 'watcher', [odd, even]);
    accepted(await tested.core.swap(swapping.evenOnly));
    await until(() => {
      tested.core.stopIdle();
      return tested.core.behaviours.codes.every(({ actors }) => actors === 0);
    });
    await tested.home(account);
    await tested.post(odd, 'kept out');
    await tested.quiet();
    expect(await keptOut(tested, account)).toBe(1);
  });

  test('while one is on, another is refused; what runs already is not swapped', async () => {
    const tested = await swapping.opened();
    const first = tested.core.swap(swapping.evenOnly);
    expect(await refusedSwap(tested, swapping.plainAgain)).toMatchObject({ code: 'busy' });
    const { to } = accepted(await first);
    expect(accepted(await tested.core.swap(swapping.evenOnly))).toMatchObject({ from: to, to });
    expect(tested.core.behaviours.swaps).toBe(1);
  });

  test('a core that stops does not wait for a trial', async () => {
    const hanging = swapping.variants.rewritten(
      'hanging-at-the-end',
      swapping.plain,
      (script) => `${script}\nfor (;;) {}\n`,
    );
    const tested = await openTestCore({ product: await loadBehaviours(swapping.plain) });
    const swap = tested.core.swap(hanging);
    await tested.close();
    expect(await swap).toMatchObject({ ok: false, rejection: { code: 'unavailable' } });
  });
});

describe('an actor whose state can’t be taken over', () => {
  /** Awake actors; the second of them is in no trial's samples. */
  const awake = 40;

  async function swapLeavingOneBehind() {
    const warnings: string[] = [];
    const log = { info() {}, error() {}, warn: (_: object, text: string) => void warnings.push(text) };
    const tested = await swapping.opened({ log, idleMs: 0 });
    const people = await tested.accounts(...Array.from({ length: awake }, (_, n) => `sleepless${n}`));
    for (const account of people) await tested.home(account);
    const [, stubborn = 0 as AccountId] = people;
    const authors = await pair(tested);
    for (const target of authors) await tested.ask('follow', { account: stubborn, target, boosts: true });
    await tested.home(stubborn);
    const folder = await swapping.variants.built(`leaves-${stubborn}-behind`, [
      ...evenAuthorsOnly,
      {
        file: 'actors/user-packing.ts',
        line: 'export function unpackUser(packed: unknown, format: number): UserState {\n',
        instead: `export function unpackUser(packed: unknown, format: number): UserState {\n  if ((packed as PackedUser).account === ${stubborn} && format === 1) throw new Error('not this one');\n`,
      },
    ]);
    const swapped = accepted(await tested.core.swap(folder));
    return { tested, stubborn, authors, swapped, warnings };
  }

  test('stays on the old code and is served by it, is told once, and goes over with a later swap', async () => {
    const { tested, stubborn, authors, swapped, warnings } = await swapLeavingOneBehind();
    const [odd, even] = authors;
    await allOver(tested);
    const { codes, stayed, whyStayed } = tested.core.behaviours;
    expect({ stayed, whyStayed }).toEqual({ stayed: 1, whyStayed: 'Error: not this one' });
    expect(codes.map(({ actors }) => actors)).toEqual([1, swapped.awake - 1]);
    // By the old rule.
    const ids = [await tested.post(odd, 'one'), await tested.post(even, 'two')];
    await tested.quiet();
    expect(await tested.home(stubborn)).toEqual(ids.toReversed());
    expect(await keptOut(tested, stubborn)).toBe(null);
    expect(tested.core.behaviours.stayed).toBe(1);
    expect(warnings.filter((text) => text.includes('could not be taken over'))).toHaveLength(1);
    const { text } = await tested.ask('metrics', {});
    expect(text).toMatch(/murmuration_actors_stayed\{[^}]*\} 1\n/);
    expect(text).toMatch(/murmuration_migrations_total\{[^}]*outcome="stayed"[^}]*\} 1\n/);
    expect(text.match(/^murmuration_actors_by_code\{.*/gm)).toHaveLength(2);

    accepted(await tested.core.swap(swapping.evenOnly));
    await allOver(tested);
    expect(tested.core.behaviours).toMatchObject({ stayed: 0, whyStayed: null });
    expect(tested.core.behaviours.codes).toHaveLength(1);
    await tested.post(odd, 'three');
    await tested.quiet();
    expect(await keptOut(tested, stubborn)).toBe(1);
  });

  test('starts with the new code when it has slept', async () => {
    const { tested, stubborn, authors } = await swapLeavingOneBehind();
    await allOver(tested);
    expect(tested.core.behaviours.stayed).toBe(1);
    await until(() => {
      tested.core.stopIdle();
      return tested.core.behaviours.codes.every(({ actors }) => actors === 0);
    });
    expect(tested.core.behaviours.stayed).toBe(0);
    await tested.home(stubborn);
    await tested.post(authors[0], 'kept out');
    await tested.quiet();
    expect(await keptOut(tested, stubborn)).toBe(1);
  });
});

test('codes that nobody runs on any more are freed', async () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const held = globalThis as { codesOfThisTest?: WeakRef<object>[] };
  held.codesOfThisTest = [];
  const noting = (script: string): string =>
    `${script}\nglobalThis.codesOfThisTest?.push(new WeakRef(behaviours.behaviours));\n`;
  const folders = [
    swapping.variants.rewritten('noted', swapping.plain, noting),
    swapping.variants.rewritten('noted even-only', swapping.evenOnly, noting),
  ];
  const tested = await swapping.opened();
  const authors = await pair(tested);
  for (let n = 0; n < 5; n++) await reader(tested, `watcher${n}`, authors);
  for (let n = 0; n < 6; n++) {
    accepted(await tested.core.swap(folders[n % 2] ?? ''));
    await tested.post(authors[n % 2] ?? authors[0], 'between');
  }
  await tested.quiet();
  await allOver(tested);
  await until(() => {
    collect();
    return held.codesOfThisTest?.filter((code) => code.deref() !== undefined).length === 1;
  });
  expect(held.codesOfThisTest).toHaveLength(6);
  delete held.codesOfThisTest;
});
