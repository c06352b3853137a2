// What user actors are opened with: the product, what they need of a store, and who is told of what.
import type { AccountId } from './account-id.ts';
import type { Behaviours, PointReader, Reader, Rejection } from './behaviours.ts';
import type { FactWrite } from './fact.ts';
import type { Gathering, Wanted } from './gathering.ts';
import type { Version } from './version.ts';

/** What the actors need of a store. */
export interface Facts {
  readonly reader: Reader;
  /** Sees writes that are on their way. */
  readonly writing: PointReader;
  /** Null when such a write would be taken now. */
  refusal(intent: 'writes' | 'deletes'): Rejection | null;
  /** The versions get the time given, or a later one when such were given before. */
  submit(writes: FactWrite[], options: { deletes: boolean; live: boolean; nowMs: number }): Promise<void>;
  gather(wanted: Wanted): Gathering | Promise<Gathering>;
}

export interface UserActorsOptions<State, Message extends { kind: string }, Item> {
  /** The product of now: another one after `swapped`. */
  behaviours: () => Behaviours<State, Message, Item>;
  /** What its code is called in reports. */
  codeName?: string;
  facts: Facts;
  /** Milliseconds since 1970. Never goes back, and is never behind a version that was given. */
  now: () => number;
  chance: () => number;
  /** Pushes collected since the last flush, for sessions and topics. Called at most once a turn. */
  flush(pushes: Pushes<Item>, watermark: Version): void;
  /** Settles when every gateway has taken in what was sent before. */
  fence(): Promise<void>;
  /** Turns the rest of an account's facts into tombstones, in the background. */
  sweep(account: AccountId): void;
  /** The behaviour threw: the actor is started anew from facts at its next message. */
  crashed(account: AccountId, error: unknown): void;
  /** After a swap: an actor went over to the new code. How long nothing could reach it. */
  migrated?(tookMs: number): void;
  /** After a swap: its state could not be taken over; it stays with the code it has, and is tried again after the next swap. */
  stayed?(account: AccountId, error: unknown): void;
  /** Everything is on this machine; absent: always. */
  hasAll?(): boolean;
  /** Somebody receives what the author announces, or nobody does any more. */
  interest?(author: AccountId, isWanted: boolean): void;
  start: Version;
  idleMs?: number;
  mailbox?: number;
  slice?: number;
}

/** Items and the sessions and topics they are for, in the order in which they were first pushed. */
export interface Pushes<Item> {
  sessions: Map<Item, number[]>;
  topics: Map<Item, string[]>;
}
