// Adoption: the higher version wins, copies are logged under their origins, positions are never ahead of their facts.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AccountId } from '../../runtime/account-id.ts';
import type { Entry } from '../../runtime/behaviours.ts';
import type { FactWrite } from '../../runtime/fact.ts';
import { partitionOfKey } from '../../runtime/key.ts';
import type { Store } from '../../runtime/store.ts';
import type { Adopted, Copy } from '../../runtime/store-adoption.ts';
import { restoreStore } from '../../runtime/store-backup.ts';
import { relayed } from '../../runtime/store-log.ts';
import type { Position } from '../../runtime/store-position.ts';
import { makeVersion, type Version } from '../../runtime/version.ts';
import { packWire } from '../../runtime/wire-bytes.ts';
import { newFolder, openToyStore, upTo, write } from './store-harness.ts';
import { followerView, followFact, gone, postFact, postsView, statusKey } from './toy-product.ts';
import { ada, bo, status } from './toy-statuses.ts';

const nowMs = Date.now();
/** A hundred partitions from the others. */
const far = (ada + 100 * 2 ** 42) as AccountId;

function versionAt(n: number, node = 3): Version {
  return makeVersion(nowMs - 1_000_000 + n, 0, node);
}

function copyOf({ key, value }: FactWrite, version: Version, seq = 1): Copy {
  return { seq, key, version, packed: value === null ? null : packWire(value), live: true, to: [] };
}

const origin = { origin: 3, incarnation: 99 };
const fromThree = { kind: 'copy', ...origin } as const;
const at = (seq: number): Position[] => [{ lane: 'replica', ...origin, seq }];

function adopt(
  store: Store,
  copies: Copy[],
  positions: Position[] = [],
  from: Parameters<Store['adopt']>[0]['from'] = fromThree,
): Adopted {
  const adopted = store.adopt({ copies, from, positions });
  if (!adopted.ok) throw new Error(adopted.rejection.message);
  return adopted.value;
}

test('of a fact the higher version stays, and its views; what is not newer still moves the position', async () => {
  const { store } = await openToyStore(newFolder());
  const [id, other] = [status(ada, 1), status(ada, 2)];

  const first = adopt(store, [
    copyOf(postFact(id, 'new'), versionAt(5), 5),
    copyOf(postFact(other, 'x'), versionAt(6), 6),
  ]);
  const second = adopt(
    store,
    [copyOf(postFact(id, 'old'), versionAt(4), 4), copyOf(postFact(id, 'new'), versionAt(5), 5)],
    at(9),
  );
  const third = adopt(store, [copyOf(gone(postFact(other, '')), versionAt(7), 7)]);
  await third.done;

  expect(first.entries).toHaveLength(2);
  expect(second.entries).toEqual([]);
  expect(third.entries).toMatchObject([{ value: null, before: { version: versionAt(6) } }]);
  expect(store.reader.fact(statusKey(id))).toEqual({ version: versionAt(5), value: ['new', 'public'] });
  expect(store.reader.view(postsView(ada))).toBe(1);
  expect(store.reader.recent(ada, null, 9)).toEqual([id]);
  expect(store.positions).toEqual(at(9));
  expect(store.logs.read(origin, 0, 10)?.entries.map(({ seq }) => seq)).toEqual([5, 6, 7]);
  await store.catchUpSearch(10_000);
  expect(store.search({ words: ['new'], below: null, above: null, most: 9 })).toEqual([id]);
});

test('what is submitted and what is adopted share transactions and are told apart', async () => {
  const told: { entries: Entry[]; positions: readonly Position[] }[] = [];
  const { store, committed } = await openToyStore(newFolder(), {
    onAdopted: (entries, positions) => told.push({ entries, positions }),
  });

  const own = write(store, [postFact(status(ada, 1), 'own')]);
  await Promise.all([
    own,
    adopt(store, [copyOf(postFact(status(bo, 1), 'theirs'), versionAt(1))], at(1)).done,
  ]);

  expect(committed).toMatchObject([{ entries: [{ value: ['own', 'public'] }], position: 1 }]);
  expect(told).toMatchObject([{ entries: [{ value: ['theirs', 'public'] }], positions: at(1) }]);
});

test('versions given after adopting are above what was adopted, across a reopening, too', async () => {
  const folder = newFolder();
  const ahead = makeVersion(Date.now() + 50_000, 7, 3);
  const first = await openToyStore(folder);
  await adopt(first.store, [copyOf(postFact(status(ada, 1), 'ahead'), ahead)], at(4)).done;
  expect(first.store.version).toBe(ahead);
  await first.store.close();

  const { store } = await openToyStore(folder);
  const { entries } = await write(store, [postFact(status(ada, 1), 'above')]);

  expect(store.positions).toEqual(at(4));
  expect((entries[0]?.version ?? '') > ahead).toBe(true);
});

test('bytes that are no fact are refused as a whole', async () => {
  const { store } = await openToyStore(newFolder());
  const broken = {
    ...copyOf(postFact(status(ada, 2), 'x'), versionAt(2)),
    packed: new Uint8Array([0x92, 1]),
  };

  expect(() => adopt(store, [copyOf(postFact(status(ada, 1), 'x'), versionAt(1)), broken], at(2))).toThrow();
  await write(store, [postFact(status(bo, 1), 'goes on')]);

  expect(store.reader.fact(statusKey(status(ada, 1)))).toBeNull();
  expect(store.positions).toEqual([]);
});

test('a copy of the store at any moment has every fact up to its positions', async () => {
  const folder = newFolder();
  const { store } = await openToyStore(join(folder, 'data'));
  let seq = 0;
  const flood = (async () => {
    for (const round of upTo(40)) {
      const copies = upTo(50).map((n) =>
        copyOf(postFact(status(ada, round * 50 + n), 'x'), versionAt(++seq), seq),
      );
      await adopt(store, copies, at(seq)).done;
    }
  })();
  for (const n of upTo(3)) await store.backup(join(folder, `backup${n}`));
  await flood;

  for (const n of upTo(3)) {
    await restoreStore(join(folder, `backup${n}`), join(folder, `restored${n}`));
    const restored = await openToyStore(join(folder, `restored${n}`));
    const [position] = restored.store.positions;
    for (const k of upTo(position?.seq ?? 0))
      expect(restored.store.reader.fact(statusKey(status(ada, k)))).not.toBeNull();
    expect(restored.store.logs.read(origin, 0, 5_000)?.entries).toHaveLength(position?.seq ?? 0);
  }
});

test('entries say to which partitions they are addressed, and tombstones keep it for those who come later', async () => {
  const { store } = await openToyStore(newFolder());
  await write(store, [followFact(ada, far), followFact(ada, bo), postFact(status(ada, 1), 'to nobody')]);
  await adopt(store, [{ ...copyOf(gone(postFact(status(ada, 9), '')), versionAt(1)), to: [700] }]).done;
  await write(store, [gone(followFact(ada, far))], true);

  expect(store.readLog(1, 9).map(({ to }) => to)).toEqual([[100], [], [], [100]]);
  const scan = { guests: true, after: null, mostBytes: 100_000 };
  expect(store.scan.step({ ...scan, partitions: new Set([700]) }).facts).toMatchObject([
    { key: statusKey(status(ada, 9)), packed: null, to: [700] },
  ]);
  expect(store.scan.step({ ...scan, partitions: new Set([100]) }).facts).toMatchObject([
    { key: followFact(ada, far).key, packed: null, to: [100] },
  ]);
});

test('what belongs and is addressed to nobody here is not taken in; a guest gives the views of those it is addressed to', async () => {
  const { store } = await openToyStore(newFolder());
  await store.partitions.place((partition) => partition === 100);
  await store.partitions.drop(store.partitions.unsettled().stale);

  const { entries, done } = adopt(
    store,
    [
      copyOf(postFact(status(ada, 1), 'elsewhere'), versionAt(1), 1),
      { ...copyOf(followFact(ada, far), versionAt(2), 2), to: [100] },
    ],
    at(2),
  );
  await done;

  expect(entries.map(({ key }) => key)).toEqual([followFact(ada, far).key]);
  expect(store.reader.view(followerView(far, ada))).toBe(1);
  expect(store.positions).toEqual(at(2));
  expect(store.reader.recent(ada, null, 9)).toEqual([]);
});

test('what was replaced leaves copies and the relay, but for what somebody has yet to read', async () => {
  const { store } = await openToyStore(newFolder());
  const secret = (n: number) => postFact(status(ada, n), `secret ${n}`);
  adopt(
    store,
    upTo(9).map((n) => copyOf(secret(n), versionAt(n + 1), 10 * n + 5)),
  );
  // Not in order of versions.
  adopt(
    store,
    [13, 11, 12].map((n) => copyOf(secret(n), versionAt(n, 4))),
    [],
    { kind: 'relay' },
  );
  await write(
    store,
    [4, 7, 11, 13].map((n) => gone(secret(n))),
    true,
  );
  await store.catchUpSearch(10_000);
  const relay = { origin: 7 + relayed, incarnation: store.incarnation };
  const left = () => [origin, relay].map((of) => store.logs.read(of, 0, 99)?.entries.map(({ seq }) => seq));

  store.trimFloor = { own: 99, relay: 1 };
  await store.trimLog();
  expect(left()).toEqual([
    [5, 15, 25, 35, 55, 65, 85],
    [2, 3],
  ]);
  store.trimFloor = { own: 99, relay: 99 };
  await store.trimLog();

  expect(left()).toEqual([[5, 15, 25, 35, 55, 65, 85], [3]]);
  expect(store.logs.heads()).toMatchObject([
    { origin: 7, seq: 4 },
    { ...relay, seq: 3 },
    { ...origin, seq: 85 },
  ]);
});

test('what is here already is relayed again only when asked to', async () => {
  const { store } = await openToyStore(newFolder());
  const { entries } = await write(store, [postFact(status(ada, 1), 'x')]);
  const own = copyOf(postFact(status(ada, 1), 'x'), entries[0]?.version ?? versionAt(1));
  const older = copyOf(postFact(status(ada, 1), 'y'), versionAt(1));

  expect(adopt(store, [own], [], { kind: 'relay' }).relay).toBe(0);
  const again = adopt(store, [own, older], [], { kind: 'again' });
  await again.done;

  expect(again).toMatchObject({ entries: [], relay: 1 });
  const relay = { origin: 7 + relayed, incarnation: store.incarnation };
  expect(store.logs.read(relay, 0, 9)?.entries).toMatchObject([{ seq: 1, version: own.version }]);
});

test('copies that are too many are dropped from their oldest on, and who asks for those is told', async () => {
  const folder = newFolder();
  const { store } = await openToyStore(folder, { limits: { logBytes: 5_000 } });
  const other = { origin: 4, incarnation: 1 };
  adopt(
    store,
    upTo(100).map((n) => copyOf(postFact(status(ada, n), 'x'.repeat(50)), versionAt(2 * n), n + 1)),
  );
  adopt(
    store,
    upTo(100).map((n) => copyOf(postFact(status(bo, n), 'x'.repeat(50)), versionAt(2 * n + 1, 4), n + 1)),
    [],
    { kind: 'copy', ...other },
  );
  await store.trimLog();

  const { copiesBytes } = store.statistics();
  expect(copiesBytes).toBeLessThanOrEqual(5_000);
  expect(copiesBytes).toBeGreaterThan(4_700);
  for (const of of [origin, other]) {
    expect(store.logs.read(of, 0, 10)).toBeNull();
    expect(store.logs.read(of, 80, 10)?.entries.map(({ seq }) => seq)).toEqual(upTo(10).map((n) => 81 + n));
    expect(store.logs.read(of, 100, 10)).toEqual({ entries: [], upTo: 100 });
  }
});

test('a copy that comes late has its place in the log; dropped, it does not bring back what was dropped before it', async () => {
  const { store } = await openToyStore(newFolder(), { limits: { logBytes: 5_000 } });
  const post = (n: number): Copy => copyOf(postFact(status(ada, n), 'x'.repeat(50)), versionAt(n), n);
  adopt(store, [post(2), post(3)]);
  await adopt(store, [post(1)]).done;
  expect(store.logs.read(origin, 0, 10)?.entries.map(({ seq }) => seq)).toEqual([1, 2, 3]);

  await adopt(
    store,
    upTo(100).map((n) => post(100 + n)),
  ).done;
  await store.trimLog();
  const trimmedUpTo = store.logs.trimmedUpTo(origin);
  expect(trimmedUpTo).toBeGreaterThan(100);
  await adopt(store, [post(50)]).done;
  await store.trimLog();

  expect(store.logs.read(origin, trimmedUpTo - 1, 10)).toBeNull();
  expect(store.logs.trimmedUpTo(origin)).toBe(trimmedUpTo);
});

test('records of the cluster are written, removed and there after reopening', async () => {
  const folder = newFolder();
  const first = await openToyStore(folder);
  await first.store.records.write([
    ['grant:1', [4, 2]],
    ['grant:2', [5, 2]],
    ['other', true],
  ]);
  await first.store.records.write([
    ['grant:1', null],
    ['grant:3', [6, 1]],
  ]);
  await first.store.close();

  const { store } = await openToyStore(folder);

  expect(store.records.read('other')).toBe(true);
  expect(store.records.read('grant:1')).toBeUndefined();
  expect(store.records.readAll('grant:')).toEqual([
    { name: 'grant:2', wire: [5, 2] },
    { name: 'grant:3', wire: [6, 1] },
  ]);
});

test('digests are equal when and only when facts and versions are, in whatever order they came', async () => {
  const [one, other] = [await openToyStore(newFolder()), await openToyStore(newFolder())];
  const partition = partitionOfKey(statusKey(status(ada, 1)));
  const copies = upTo(50).map((n) => copyOf(postFact(status(ada, n), 'x'), versionAt(n), n + 1));
  await adopt(one.store, copies).done;
  await adopt(other.store, copies.toReversed()).done;
  const before = one.store.digest(partition);

  expect(before).toEqual(other.store.digest(partition));
  expect(before.count).toBe(50);
  expect(one.store.digest(500)).toEqual({ count: 0, sum: '0'.repeat(16) });
  await adopt(other.store, [copyOf(postFact(status(ada, 7), 'x'), versionAt(99))]).done;
  expect(other.store.digest(partition)).toMatchObject({ count: 50 });
  expect(other.store.digest(partition).sum).not.toBe(before.sum);
  const [first] = one.store.scan.versionsOf(partition, null, 1);
  expect(one.store.scan.versionsOf(partition, first?.key ?? null, 99)).toHaveLength(49);
  expect(one.store.scan.factsOf([statusKey(status(ada, 3)), statusKey(status(bo, 3))])).toHaveLength(1);
});

test('a scan goes through the homes it is asked for in small steps', async () => {
  const { store } = await openToyStore(newFolder());
  await write(
    store,
    upTo(300).flatMap((n) => [postFact(status(ada, n), 'here'), postFact(status(far, n), 'there')]),
  );
  const seen: string[] = [];
  let steps = 0;
  for (let after: string | null = null; steps === 0 || after !== null; steps++) {
    const step = store.scan.step({
      partitions: new Set([0, 5, 100]),
      guests: false,
      after,
      mostBytes: 2_000,
    });
    seen.push(...step.facts.map(({ key }) => key));
    after = step.next;
  }

  expect(seen).toEqual([
    ...upTo(300).map((n) => statusKey(status(ada, n))),
    ...upTo(300).map((n) => statusKey(status(far, n))),
  ]);
  expect(steps).toBeGreaterThan(10);
});

test('moving partitions goes on after a reopening', async () => {
  const folder = newFolder();
  const first = await openToyStore(folder, { limits: { factsAtOnce: 10 } });
  await write(
    first.store,
    upTo(100).flatMap((n) => [postFact(status(ada, n), 'x'), postFact(status(far, n), 'x')]),
  );
  await first.store.partitions.place((partition) => partition === 100);
  const { stale } = first.store.partitions.unsettled();
  const dropping = first.store.partitions.drop(stale, (facts) => {
    if (facts === 30) void first.store.close();
  });
  await expect(dropping).rejects.toThrow('called off');
  await first.store.close();

  const { store } = await openToyStore(folder);
  expect(store.partitions.unsettled().stale).toEqual(stale);
  expect(store.partitions.owns(0)).toBe(false);
  const progress: number[] = [];
  await store.partitions.drop(stale, (facts) => progress.push(facts));

  expect(progress).toEqual([70]);
  expect(store.partitions.unsettled()).toEqual({ stale: [], ungained: [] });
  const everything = { from: '\0', to: '\u00ff', most: 1_000 };
  expect(store.reader.facts(everything)).toHaveLength(100);
  expect(store.reader.views(everything)).toEqual([{ key: postsView(far), value: 100 }]);
  await store.trimLog();
  await store.catchUpSearch(10_000);
  await store.trimLog();
  expect(store.readLog(1, 1_000)).toHaveLength(100);
});

test('the place of a follower is found again in a later life, up to where both lives are one', async () => {
  const folder = newFolder();
  const first = await openToyStore(join(folder, 'data'));
  await write(
    first.store,
    upTo(5).map((n) => postFact(status(ada, n), 'x')),
  );
  await first.store.backup(join(folder, 'backup'));
  await restoreStore(join(folder, 'backup'), join(folder, 'restored'));
  const { store } = await openToyStore(join(folder, 'restored'));
  await write(
    store,
    upTo(5).map((n) => postFact(status(ada, 5 + n), 'y')),
  );
  const { own } = store.logs;

  const at = (seq: number, { incarnation } = first.store) => ({ incarnation, seq });
  const unknown = { incarnation: 12345, seq: 7 };
  expect(own.resume([at(3)])).toBe(3);
  expect(own.resume([at(9)])).toBe(5);
  expect(own.resume([at(8, store)])).toBe(8);
  expect(own.resume([at(8, store), at(5)])).toBe(8);
  expect(own.resume([at(4), unknown])).toBe(4);
  expect(own.resume([unknown])).toBe(0);
  expect(own.resume([])).toBe(0);
  expect(store.logs.read({ origin: 7, incarnation: store.incarnation }, 3, 4)).toMatchObject({
    entries: [{ seq: 4 }, { seq: 5 }, { seq: 6 }, { seq: 7 }],
    upTo: 7,
  });
});
