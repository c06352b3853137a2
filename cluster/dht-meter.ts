// What the DHT counts. Which registry the counts end up in is the program's concern.
import type { DropReason } from './dht-guard.ts';

export type DhtEvent =
  | 'packets-in'
  | 'packets-out'
  /** Sealed by a member, but no message that nodes of ours send. */
  | 'malformed'
  /** The library threw over a packet that had passed all checks. */
  | 'faults'
  /** Plain packets, through the door, and those of them that were dropped: too many, no message of BEP 5, or not for strangers. */
  | 'door-in'
  | 'door-out'
  | 'door-flood'
  | 'door-malformed'
  | 'door-refused'
  | DropReason;

export interface DhtMeter {
  count(event: DhtEvent, by: number): void;
}

export const noDhtMeter: DhtMeter = { count() {} };
