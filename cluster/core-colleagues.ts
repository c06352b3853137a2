// A core's links to all other cores, to ask them for what it does not have. Replication goes over wires of its own.

import type { LinkLog } from './link-log.ts';
import type { LinkMeter } from './link-meter.ts';
import { connectCores, type RoutingClient } from './routing-client.ts';
import type { RoutingIdentity } from './routing-cores.ts';

export interface ColleaguesOptions {
  node: number;
  identity: RoutingIdentity;
  log: LinkLog;
  meter: LinkMeter;
}

/** Starts without any: `setCores` says who they are. */
export function connectColleagues({ node, identity, log, meter }: ColleaguesOptions): RoutingClient {
  return connectCores({
    own: null,
    identity,
    name: `core-${node}`,
    role: 'core',
    log,
    meter,
    events: {
      // Cores push nothing to each other here.
      tick() {},
      changed() {},
      lost() {},
      served() {},
      up() {},
      down() {},
      metrics: () => Promise.resolve([]),
    },
  });
}
