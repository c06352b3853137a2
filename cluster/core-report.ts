// What a core says of itself to people who look: `murmuration status`.
import type { Store } from '../runtime/store.ts';
import type { UserActors } from '../runtime/user-actors.ts';
import type { LinkPeer } from './link-peer.ts';

export interface CoreReportOptions {
  store: Pick<Store, 'incarnation' | 'statistics'>;
  actors: Pick<UserActors<never, never, never>, 'awake' | 'subscriptions' | 'deliveries'>;
  sessions: { readonly size: number };
  peers: Iterable<LinkPeer>;
  uptimeMs: number;
}

export function coreReport({ store, actors, sessions, peers, uptimeMs }: CoreReportOptions): object {
  return {
    pid: process.pid,
    uptimeS: Math.round(uptimeMs / 1000),
    sessions: sessions.size,
    actorsAwake: actors.awake,
    subscriptions: actors.subscriptions,
    deliveries: actors.deliveries,
    incarnation: store.incarnation,
    memoryBytes: process.memoryUsage.rss(),
    ...store.statistics(),
    links: [...peers].map(({ name, role, backlogBytes }) => ({ name, role, backlogBytes })),
  };
}
