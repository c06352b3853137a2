// Reads of what is committed: single records through the rows in memory, ranges from LMDB, newest statuses from the recent index.
import type { AccountId } from './account-id.ts';
import type { CommittedReader, FoundFact, FoundView, Range } from './behaviours.ts';
import type { Wire } from './fact.ts';
import { accountKey, afterPrefix, type Key } from './key.ts';
import type { RecentIndex } from './recent-index.ts';
import { makeStatusId, type StatusId, statusAuthor, statusMs } from './status-id.ts';
import type { Tables } from './store-environment.ts';
import type { StoreRows } from './store-rows.ts';

export function storeReader(
  tables: Pick<Tables, 'facts' | 'views'>,
  rows: StoreRows,
  recent: RecentIndex,
): CommittedReader {
  return {
    ...rows.committed,
    facts: (range: Range): FoundFact[] =>
      tables.facts
        .range(range)
        .map(({ key, value }) => ({ key, version: value.version, value: value.value })),
    views: (range: Range): FoundView[] => tables.views.range(range),
    recent: (author, below, most) => recent.newestOfOne(author, below, most),
  };
}

export interface ListedOptions {
  statusKey(id: StatusId): Key;
  listed(key: Key, value: Wire | null): StatusId | null;
}

const lastMs = 2 ** 48 - 1;
const lastSalt = 4095;

/** An author's listed statuses on the disk, newest first, below `below`. */
export function listedOnDisk(facts: Tables['facts'], { statusKey, listed }: ListedOptions) {
  return (author: AccountId, below: StatusId | null, most: number): StatusId[] => {
    const from = statusKey(makeStatusId(0, author, 0));
    let to =
      below === null ? `${statusKey(makeStatusId(lastMs, author, lastSalt))}\0` : keyBelow(below, author);
    const ids: StatusId[] = [];
    while (ids.length < most) {
      const asked = most - ids.length;
      const found = facts.range({ from, to, most: asked, reverse: true });
      for (const { key, value } of found) {
        const id = listed(key, value.value);
        if (id !== null) ids.push(id);
      }
      const last = found.at(-1);
      if (last === undefined || found.length < asked) break;
      to = last.key;
    }
    return ids;
  };

  /** The first key of the author's that is no longer below the id, which may be another author's. */
  function keyBelow(below: StatusId, author: AccountId): Key {
    const owner = statusAuthor(below);
    if (owner === author) return statusKey(below);
    const ms = statusMs(below);
    return owner > author
      ? `${statusKey(makeStatusId(ms, author, lastSalt))}\0`
      : statusKey(makeStatusId(ms, author, 0));
  }
}

/** Keys of an account's facts that are no tombstones, in order. */
export function remainingFacts(
  facts: Tables['facts'],
  options: { account: AccountId; after: Key | null; except: Key; most: number },
): Key[] {
  const prefix = accountKey(options.account);
  const to = afterPrefix(prefix);
  let from = options.after === null ? prefix : `${options.after}\0`;
  const keys: Key[] = [];
  while (keys.length < options.most) {
    const found = facts.range({ from, to, most: scanned });
    for (const { key, value } of found) {
      if (value.value !== null && key !== options.except && keys.length < options.most) keys.push(key);
    }
    const last = found.at(-1);
    if (last === undefined || found.length < scanned) break;
    from = `${last.key}\0`;
  }
  return keys;
}

const scanned = 256;
