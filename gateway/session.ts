// A session: one client's socket, what it listens to and what it has not taken yet. Kept small: there are tens of thousands.
import type { AccountId } from '../runtime/account-id.ts';
import { covers } from './access.ts';
import type { Caller } from './endpoint.ts';
import { Outbox } from './session-outbox.ts';
import type { Phase, Seat } from './session-table.ts';
import type { KnownAccounts, StreamEvent } from './streaming-event.ts';
import type { Stream, StreamForm } from './streaming-protocol.ts';

/** The account's own streams that a session listens to, as bits. */
export const heard = { user: 1, notification: 2, direct: 4 } as const;

/** Why the server ends a stream. 1008: do not come back with this token. 1012, 1013: come back, with the cursor. */
export interface Closing {
  code: 1003 | 1008 | 1009 | 1012 | 1013;
  reason:
    | 'binary-frame'
    | 'token-revoked'
    | 'too-large'
    | 'service-restart'
    | 'slow-consumer'
    | 'busy'
    | 'too-many-commands';
}

export interface SessionOptions {
  caller: Caller;
  account: AccountId;
  /** `https://example.org`: what its links begin with. */
  origin: string;
  form: StreamForm;
}

/** How much of what waits is handed to the network at once. */
const burstBytes = 64 * 1024;

export abstract class Session implements Seat {
  number = 0;
  phase: Phase = 'waiting';
  core = 0;
  since: string | null = null;
  settles: Seat['settles'] = null;
  had: Seat['had'] = null;

  readonly account: AccountId;
  readonly token: string;
  readonly tokenId: string;
  readonly origin: string;
  readonly form: StreamForm;
  readonly mayReadStatuses: boolean;
  readonly mayReadNotifications: boolean;

  /** Bits of `heard`. */
  hears = 0;
  /** Streams that are fed by topics. */
  topicStreams: Stream[] = noStreams;
  /** What the present tick has for it. */
  pending: StreamEvent | StreamEvent[] | null = null;
  /** What it has not taken. Null: nothing. */
  outbox: Outbox | null = null;
  /** Its client reads anew when it is told to: it has spoken of cursors. */
  knowsResync = false;
  /** Too far behind: nothing is sent until it has read what it was sent before. Ends it when that takes too long; null: it is not. */
  overrun: NodeJS.Timeout | null = null;
  /** Compact: accounts it has been sent in full. */
  known: KnownAccounts | null = null;
  isOpen = true;
  /** Its client wants to know where it starts: before anything happens it has nothing else to resume from. */
  asksCursor = false;
  /** Counts how often its server was lost: what was asked before says nothing now. */
  link = 1;
  /** Its `link` when its token was last good. */
  checkedAt = 0;
  /** How often in a row the core was too busy for it. */
  tries = 0;

  constructor({ caller, account, origin, form }: SessionOptions) {
    this.account = account;
    this.token = caller.token;
    this.tokenId = caller.tokenId;
    this.origin = origin;
    this.form = form;
    this.mayReadStatuses = covers(caller.scopes, 'read:statuses');
    this.mayReadNotifications = covers(caller.scopes, 'read:notifications');
  }

  /** Hands frames to the network. False: they were taken, but no more may follow until `drained`. Not called once closed. */
  protected abstract write(frame: Uint8Array): boolean;
  protected abstract writeAll(frames: Uint8Array[]): boolean;
  /** Ends the stream and tells the client why, as far as its transport can. */
  protected abstract finish(closing: Closing): void;

  /** Sends, or keeps for later what the socket does not take now. False: it is too far behind, and its frames are lost. */
  send(frame: Uint8Array): boolean {
    if (this.overrun !== null) return true;
    if (this.outbox !== null) return this.outbox.push(frame, !this.#isCatchingUp());
    if (!this.write(frame)) this.outbox = new Outbox();
    return true;
  }

  /** The same for several frames, in one piece where nothing is waiting. */
  sendAll(frames: Uint8Array[]): boolean {
    if (this.overrun !== null) return true;
    let next = 0;
    while (this.outbox === null && next < frames.length) {
      const from = next;
      for (let bytes = 0; next < frames.length; next++) {
        bytes += frames[next]?.length ?? 0;
        if (bytes > burstBytes && next > from) break;
      }
      if (!this.writeAll(frames.slice(from, next))) this.outbox = new Outbox();
    }
    return frames.slice(next).every((frame) => this.send(frame));
  }

  /** The network has taken everything. */
  drained(): void {
    const { outbox } = this;
    if (outbox === null) return;
    while (!outbox.isEmpty) if (!this.writeAll(outbox.take(burstBytes))) return;
    this.outbox = null;
  }

  end(closing: Closing): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.outbox = null;
    this.isBack();
    this.finish(closing);
  }

  /** What it has not taken is for nobody any more, nor is what comes now, until `isBack`. `tooLate` runs when that is not in time. */
  isBehind(withinMs: number, tooLate: () => void): void {
    this.outbox?.clear();
    this.overrun ??= setTimeout(tooLate, withinMs).unref();
  }

  isBack(): void {
    if (this.overrun !== null) clearTimeout(this.overrun);
    this.overrun = null;
  }

  /** Before the core's answer and shortly after it, what was missed arrives: that may be a lot. */
  #isCatchingUp(): boolean {
    return this.phase === 'attaching' || this.phase === 'settling';
  }
}

/** Shared by all that listen to no topic. */
const noStreams: Stream[] = [];
