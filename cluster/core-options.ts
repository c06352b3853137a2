// What a core is opened with, and whom it serves.
import type { StoreLock } from '../runtime/store-lock.ts';
import type { StoreLimits } from '../runtime/store-options.ts';
import type { StateSchema } from '../runtime/store-schema.ts';
import type { Product } from './core-behaviours.ts';
import type { CoreLog } from './core-log.ts';
import type { TrialBounds } from './core-trial-scripts.ts';
import type { LinkPeer } from './link-peer.ts';
import type { Ring } from './ring.ts';

export interface CoreOptions {
  product: Product;
  /** Where the store is. */
  folder: string;
  /** This node's number, at least 1. */
  node: number;
  /** Milliseconds since 1970. What the core goes by is never behind a version it has given or seen. */
  now: () => number;
  /** The same as it is, whatever was given or seen: for clocks to be compared. `now`, unless told. */
  wall?: () => number;
  chance: () => number;
  rateLimit: { requests: number; windowS: number };
  /** Sign-ups (and, counted apart, apps) an address may make in an hour; 0: without limit. */
  signUpsAnHour: number;
  idleMs: number;
  log: CoreLog;
  /** How it is one of several. Without: it is the only one, for good. */
  cluster?: CoreShare;
  /** The disk failed: nothing more is accepted; the process must end. */
  onFault(error: Error): void;
  limits?: Partial<StoreLimits>;
  /** What it reads and writes of stored state; absent: the first schema. */
  schema?: StateSchema;
  /** The store's, where it is held already. */
  lock?: StoreLock;
  slice?: number;
  /** How long a trial of other behaviours may take, and how much memory. */
  trial?: Partial<TrialBounds>;
}

/** A core's part in a cluster. */
export interface CoreShare {
  /** Of this process: another one after each start. */
  boot: string;
  ring: Ring;
  epoch: number;
  /** The cluster begins with this store: what it owns it has, whatever that is. Only at the first start. */
  isFounder: boolean;
}

/** The gateways and operators linked to this core. */
export interface Peers {
  readonly peers: Iterable<LinkPeer>;
  fence(): Promise<void>;
  /** From now on partitions are served that somebody else served before: gateways may still hold a lease of that one. */
  tookOver?(): void;
}
