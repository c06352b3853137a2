// Reads of what is committed: single records through the rows in memory, ranges from LMDB, newest statuses from the recent index.
import type { AccountId } from './account-id.ts';
import type { CommittedReader, FoundFact, FoundView, Range } from './behaviours.ts';
import { accountKey, afterPrefix, type Key, keyOf } from './key.ts';
import type { RecentIndex, RecentIndexOptions } from './recent-index.ts';
import type { Tables } from './store-environment.ts';
import type { StoreRows } from './store-rows.ts';

export function storeReader(
  tables: Pick<Tables, 'facts' | 'views'>,
  rows: Pick<StoreRows, 'committed'>,
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

/** An author's listed statuses on the disk, newest first, below a rest: read from keys alone. */
export function listedOnDisk(
  tables: Pick<Tables, 'presence' | 'unlisted'>,
  kind: string,
): RecentIndexOptions['read'] {
  return (author, below, most) => {
    const prefix = keyOf(author, kind);
    let to = below === null ? afterPrefix(prefix) : prefix + below;
    const rests: string[] = [];
    while (rests.length < most) {
      const asked = most - rests.length;
      const found = tables.presence.range({ from: prefix, to, most: asked, reverse: true });
      const last = found.at(-1);
      if (last === undefined) break;
      const unlisted = new Set(tables.unlisted.keys({ from: last.key, to, most: asked }));
      for (const { key, value: isPresent } of found) {
        if (isPresent && !unlisted.has(key)) rests.push(key.slice(prefix.length));
      }
      if (found.length < asked) break;
      to = last.key;
    }
    return rests.join('');
  };
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
