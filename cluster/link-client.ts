// A gateway's (or an operator's) end of its link to the core: reconnects by itself and keeps the promises of core-client.ts.
import type { CoreClient, CoreEvents } from './core-client.ts';
import type { LinkClock } from './link-clock.ts';
import type { LinkLog } from './link-log.ts';
import type { LinkRole } from './link-messages.ts';
import type { LinkMeter } from './link-meter.ts';

export interface CoreLinkOptions {
  /** Path of DATA/core.link: read again at each attempt. */
  linkFile: string;
  /** Shown in the core's log and metrics, like `gateway-1`: 1 to 40 of a-z, 0-9 and `-`. */
  name: string;
  role: LinkRole;
  events: CoreEvents;
  log: LinkLog;
  meter?: LinkMeter;
  clock?: LinkClock;
  /** After this long without an answer a call is `unavailable`. 30 s unless told. */
  callTimeoutMs?: number;
}

export function connectCore(options: CoreLinkOptions): CoreClient {
  throw new Error(`not built yet: ${options.name}`);
}
