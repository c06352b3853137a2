// The seam between the runtime and a product: what a product's pure code is asked, and what it may answer. No code, only types.
import type { AccountId } from './account-id.ts';
import type { FactWrite, Wire } from './fact.ts';
import type { Key } from './key.ts';
import type { StatusId } from './status-id.ts';
import type { Version } from './version.ts';

export interface Range {
  /** First key, included. */
  from: Key;
  /** First key no longer included. */
  to: Key;
  /** Most records given back. */
  most: number;
  /** Newest (highest) first: from just below `to`, downwards. */
  reverse?: boolean;
}

/** A stored fact; a null value is a tombstone. */
export interface StoredFact {
  version: Version;
  value: Wire | null;
  /** Only of a tombstone: the partitions, beside its own, that its former value was addressed to. */
  to?: readonly number[];
}

export interface FoundFact extends StoredFact {
  key: Key;
}

export interface FoundView {
  key: Key;
  value: Wire;
}

/** Looks up single records. Inside `receive` and `derive` it also sees writes that are on their way to the disk. */
export interface PointReader {
  fact(key: Key): StoredFact | null;
  /** Undefined when there is none. */
  view(key: Key): Wire | undefined;
}

/** Looks up single records and ranges of what is committed. */
export interface CommittedReader extends PointReader {
  /** Tombstones included. */
  facts(range: Range): FoundFact[];
  views(range: Range): FoundView[];
  /** The newest statuses of an author below `below` (null: from the newest), newest first. */
  recent(author: AccountId, below: StatusId | null, most: number): StatusId[];
}

/** All that the product's reads may ask. */
export interface Reader extends CommittedReader {
  /**
   * Something that was read is on another machine and comes later: it was answered as if nothing were there, and the whole read will be
   * made again. Reading on is of no use.
   */
  readonly lacks?: boolean;
  /** Whether it is this machine that answers for the account; absent: for all. */
  serves?(account: AccountId): boolean;
  /** Statuses that hold all of these words, newest first, exclusive bounds. */
  find(
    words: readonly string[],
    bounds: { below: StatusId | null; above: StatusId | null; most: number },
  ): StatusId[];
}

/** A fact as it enters the log. */
export interface Entry extends FoundFact {
  before: StoredFact | null;
  /** False for facts that are brought in from outside (import): derived and listed, but not pushed to anyone. */
  live: boolean;
}

/** What tells to whom a fact is addressed. */
export type Addressing = Pick<Entry, 'key' | 'value' | 'before'>;

/** Derived state: null deletes. */
export interface ViewWrite {
  key: Key;
  value: Wire | null;
}

/** Where a committed entry goes. Items are the product's; the runtime carries them. */
export type Route<Item> =
  | { kind: 'followers'; author: AccountId; item: Item }
  | { kind: 'account'; account: AccountId; item: Item }
  /** To gateways that listen to one of these topics. */
  | { kind: 'topics'; topics: string[]; item: Item };

/** What changed for caches that hold rendered rows. */
export interface Touched {
  statuses: StatusId[];
  accounts: AccountId[];
}

/** An expected refusal: a value, never thrown. */
export interface Rejection {
  code: RejectionCode;
  message: string;
}

export type RejectionCode =
  | 'invalid' // the request can't be done as it stands (422)
  | 'not-found' // 404
  | 'forbidden' // 403
  | 'unauthorized' // 401
  | 'taken' // the handle is in use (422)
  | 'rate-limited' // 429
  | 'behind' // 429: given up for what matters more
  | 'busy' // a mailbox or queue is full (503)
  | 'read-only' // the disk is nearly full (503)
  | 'unavailable' // no core within reach (503)
  | 'moved'; // another core serves it: between cores and gateways only, never said to a client

export type Outcome<T> = { ok: true; value: T } | { ok: false; rejection: Rejection };

/**
 * What an actor asks the runtime to do, in this order. Everything after `persist` waits until the facts, and all facts before them,
 * are on the disk (also when there is nothing to write);
 * everything after `fence` until every gateway has taken in what was announced before.
 */
export type Effect<Item> =
  /** Write facts in one transaction. */
  | { kind: 'persist'; writes: FactWrite[]; deletes: boolean; live: boolean }
  | { kind: 'fence' }
  /** Answers a request: the one being handled (`moment.request`) or one that was kept waiting. */
  | { kind: 'reply'; request: number; outcome: Outcome<unknown> }
  /** Receive what these authors announce from now on. */
  | { kind: 'subscribe'; authors: Iterable<AccountId> }
  | { kind: 'unsubscribe'; authors: Iterable<AccountId> }
  /**
   * Ask for the newest statuses of authors and for ranges of views: answered by a `gathered` message with the same ticket. `withFacts`:
   * the facts of these statuses can be read while that message is handled, wherever they are; else only those of this machine.
   */
  | { kind: 'gather'; ticket: number; recent: Recent; ranges: Range[]; withFacts: boolean }
  /** To sessions, by number. */
  | { kind: 'push'; sessions: number[]; item: Item }
  /** Turn the rest of an account's facts into tombstones, in the background, across restarts. */
  | { kind: 'sweep'; account: AccountId }
  /** Forget the actor; its next message starts it anew from facts. */
  | { kind: 'stop' };

export interface Recent {
  authors: Iterable<AccountId>;
  /** Only statuses made at this time or later; 0 for all. */
  sinceMs: number;
  /** Most statuses given back: the newest over all authors. */
  most: number;
}

export interface Gathered {
  kind: 'gathered';
  ticket: number;
  /** Newest first. */
  statuses: StatusId[];
  /** One list a range asked for. */
  found: FoundView[][];
  /** Not null: some of it is on machines that could not be asked, and nothing is here. */
  failed: Rejection | null;
}

/** The messages the runtime itself sends to an actor, beside the product's own. */
export type RuntimeMessage<Item> =
  /** `lost`: more came than could be kept for the actor; what it has is not complete. */
  | { kind: 'deliver'; items: Item[]; lost: boolean }
  | Gathered
  /** Nothing came for the idle time. An actor that agrees unsubscribes and stops. */
  | { kind: 'idle' };

/** The circumstances of a message: all that `receive` may know of the world. */
export interface Moment {
  /** The number of the request being handled; 0 for messages that want no reply. */
  request: number;
  /** Milliseconds since 1970, never going back. */
  nowMs: number;
  /** The cursor of now: everything announced so far is at or below it. */
  watermark: Version;
  /** All entries are this machine's: a subscription holds at once. If not, it does from when what it leads to has been gathered. */
  hasAll: boolean;
  /** 0..1. */
  chance: number;
}

/**
 * One kind of actor: a user. `receive` owns the state it is given and may change it in place: nobody else holds it.
 *
 * A state passes from one release's code to another's as plain data, of the older one's format: the newer one knows both. So going back
 * needs no more than going on.
 */
export interface ActorBehaviour<State, Message extends { kind: string }, Item> {
  /** Counts up when `pack` gives another shape. */
  readonly stateFormat: number;
  /**
   * The state as plain data (no functions, nothing of a class of this script's) in this code's format or an older one. Throws when it
   * can't: then there is no way back. Leaves the state as it is; what it gives may be part of it.
   */
  pack(state: State, format: number): unknown;
  /** The state from what another release's `pack` gave, in this code's format or an older one. Changes nothing of it; throws when it can't. */
  migrate(packed: unknown, format: number): State;
  /** The state from facts. Subscribes to nothing. */
  load(account: AccountId, reader: Reader): State;
  /** What a message may write: what can't be written now is refused before `receive` sees it, so that no state runs ahead of the disk. */
  intent(message: Message | RuntimeMessage<Item>): 'reads' | 'writes' | 'deletes';
  receive(
    state: State,
    message: Message | RuntimeMessage<Item>,
    moment: Moment,
    read: PointReader,
  ): [State, Effect<Item>[]];
}

/** All of a product that the runtime runs: one pure script, no imports. */
export interface Behaviours<State, Message extends { kind: string }, Item> {
  user: ActorBehaviour<State, Message, Item>;
  /** The views that a fact changes. Must give the same result whenever the same set of facts is there, in whatever order they came. */
  derive(entry: Entry, read: PointReader): ViewWrite[];
  /**
   * The accounts, beside the key's own, that a fact or its former value is addressed to: every account under which `derive` may write a
   * view for it, or under which a view reads it. Those whose machines hold the fact as a guest.
   */
  addressed(change: Addressing): readonly AccountId[];
  /**
   * The views under the server's account that a fact gave, taken back as if it had never been. They depend on no other fact. For a
   * machine that no longer has the fact's partition.
   */
  withdraw(fact: FoundFact, read: PointReader): ViewWrite[];
  /** Changes when `derive` gives other views than before for the same facts: a store written by an older one derives them anew. */
  viewsFormat: number;
  /** Changes when keys or records of facts have another shape. */
  factsFormat: number;
  /** Changes when the product and the programs around it say other things to each other: messages, items, rows. */
  seamFormat: number;
  route(entry: Entry, read: PointReader): Route<Item>[];
  touched(entry: Entry): Touched;
  /** For the list of an author's newest statuses: its id, when this fact is one that followers may see. */
  listed(key: Key, value: Wire | null): StatusId | null;
  /** Whether this is the key of a fact that says what one request has made. */
  isOnce(key: Key): boolean;
  /**
   * The status that should not be, when two servers took one request that came twice: what the lower of two versions of the fact under a
   * key has made. Null for nearly all facts.
   */
  doubled(key: Key, one: StoredFact, other: StoredFact): StatusId | null;
  /** The key of a status's fact. */
  statusKey(id: StatusId): Key;
  /** Words by which a fact can be found, for the search index; empty for most. */
  words(entry: FoundFact): string[];
  /** One value of those that several machines have for one view under the server's account: each derives it from its own facts. */
  mergeViews(key: Key, values: readonly Wire[]): Wire;
  /** Pure reads, by the kind of request. */
  queries: Readonly<Record<string, (reader: Reader, ask: never, nowMs: number) => Outcome<unknown>>>;
  /**
   * Tries another release's behaviours on samples before they take this one's place. Pure; but they may throw, hang or grow without
   * bound, so it is to be called where that harms nobody. `load` gives whatever the other script exports as its behaviours.
   */
  tryOut(load: () => unknown, real: RealSamples): Verdict;
}

/** What is there, to be tried on beside what is made up. */
export interface RealSamples {
  /** States as `pack` gave them, in the running format. Made anew with each call. */
  states(): unknown[];
  facts: readonly FoundFact[];
}

export type Verdict =
  /** `oneWay`: why there is no way back to what runs now; null: there is one. */
  | { kind: 'fit'; oneWay: string | null }
  | { kind: 'unfit'; reason: string }
  /** It changes what is stored or said, which a core has to be started for. */
  | { kind: 'programs'; reason: string };
