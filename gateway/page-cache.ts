// Whole answers that are the same for everybody who is not logged in (timelines, what a search found): kept for a moment, dropped when anything in them changes.
import type { Changed } from '../actors/messages.ts';
import type { CoreClient } from '../cluster/core-client.ts';
import type { AccountId } from '../runtime/account-id.ts';
import { type StatusId, statusAuthor, statusMs } from '../runtime/status-id.ts';
import type { CacheMetrics } from './cache-metrics.ts';
import type { ApiRequest, ApiResponse } from './endpoint.ts';
import type { AccountFragment } from './fragments.ts';
import type { Seen } from './status-view.ts';

export interface CachedPage {
  response: ApiResponse;
  statuses: ReadonlySet<StatusId>;
  accounts: ReadonlySet<AccountId>;
}

export interface PageCache {
  /**
   * The answer to everybody who is not logged in and asks the same: what is kept, or a new one. Who asks while it is being made waits for
   * the same. `make` sees nothing of the request but its path and its input.
   */
  get(request: Asked, make: () => Promise<CachedPage>): Promise<ApiResponse>;
  /** Who has only posted stays where it is shown: its count of posts may be as old as the page. */
  changed(changed: Pick<Changed, 'statuses' | 'accounts' | 'deleted'>): void;
  clear(): void;
}

export type Asked = Pick<ApiRequest, 'caller' | 'origin' | 'path' | 'input'>;

interface Kept extends CachedPage {
  untilMs: number;
}

interface Making {
  promise: Promise<CachedPage>;
  /** What has changed since it was begun: a page that shows any of it is not kept. */
  changed: Set<StatusId | AccountId>;
}

/** How long nobody who is not logged in sees a new post, at most (Mastodon lets caches keep the same pages for 15 s). */
const keptMs = 5000;
/** What is younger was made just now: it is not a change of something that has been there. */
const newMs = 2000;
/** Made within that time: each change looks at them all. */
const mostPages = 256;
/** Longer ones are made anew each time. */
const mostKey = 500;

export interface PageCacheOptions {
  metrics: CacheMetrics;
  /** A page is shown from memory while all whom it shows are covered. */
  covered: CoreClient['covered'];
  /** Milliseconds that never go back. */
  now?: () => number;
  /** Milliseconds since 1970. */
  wallNow?: () => number;
}

export function createPageCache({
  metrics,
  covered,
  now = () => performance.now(),
  wallNow = Date.now,
}: PageCacheOptions): PageCache {
  /** In the order in which they were made, which is that in which they end. */
  const pages = new Map<string, Kept>();
  const making = new Map<string, Making>();
  const counts = { hits: 0, misses: 0 };
  metrics.lookups('page', counts);

  async function run(key: string, make: () => Promise<CachedPage>): Promise<CachedPage> {
    const mine: Making = { promise: make(), changed: new Set() };
    making.set(key, mine);
    try {
      const page = await mine.promise;
      if (making.get(key) === mine && !shows(page, mine.changed)) {
        keep(key, page);
      }
      return page;
    } finally {
      if (making.get(key) === mine) making.delete(key);
    }
  }

  function keep(key: string, page: CachedPage): void {
    const nowMs = now();
    pages.delete(key);
    for (const [oldest, { untilMs }] of pages) {
      if (nowMs < untilMs && pages.size < mostPages) break;
      pages.delete(oldest);
    }
    pages.set(key, { ...page, untilMs: nowMs + keptMs });
  }

  return {
    async get({ caller, origin, path, input }, make) {
      // The Link header repeats the query: what is not in the key must not be in the page.
      const key = JSON.stringify([origin, path, input]);
      if (caller !== null || key.length > mostKey) return (await make()).response;
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

    changed({ statuses, accounts, deleted }) {
      const gone = deleted ?? [];
      const sinceMs = wallNow() - newMs;
      const authors = new Set(statuses.filter((id) => statusMs(id) > sinceMs).map(statusAuthor));
      for (const id of gone) authors.delete(statusAuthor(id));
      const others = accounts.filter((account) => !authors.has(account));
      const changed = new Set<StatusId | AccountId>([...statuses, ...gone, ...others]);
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

/** With the posts and people that it shows, and in one piece. */
export function cachedPage(
  response: ApiResponse,
  seen: readonly Seen[],
  people: readonly AccountFragment[] = [],
): CachedPage {
  const posts = seen.flatMap(({ post, boosted }) => (boosted === null ? [post] : [post, boosted.post]));
  return {
    response: inOnePiece(response),
    statuses: new Set(posts.map(({ row }) => row.id)),
    accounts: new Set([...posts.map(({ author }) => author), ...people].map(({ row }) => row.id)),
  };
}

function inOnePiece(response: ApiResponse): ApiResponse {
  if (response.body.kind !== 'pieces') return response;
  return { ...response, body: { ...response.body, pieces: [Buffer.concat(response.body.pieces)] } };
}
