// What a core that is behind gives up first: searches, then timelines of idle clients. Posts and streams go on.
import type { Ask, RequestKind } from '../actors/messages.ts';
import type { AccountId } from '../runtime/account-id.ts';
import type { Rejection } from '../runtime/behaviours.ts';
import { backlogSoftBytes } from './link-outbox.ts';

/** 0: nothing is given up. 1: searches. 2: and timelines of idle clients. */
export type Behind = 0 | 1 | 2;

export interface PressureOptions {
  /** Milliseconds that never go back. */
  monoMs(): number;
  /** What waits to be sent to the gateway that is furthest behind. */
  backlogBytes(): number;
  /** Somebody listens to this account's timeline, or has asked for something within the last minutes. */
  isAwake(account: AccountId): boolean;
}

export const lookEveryMs = 100;
/** Turns of the event loop are late by so much, on average over some seconds: whoever asks waits for several of them. */
const lateMs = { some: 200, much: 400 };
/** One turn, however long, is not being behind. */
const mostLateMs = 600;
const backlog = { some: backlogSoftBytes / 4, much: backlogSoftBytes };
/** Of the last look in the average. */
const share = 0.1;
/** What was given up stays so for as long: work that comes back at once would push it back where it was. */
const restMs = 3_000;

const searches: ReadonlySet<RequestKind> = new Set(['searchAccounts', 'searchStatuses', 'searchTags']);

const behind: Rejection = {
  code: 'behind',
  message: 'The server is behind with its deliveries. Try again soon.',
};

export class Pressure {
  readonly #options: PressureOptions;
  #lookedMs: number;
  #late = 0;
  #level: Behind = 0;
  #seenMs = 0;

  constructor(options: PressureOptions) {
    this.#options = options;
    this.#lookedMs = options.monoMs();
  }

  get level(): Behind {
    return this.#level;
  }

  /** To be called every `lookEveryMs`: by how much later it is, is looked at. */
  look(): void {
    const nowMs = this.#options.monoMs();
    const lateByMs = Math.min(mostLateMs, Math.max(0, nowMs - this.#lookedMs - lookEveryMs));
    this.#lookedMs = nowMs;
    this.#late += (lateByMs - this.#late) * share;
    const level = this.#seen(this.#options.backlogBytes());
    if (level < this.#level && nowMs - this.#seenMs < restMs) return;
    this.#level = level;
    this.#seenMs = nowMs;
  }

  #seen(backlogBytes: number): Behind {
    if (this.#late >= lateMs.much || backlogBytes >= backlog.much) return 2;
    return this.#late >= lateMs.some || backlogBytes >= backlog.some ? 1 : 0;
  }

  /** Why this is not done now; null: it is. */
  refusal<K extends RequestKind>(kind: K, ask: Ask<K>): Rejection | null {
    if (this.#level === 0) return null;
    if (searches.has(kind)) return behind;
    if (this.#level === 1 || kind !== 'home') return null;
    return this.#options.isAwake((ask as Ask<'home'>).account) ? null : behind;
  }
}
