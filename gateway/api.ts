// The part of the public API that needs no login pages and no streams: its endpoints, and the caches behind them.
import type { Registry } from 'prom-client';
import type { Changed } from '../actors/messages.ts';
import type { CoreClient } from '../cluster/core-client.ts';
import { accountEndpoints } from './account-endpoints.ts';
import type { ApiParts } from './api-parts.ts';
import { createCacheMetrics } from './cache-metrics.ts';
import type { DeletedPosts } from './deleted-posts.ts';
import { emptyEndpoints } from './empty-endpoints.ts';
import type { Endpoint } from './endpoint.ts';
import { createFragments, type Fragments } from './fragments.ts';
import { markEndpoints } from './mark-endpoints.ts';
import { notificationEndpoints } from './notification-endpoints.ts';
import { operationsEndpoints } from './operations-endpoints.ts';
import { createPageCache } from './page-cache.ts';
import { pictureEndpoints } from './picture-endpoints.ts';
import { postingEndpoints } from './posting-endpoints.ts';
import { profileEndpoints } from './profile-endpoints.ts';
import { relationEndpoints } from './relation-endpoints.ts';
import { searchEndpoints } from './search-endpoints.ts';
import { statusEndpoints } from './status-endpoints.ts';
import { createStatusView } from './status-view.ts';
import { timelineEndpoints } from './timeline-endpoints.ts';

export interface Api {
  endpoints: Endpoint[];
  fragments: Fragments;
  /** Hand it every `changed` of the core, before it is acknowledged. */
  changed(changed: Changed): void;
  /** Forgets what is cached of these partitions: hand it every `lost`. */
  lost(partitions: ReadonlySet<number>): void;
}

export interface ApiOptions {
  client: CoreClient;
  /** Told of all that is deleted before `changed` is. */
  deleted: Pick<DeletedPosts, 'has'>;
  /** The process's registry: the caches add their metrics. */
  metrics: Registry;
  /** Mebibytes of posts and people that are remembered. */
  cacheMib?: number | undefined;
}

const usualCacheMib = 176;

export function createApi({ client, deleted, metrics, cacheMib = usualCacheMib }: ApiOptions): Api {
  const cacheMetrics = createCacheMetrics(metrics);
  const fragments = createFragments({
    client,
    deleted,
    metrics: cacheMetrics,
    mostBytes: cacheMib * 1024 * 1024,
  });
  const pages = createPageCache({ metrics: cacheMetrics, covered: () => client.covered() });
  const parts: ApiParts = { client, fragments, view: createStatusView(fragments), pages };
  return {
    fragments,
    endpoints: [
      ...timelineEndpoints(parts),
      ...statusEndpoints(parts),
      ...postingEndpoints(parts),
      ...markEndpoints(parts),
      ...profileEndpoints(parts),
      ...accountEndpoints(parts),
      ...relationEndpoints(parts),
      ...notificationEndpoints(parts),
      ...searchEndpoints(parts),
      ...emptyEndpoints(),
      ...pictureEndpoints(),
      ...operationsEndpoints(client),
    ],
    changed(changed) {
      const { statuses, accounts, deleted: gone } = changed;
      fragments.changed({ statuses: gone == null ? statuses : [...statuses, ...gone], accounts });
      pages.changed(changed);
    },
    lost(partitions) {
      fragments.lost(partitions);
      pages.clear();
    },
  };
}
