// What swarms count. Which registry the counts end up in is the program's concern.

export type SwarmEvent =
  | 'bytes-in'
  | 'bytes-out'
  /** Content only, without messages around it. */
  | 'content-in'
  | 'content-out'
  | 'wasted'
  | 'pieces-verified'
  | 'pieces-wrong'
  | 'pieces-reused'
  | 'peers-met'
  | 'peers-refused'
  | 'peers-banned'
  /** Bytes that are no BitTorrent, or more of it than is allowed. */
  | 'malformed'
  | 'requests-timed-out'
  | 'faults';

export interface SwarmMeter {
  count(event: SwarmEvent, by: number): void;
}

export const noSwarmMeter: SwarmMeter = { count() {} };
