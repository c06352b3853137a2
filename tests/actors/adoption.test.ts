// Stores that own different partitions: whatever is exchanged in whatever order, each keeps the views that its facts give.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { partitionOfKey } from '../../runtime/key.ts';
import type { Store } from '../../runtime/store.ts';
import {
  adopted,
  anyWrite,
  type Change,
  closeAll,
  contentOf,
  copyOf,
  logOf,
  openProductStore,
  places,
  scanned,
  submitted,
  writtenStatus,
} from './sharing.ts';

afterEach(closeAll);

const anyPlaces: fc.Arbitrary<number[]> = fc.subarray<number>([...places], { minLength: 1 });

const anyAct = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('write' as const), at: fc.nat({ max: 1 }), write: anyWrite }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('tell' as const),
      from: fc.nat({ max: 1 }),
      which: fc.array(fc.nat(), { maxLength: 12 }),
    }),
  },
);

/** A store that gets the same facts directly, each once. */
async function directly(
  others: readonly Store[],
  owned: readonly number[],
  shuffle: <T>(of: T[]) => T[],
): Promise<Store> {
  const store = await openProductStore(9);
  await store.partitions.place((partition) => owned.includes(partition));
  await store.partitions.drop(store.partitions.unsettled().stale);
  for (const copy of shuffle(others.flatMap((other) => scanned(other, owned))))
    await adopted(store, [copy], { kind: 'state' });
  return store;
}

async function expectSound(store: Store): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'murmuration-rebuilt-'));
  const { different } = await store.compareRebuilt(join(scratch, 'views'));
  rmSync(scratch, { recursive: true, force: true });
  expect(different).toEqual([]);
}

function shuffler(numbers: readonly number[]): <T>(of: T[]) => T[] {
  let at = 0;
  return (of) =>
    of
      .map((one) => ({ one, place: numbers[at++ % numbers.length] ?? 0 }))
      .sort((a, b) => a.place - b.place)
      .map(({ one }) => one);
}

test('two stores that tell each other what they accept keep the views of one that got it all', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyAct, { maxLength: 60 }),
      anyPlaces,
      anyPlaces,
      fc.array(fc.nat(), { minLength: 7, maxLength: 40 }),
      async (acts, ofA, ofB, numbers) => {
        const owned = [ofA, ofB];
        const stores = [await openProductStore(1), await openProductStore(2, { now: () => Date.now() - 40 })];
        const shuffle = shuffler(numbers);
        for (const [index, store] of stores.entries()) {
          await store.partitions.place((partition) => owned[index]?.includes(partition) === true);
          await store.partitions.drop(store.partitions.unsettled().stale);
        }
        const [a, b] = stores;
        if (a === undefined || b === undefined) throw new Error('two');
        for (const act of acts) {
          if (act.kind === 'write') {
            const store = stores[act.at];
            if (store?.partitions.owns(partitionOfKey(act.write.key))) void submitted(store, [act.write]);
            continue;
          }
          const { entries, from } = logOf(stores[act.from] ?? a);
          const copies = act.which.flatMap((n) => entries[n % Math.max(1, entries.length)] ?? []);
          void adopted(stores[1 - act.from] ?? b, copies, from);
        }
        await Promise.all(stores.map((store) => submitted(store, [])));
        for (const [one, other] of [
          [a, b],
          [b, a],
        ] as const) {
          const { entries, from } = logOf(one);
          await Promise.all(
            shuffle([...entries, ...entries.slice(0, 5)]).map((copy) => adopted(other, [copy], from)),
          );
        }
        for (const [index, store] of stores.entries()) {
          await expectSound(store);
          const direct = await directly(stores, owned[index] ?? [], shuffle);
          expect(await contentOf(store)).toEqual(await contentOf(direct));
        }
        for (const partition of ofA.filter((one) => ofB.includes(one)))
          expect(a.digest(partition)).toEqual(b.digest(partition));
        await closeAll();
      },
    ),
    { numRuns: 25, interruptAfterTimeLimit: 60_000 },
  );
});

const anyMove = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('write' as const), write: anyWrite }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('tell' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('place' as const, 'move' as const), owned: anyPlaces }),
  },
  // A transaction is written: a walk takes a step.
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('turn' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'drop' as const,
        'gain' as const,
        'wait' as const,
        'scan' as const,
        'rebuild' as const,
      ),
    }),
  },
);

test('partitions may come and go while facts do: in the end it is as if they had always been where they are', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyWrite, { maxLength: 30 }),
      fc.array(anyMove, { maxLength: 60 }),
      fc.array(fc.nat(), { minLength: 7, maxLength: 40 }),
      async (first, acts, numbers) => {
        const whole = await openProductStore(1);
        const store = await openProductStore(2);
        let owned: readonly number[] = places;
        let told = 0;
        void submitted(store, first);
        const works: Promise<void>[] = [];
        const settle = async (): Promise<void> => {
          await Promise.all(works.splice(0));
          await store.partitions.drop(store.partitions.unsettled().stale);
          await store.partitions.gain(store.partitions.unsettled().ungained);
        };
        for (const act of acts) {
          switch (act.kind) {
            case 'write':
              if (store.partitions.owns(partitionOfKey(act.write.key))) void submitted(store, [act.write]);
              else {
                // Whoever serves it now has what was written there before: only so does a delete say whom it is addressed to.
                await submitted(store, []);
                const before = logOf(store);
                await adopted(whole, before.entries, before.from);
                void submitted(whole, [act.write]);
              }
              break;
            case 'tell': {
              await submitted(whole, []);
              const { entries, from } = logOf(whole);
              await adopted(store, entries.slice(told), from);
              told = entries.length;
              break;
            }
            case 'place':
              owned = act.owned;
              works.push(store.partitions.place((partition) => act.owned.includes(partition)));
              break;
            case 'move':
              owned = act.owned;
              works.push(store.partitions.place((partition) => act.owned.includes(partition)));
              works.push(
                store.partitions
                  .drop(store.partitions.unsettled().stale)
                  .then(() => store.partitions.gain(store.partitions.unsettled().ungained)),
              );
              break;
            case 'turn':
              await store.records.write([['turn', 1]]);
              break;
            case 'drop':
              works.push(store.partitions.drop(store.partitions.unsettled().stale));
              break;
            case 'gain':
              works.push(store.partitions.gain(store.partitions.unsettled().ungained));
              break;
            case 'wait':
              await Promise.all(works.splice(0));
              break;
            case 'scan':
              for (const copy of scanned(whole, owned)) void adopted(store, [copy], { kind: 'state' });
              break;
            case 'rebuild':
              await Promise.all(works.splice(0));
              await store.rebuild();
              break;
          }
        }
        await settle();
        await submitted(whole, []);
        await submitted(store, []);
        const { entries, from } = logOf(store);
        await adopted(whole, entries, from);
        await adopted(store, scanned(whole, owned), { kind: 'state' });
        expect(store.partitions.unsettled()).toEqual({ stale: [], ungained: [] });
        await expectSound(store);
        await expectSound(whole);
        const direct = await directly([whole], owned, shuffler(numbers));
        expect(await contentOf(store)).toEqual(await contentOf(direct));
        await closeAll();
      },
    ),
    { numRuns: 25, interruptAfterTimeLimit: 60_000 },
  );
});

test('a partition given up while others are dropped leaves nothing of it behind', async () => {
  const store = await openProductStore(2);
  // A public post with a tag, of somebody in the second of the places.
  const [, second, , last] = places;
  await submitted(store, [writtenStatus(1)]);
  expect(partitionOfKey(writtenStatus(1).key)).toBe(second);
  const placed = store.partitions.place((partition) => partition === second || partition === last);
  const dropped = store.partitions.drop(store.partitions.unsettled().stale);
  await Promise.all([placed, store.partitions.place((partition) => partition === last), dropped]);
  await store.partitions.drop(store.partitions.unsettled().stale);
  await expectSound(store);
});

test('a fact that comes anew in the very moment in which it is removed is not left behind', async () => {
  const [, second, , last] = places;
  const write = writtenStatus(1);
  expect([partitionOfKey(write.key), copyOf(write).to.includes(last ?? 0)]).toEqual([second, false]);
  const given = async () => {
    const store = await openProductStore(2);
    await submitted(store, [write]);
    return store;
  };
  const comes = (store: Store) => adopted(store, [copyOf(write)], { kind: 'state' });
  const dropped = async (store: Store, meanwhile: () => Promise<void>): Promise<void> => {
    void store.partitions.place((partition) => partition === last);
    const before = meanwhile();
    await store.partitions.drop(store.partitions.unsettled().stale);
    await before;
    await submitted(store, []);
    expect(store.reader.fact(write.key)).toBeNull();
    await expectSound(store);
  };
  // Some steps of the loop into the drop: before the removal, in its transaction, and after it.
  for (let steps = 0; steps < 24; steps++) {
    const store = await given();
    await dropped(store, async () => {
      for (let step = 0; step < steps; step++) await (step % 4 === 3 ? nextTurn() : null);
      await comes(store);
    });
  }
  // The first thing in each transaction, while the drop walks by.
  for (let times = 1; times < 12; times++) {
    const store = await given();
    await dropped(store, async () => {
      for (let time = 0; time < times; time++) await comes(store);
    });
  }
  await closeAll();
});

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('what changes between any two steps of a walk is counted once, behind it and before it', {
  timeout: 120_000,
}, async () => {
  const changes = fc.array(anyWrite, { minLength: 20, maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(
      changes,
      changes,
      changes,
      anyPlaces,
      async (first, whileDropping, whileGaining, kept) => {
        const store = await openProductStore(2, { limits: { factsAtOnce: 1 } });
        const changing = (list: Change[]) => () => {
          const changes = list.splice(0, 2);
          if (changes.length > 0) void adopted(store, changes.map(copyOf), { kind: 'state' });
        };
        await submitted(store, first);
        await store.catchUpSearch(20_000);
        await store.partitions.place((partition) => kept.includes(partition));
        await store.partitions.drop(store.partitions.unsettled().stale, changing(whileDropping));
        await expectSound(store);
        await store.partitions.place(() => true);
        await store.partitions.gain(store.partitions.unsettled().ungained, changing(whileGaining));
        await submitted(store, []);
        await expectSound(store);
        const { facts, ...content } = await contentOf(store);
        await store.rebuild();
        expect(await contentOf(store)).toEqual({ facts, ...content });
        await closeAll();
      },
    ),
    { numRuns: 25, interruptAfterTimeLimit: 60_000 },
  );
});
