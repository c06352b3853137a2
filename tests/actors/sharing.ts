// Two stores of the product that share a cluster's facts, and what people do there: for the tests of adoption and of moving partitions.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { behaviours } from '../../actors/behaviours.ts';
import {
  accountFact,
  accountRecord,
  blockFact,
  factKind,
  followFact,
  followRecord,
  statusFact,
} from '../../actors/facts.ts';
import { statusRecord } from '../../actors/status-record.ts';
import { type AccountId, firstAccountOf, partitionOf } from '../../runtime/account-id.ts';
import type { FactWrite } from '../../runtime/fact.ts';
import { keyOf, partitionOfKey } from '../../runtime/key.ts';
import { makeStatusId, type StatusId, statusAuthor } from '../../runtime/status-id.ts';
import { openStore, type Store } from '../../runtime/store.ts';
import type { AdoptedFrom, Copy } from '../../runtime/store-adoption.ts';
import type { StoreOptions } from '../../runtime/store-options.ts';
import { makeVersion } from '../../runtime/version.ts';
import { packWire } from '../../runtime/wire-bytes.ts';
import { plainAccount } from '../support/records.ts';

/** Partitions that somebody is in; two of the people share one. */
export const places = [0, 17, 300, 1023] as const;

const [first, second, third, last] = places;

export const people: readonly AccountId[] = [first, second, second, third, last].map(
  (partition, n) => (firstAccountOf(partition) + 7 + n) as AccountId,
);

/** What each status says never changes: it is there, or it is deleted. */
const statusCount = 15;

export function statusAt(n: number): StatusId {
  return makeStatusId(1_700_000_000_000 + 1_000 * n, personAt(n), n);
}

export function personAt(n: number): AccountId {
  const account = people[n % people.length];
  if (account === undefined) throw new RangeError('somebody');
  return account;
}

function statusValue(n: number): unknown {
  const visibility = (['public', 'public', 'direct', 'private'] as const)[n % 4] ?? 'public';
  if (n % 5 === 4) return statusRecord.encode({ kind: 'boost', of: statusAt(n * 3), visibility: 'public' });
  return statusRecord.encode({
    kind: 'post',
    text: `word number${n} #tag${n % 3}`,
    visibility,
    sensitive: false,
    spoiler: '',
    language: null,
    replyTo: n % 3 === 0 ? statusAt(n + 4) : null,
    mentions: n % 2 === 0 ? [{ account: personAt(n + 3), handle: 'other' }] : [],
    app: null,
  });
}

/** A status as it is when it is there. */
export function writtenStatus(n: number): Change {
  const value = statusValue(n);
  return { key: statusFact(statusAt(n)), value, full: value };
}

/** `full`: what the fact says when it is no tombstone. */
export interface Change extends FactWrite {
  full: unknown;
}

export const anyWrite: fc.Arbitrary<Change> = fc
  .record({
    kind: fc.constantFrom('account', 'follow', 'block', 'favourite', 'status', 'status', 'bookmark'),
    by: fc.nat({ max: people.length - 1 }),
    to: fc.nat({ max: statusCount - 1 }),
    isGone: fc.boolean(),
  })
  .map(({ kind, by, to, isGone }) => {
    const { key, value } = written(kind, personAt(by), to);
    return { key, value: isGone ? null : value, full: value };
  });

function written(kind: string, by: AccountId, to: number): FactWrite {
  const other = personAt(people.indexOf(by) + 1 + (to % (people.length - 1)));
  switch (kind) {
    case 'account':
      return { key: accountFact(by), value: accountValue(`person${people.indexOf(by)}`) };
    case 'follow':
      return {
        key: followFact(by, other),
        value: followRecord.encode({ createdMs: 1, boosts: true, quiet: to % 2 === 0 }),
      };
    case 'block':
      return { key: blockFact(by, other), value: [1] };
    case 'favourite':
      return { key: keyOf(by, factKind.favourite, statusAt(to)), value: [] };
    case 'bookmark':
      return { key: keyOf(by, factKind.bookmark, statusAt(to)), value: [] };
    default:
      return { key: statusFact(statusAt(to)), value: statusValue(to) };
  }
}

function accountValue(handle: string): unknown {
  return accountRecord.encode({ handle, ...plainAccount, displayName: `The ${handle}`, fields: [] });
}

const opened: { store: Store; folder: string }[] = [];

/** A store of the product, in a folder that `closeAll` removes. */
export async function openProductStore(node: number, options: Partial<StoreOptions> = {}): Promise<Store> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'murmuration-sharing-'));
  const store = await openStore({
    node,
    now: Date.now,
    ...behaviours,
    onCommitted: () => {},
    onFault(error) {
      throw error;
    },
    ...options,
    folder,
    limits: {
      ballastBytes: 0,
      searchEveryMs: 0,
      trimEveryMs: 0,
      mapSizeBytes: 2 ** 28,
      factsAtOnce: 2,
      ...options.limits,
    },
  });
  opened.push({ store, folder });
  return store;
}

let ticks = 0;

/** The change as another core would hand it over, newer than all before it. */
export function copyOf({ key, value, full }: Change): Copy {
  const others = behaviours.addressed({ key, value: full, before: null }).map(partitionOf);
  const to = [...new Set(others)].filter((partition) => partition !== partitionOfKey(key));
  const version = makeVersion(Date.now() + 10, ++ticks, 3);
  return { key, version, packed: value === null ? null : packWire(value), live: true, to };
}

export async function closeAll(): Promise<void> {
  for (const { store, folder } of opened.splice(0)) {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export function submitted(store: Store, writes: FactWrite[]): Promise<void> {
  const outcome = store.submit(writes, { deletes: true, live: true });
  if (!outcome.ok) throw new Error(outcome.rejection.message);
  return outcome.value.done;
}

export function adopted(store: Store, copies: readonly Copy[], from: AdoptedFrom): Promise<void> {
  const outcome = store.adopt({ copies, from, positions: [] });
  if (!outcome.ok) throw new Error(outcome.rejection.message);
  return outcome.value.done;
}

/** The whole log of a store's own. */
export function logOf(store: Store) {
  const [head] = store.logs.heads();
  const origin = { origin: store.logs.own.origin, incarnation: store.incarnation };
  const entries = head === undefined ? [] : (store.logs.read(origin, 0, 1_000_000)?.entries ?? []);
  return { entries, from: { kind: 'copy', ...origin } as const };
}

/** Everything that concerns the partitions, as a scan gives it. */
export function scanned(store: Store, partitions: Iterable<number>): Copy[] {
  const facts: Copy[] = [];
  const asked = { partitions: new Set(partitions), guests: true, mostBytes: 2_000 };
  let next: string | null = null;
  do {
    const step = store.scan.step({ ...asked, after: next });
    facts.push(...step.facts.map((fact) => ({ ...fact, live: false })));
    next = step.next;
  } while (next !== null);
  return facts;
}

const everything = { from: '\0', to: '\u00ff', most: 1_000_000 };

/** All that readers of a store can see, as far as it owns it. */
export async function contentOf(store: Store) {
  await store.catchUpSearch(20_000);
  const recent = people
    .filter((account) => store.partitions.owns(partitionOf(account)))
    .map((account) => store.reader.recent(account, null, 100));
  return {
    facts: store.reader.facts(everything).map(({ key, version, value }) => ({ key, version, value })),
    views: store.reader.views(everything),
    recent,
    found: store.search({ words: ['word'], below: null, above: null, most: 100 }),
    foundAuthors: store
      .search({ words: ['word'], below: null, above: null, most: 100 })
      .every((id) => store.partitions.owns(partitionOf(statusAuthor(id)))),
  };
}
