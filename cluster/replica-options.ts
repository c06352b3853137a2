// What a replica is made of, and what it tells of itself. What it needs of the world is described in replica-ports.ts.
import type { Key } from '../runtime/key.ts';
import type { Copy, Lane, Term } from './peer-messages.ts';
import type { PeerIdentity, ReplicaClock, ReplicaStore, Send } from './replica-ports.ts';
import type { Ring } from './ring.ts';

/** Called from within the replica's own methods: who is told may read it, and changes nothing in it. */
export interface ReplicaEvents {
  /** What this node serves has changed: gateways are to know. */
  serving(version: number, terms: readonly Term[]): void;
  /**
   * Entries of others, on the disk if they are facts here, in the order in which they were sent. `relayed`: by the committed lane, from
   * the relay of the node; they may be late, and below the watermark.
   */
  arrived(from: number, lane: Lane | 'relayed' | 'pulled', entries: readonly Copy[]): void;
  /** More of the own log is stored by enough owners, or passed over. */
  stored(): void;
  /** The watermark may have moved. */
  horizonMoved(): void;
  /** `wantedThrough` may have moved. */
  wanted(): void;
  /** Partitions owned and not there yet. */
  scanned(facts: number, missing: number): void;
  /** A peer knows an older ring, or a newer one. */
  epochOf(node: number, epoch: number): void;
  /** Owners of a partition differed for long; the facts that were lacking here are on the disk now. */
  repaired(partition: number, facts: number): void;
  /** What authors who are only wanted have written may be missing for good. */
  missed(): void;
  /** A peer's clock is too far ahead. */
  ahead(node: number): void;
}

export interface ReplicaOptions {
  self: PeerIdentity;
  store: ReplicaStore;
  clock: ReplicaClock;
  ring: Ring;
  epoch: number;
  send: Send;
  /** The link takes more now; the replica is told by `writable` when it does again. */
  isWritable(node: number): boolean;
  partitionOf(key: Key): number;
  /** Whether a partition that is here can be answered for; absent: always. */
  mayServe?(partition: number): boolean;
  /** Whether requests about a partition have begun that have not been answered: for a while it is not handed over then; absent: never. */
  isBusy?(partition: number): boolean;
  /** From 0 up to, but not, 1: so that two who do the same at once do not go on doing so. */
  chance(): number;
  events: ReplicaEvents;
  /** How often a server says up to where its partitions are closed: how far the watermark is behind, at least. */
  closedEveryMs: number;
  /** How often one served partition is compared with its other owners. */
  digestEveryMs: number;
}
