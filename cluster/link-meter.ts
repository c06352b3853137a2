// What links count. Which registry the counts end up in is the program's concern.

export type LinkEvent =
  | 'frames-in'
  | 'frames-out'
  | 'bytes-in'
  | 'bytes-out'
  | 'messages-in'
  | 'messages-out'
  /** A handshake with a wrong proof, a replayed one, a wrong version, a wrong form. */
  | 'handshakes-refused'
  | 'handshakes-timed-out'
  /** Connections over the bound of those that have not proved themselves. */
  | 'strangers-refused'
  | 'links-opened'
  | 'links-closed'
  | 'malformed-frames'
  | 'malformed-asks'
  | 'malformed-answers'
  /** Requests answered `busy` because too much is under way. */
  | 'busy'
  /** A peer that did not take what was sent to it. */
  | 'slow-peers'
  /** A peer from which nothing came for the time of a lease. */
  | 'silent-peers'
  /** The lease was over and has begun again, with nothing lost in between. */
  | 'links-revived'
  | 'faults'
  | 'calls-timed-out';

export interface LinkMeter {
  count(event: LinkEvent, by: number): void;
}

export const noMeter: LinkMeter = { count() {} };
