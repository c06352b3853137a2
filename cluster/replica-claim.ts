// A claim of several partitions at once, as long as it is under way. What is done with it replica-claims.ts and replica-gathering.ts say.
import type { PeerMessage } from './peer-messages.ts';

export type Granted = Extract<PeerMessage, { kind: 'granted' }>;

export interface Claim {
  id: number;
  phase: 'asking' | 'gathering' | 'storing';
  atMs: number;
  /** So many times as long as a first claim it may take: what was claimed in vain may have had too little time. */
  patience: number;
  /** Of those still hoped for. */
  terms: Map<number, number>;
  isSelfGranted: boolean;
  /** Others have been asked. */
  isAsked: boolean;
  answers: Map<number, Granted>;
  /** Pulls, scans and gives under way. */
  open: Set<number>;
  /** Since when somebody who has yet to answer is not linked; null: all are. */
  aloneMs: number | null;
}
