// Whole answers that are the same for everybody who is not logged in: kept for a moment, dropped when anything in them changes.
import { LRUCache } from 'lru-cache';
import type { Changed } from '../actors/messages.ts';
import type { CoreClient } from '../cluster/core-client.ts';
import type { AccountId } from '../runtime/account-id.ts';
import type { StatusId } from '../runtime/status-id.ts';
import type { CacheMetrics } from './cache-metrics.ts';
import type { ApiResponse } from './endpoint.ts';

export interface CachedPage {
  response: ApiResponse;
  statuses: ReadonlySet<StatusId>;
  accounts: ReadonlySet<AccountId>;
}

export interface PageCache {
  /** The page under this key, or a new one. Who asks while it is being made waits for the same. */
  get(key: string, make: () => Promise<CachedPage>): Promise<ApiResponse>;
  changed(changed: Pick<Changed, 'statuses' | 'accounts'>): void;
  clear(): void;
}

interface Kept extends CachedPage {
  untilMs: number;
}

interface Making {
  promise: Promise<CachedPage>;
  /** What has changed since it was begun: a page that shows any of it is not kept. */
  changed: Set<StatusId | AccountId>;
}

/** How long nobody who is not logged in sees a new post. */
const keptMs = 1000;
const mostPages = 64;

export interface PageCacheOptions {
  metrics: CacheMetrics;
  /** A page is shown from memory while all whom it shows are covered. */
  covered: CoreClient['covered'];
  /** Milliseconds that never go back. */
  now?: () => number;
}

export function createPageCache({
  metrics,
  covered,
  now = () => performance.now(),
}: PageCacheOptions): PageCache {
  const pages = new LRUCache<string, Kept>({ max: mostPages });
  const making = new Map<string, Making>();
  const counts = { hits: 0, misses: 0 };
  metrics.lookups('page', counts);

  async function run(key: string, make: () => Promise<CachedPage>): Promise<CachedPage> {
    const mine: Making = { promise: make(), changed: new Set() };
    making.set(key, mine);
    try {
      const page = await mine.promise;
      if (making.get(key) === mine && !shows(page, mine.changed)) {
        pages.set(key, { ...page, untilMs: now() + keptMs });
      }
      return page;
    } finally {
      if (making.get(key) === mine) making.delete(key);
    }
  }

  return {
    async get(key, make) {
      const kept = pages.get(key);
      if (kept !== undefined && now() < kept.untilMs && [...kept.accounts].every(covered())) {
        counts.hits++;
        return kept.response;
      }
      counts.misses++;
      const other = making.get(key);
      // A page begun before a change may show what was there before it: who comes after the change begins anew.
      const joins = other !== undefined && other.changed.size === 0;
      return (await (joins ? other.promise : run(key, make))).response;
    },

    changed({ statuses, accounts }) {
      const changed = new Set<StatusId | AccountId>([...statuses, ...accounts]);
      for (const one of making.values()) for (const id of changed) one.changed.add(id);
      for (const [key, page] of pages.entries()) if (shows(page, changed)) pages.delete(key);
    },

    clear() {
      pages.clear();
      making.clear();
    },
  };
}

function shows({ statuses, accounts }: CachedPage, changed: ReadonlySet<StatusId | AccountId>): boolean {
  for (const id of changed) {
    if (typeof id === 'string' ? statuses.has(id) : accounts.has(id)) return true;
  }
  return false;
}
