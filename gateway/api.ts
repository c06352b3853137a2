// The part of the public API that needs no login pages and no streams: its endpoints, and the caches behind them.
import type { Registry } from 'prom-client';
import type { Changed } from '../actors/messages.ts';
import type { CoreClient } from '../cluster/core-client.ts';
import { accountEndpoints } from './account-endpoints.ts';
import type { ApiParts } from './api-parts.ts';
import { createCacheMetrics } from './cache-metrics.ts';
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
  /** Forgets all that is cached: hand it every `down`. */
  clear(): void;
}

export interface ApiOptions {
  client: CoreClient;
  /** The process's registry: the caches add their metrics. */
  metrics: Registry;
}

export function createApi({ client, metrics }: ApiOptions): Api {
  const cacheMetrics = createCacheMetrics(metrics);
  const fragments = createFragments({ client, metrics: cacheMetrics });
  const pages = createPageCache({ metrics: cacheMetrics, isUp: () => client.isUp });
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
      fragments.changed(changed);
      pages.changed(changed);
    },
    clear() {
      fragments.clear();
      pages.clear();
    },
  };
}
