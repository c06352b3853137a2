// Is a release pointer that came from somewhere one to follow? A pure function of it and of what this node knows.
import { sameBytes } from './packed.ts';
import {
  isSignedPointer,
  PointerError,
  type ReleasePointer,
  readPointer,
  type SignedPointer,
} from './release-pointer.ts';

export interface PointerKnown {
  channel: string;
  /** The last one that was accepted on this channel, ever; null: none. */
  last: Pick<SignedPointer, 'seq' | 'value'> | null;
  /** See release-handover.ts. */
  isTrusted(publicKey: Uint8Array): boolean;
  nowMs: number;
}

/** `conflict`: the signer has signed two under one seq. `newer`: an agent of a later release wrote it. */
export type PointerRefusal =
  | 'malformed'
  | 'newer'
  | 'unknown-key'
  | 'wrong-signature'
  | 'other-channel'
  | 'old-seq'
  | 'conflict'
  | 'expired';

export type PointerJudgement =
  | { kind: 'accepted'; pointer: ReleasePointer }
  /** It is the last one again. */
  | { kind: 'known'; pointer: ReleasePointer }
  | { kind: 'refused'; code: PointerRefusal; reason: string };

/** Never throws, whatever came. An expired one is refused even as the last again: it is passed on to nobody. */
export function judgePointer(received: SignedPointer, known: PointerKnown): PointerJudgement {
  let pointer: ReleasePointer;
  if (!known.isTrusted(received.publicKey))
    return refused('unknown-key', 'it is signed by a key that this cluster does not trust');
  try {
    pointer = readPointer(received.value);
  } catch (error) {
    if (!(error instanceof PointerError)) throw error;
    return refused(error.code, error.message);
  }
  if (pointer.channel !== known.channel)
    return refused('other-channel', `it is for channel ${pointer.channel}, not ${known.channel}`);
  if (!Number.isSafeInteger(received.seq) || received.seq < 1 || !isSignedPointer(received, known.channel))
    return refused('wrong-signature', 'its signature is wrong');
  if (known.last !== null && received.seq < known.last.seq)
    return refused('old-seq', `it has seq ${received.seq}, and ${known.last.seq} was seen`);
  const isLast = known.last !== null && received.seq === known.last.seq;
  if (isLast && !sameBytes(received.value, known.last?.value ?? received.value))
    return refused('conflict', `two different pointers are signed with seq ${received.seq}`);
  if (pointer.expiryMs <= known.nowMs)
    return refused('expired', `it expired at ${textOf(pointer.expiryMs)}: deploy it again`);
  return { kind: isLast ? 'known' : 'accepted', pointer };
}

function refused(code: PointerRefusal, reason: string): PointerJudgement {
  return { kind: 'refused', code, reason };
}

function textOf(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString();
}
