// A gateway's link after its lease: what comes is kept unprocessed for a while, because the lease may begin again with nothing lost.
import { MalformedError } from '../runtime/codec.ts';
import type { HeldLease } from './link-lease.ts';
import { fromCore, isBare } from './link-messages.ts';
import { backlogHardBytes } from './link-outbox.ts';

/**
 * So long a silence may last within one machine. There nobody else takes over what the core serves and loopback loses nothing: a core that says
 * nothing is at work or out of memory, not out of reach, and ended links would be all streams of all gateways to attach on top of that.
 */
const ownMostMs = 30_000;
/** Between machines: a connection that the network has swallowed must make way for a new one. */
const remoteMostMs = 5000;

/** Both ends come to the same. `isOwn`: core and gateway are on one machine. */
export function silenceMostMsOf(isOwn: boolean): number {
  return isOwn ? ownMostMs : remoteMostMs;
}

/** So much may have come meanwhile. */
const silenceMostBytes = backlogHardBytes;

export class LinkSilence {
  readonly #lease: HeldLease;
  readonly #mostMs: number;
  #bytes = 0;

  /** `mostMs`: 0 for links that end with their lease. */
  constructor(lease: HeldLease, mostMs: number) {
    this.#lease = lease;
    this.#mostMs = mostMs;
  }

  /** Whether the link goes on, its lease being over or not, with this much more to keep. */
  mayLast(nowMs: number, bytes = 0): boolean {
    this.#bytes += bytes;
    return nowMs < this.#lease.endsAtMs + this.#mostMs && this.#bytes <= silenceMostBytes;
  }

  /**
   * Whether a pong among these answers a ping that was sent less than a lease ago, whatever waits before it. Then the core had not given this link
   * up when it answered: until the lease is over all of its fences wait for what is processed here, in the order sent. Throws MalformedError.
   */
  isEndedBy(messages: unknown[], nowMs: number): boolean {
    for (const message of messages) {
      if (isBare(message)) continue;
      if (!Array.isArray(message)) throw new MalformedError('', 'a list');
      if (message[0] !== 'pong') continue;
      const told = fromCore.decode(message);
      if (told.kind === 'pong') this.#lease.extend(told.id);
    }
    if (!this.#lease.holds(nowMs)) return false;
    this.#bytes = 0;
    return true;
  }
}
