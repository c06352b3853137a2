// Fan-out: from committed entries to the actors that want them, and the watermark: up to where all of that is done.
import type { AccountId } from './account-id.ts';
import type { Behaviours, Entry, PointReader, Route } from './behaviours.ts';
import { appended } from './tight-array.ts';
import type { Version } from './version.ts';

/** Somebody who receives items: an awake actor. */
export interface Receiver<Item> {
  /** Adds to what is due to it. True when the receiver has to be told: it had nothing due before. */
  due: Item[];
  /** The batch of the oldest item due. */
  dueBatch: Batch | null;
  /** Nothing is given to it any more, though a walk under way may come to it yet. */
  isStopped: boolean;
}

/** Entries that were committed together; open until every receiver has handled its share. */
export interface Batch {
  /** Null: that all up to its last entry is here is not known. */
  upTo: Version | null;
  pending: number;
}

/** What entries stand for beside themselves. */
export interface Announcement {
  /** With the last of these entries everything up to its version is here. If not, `reached` says so later. */
  isComplete: boolean;
  /** Those who listen to topics hear of them from here. */
  hasTopics(entry: Entry): boolean;
}

/** A walk over many followers, a slice at a time. */
interface Walk<Item, R extends Receiver<Item>> {
  author: AccountId;
  batch: Batch;
  item: Item;
  receivers: readonly R[];
  /** The author's own actor has it already: people read their own writes. */
  given: R | undefined;
  next: number;
}

export interface FanOutOptions<Item, R extends Receiver<Item>> {
  route: Behaviours<never, never, Item>['route'];
  read: PointReader;
  /** The awake actor of an account, if it is awake: deliveries start nobody. */
  awake(account: AccountId): R | undefined;
  /** A receiver has something due where it had nothing. It must not take it before `settle`: more may come in this turn. */
  wake(receiver: R): void;
  /** Nothing more comes in this turn. */
  settle(): void;
  /** For gateways that listen to topics. */
  publish(item: Item, topics: string[]): void;
  /** Calls back when the current work of this turn is done. */
  later(callback: () => void): void;
  /** The watermark has moved. */
  advanced(): void;
  /** Somebody receives what the author announces, or nobody does any more. */
  interest?(author: AccountId, isWanted: boolean): void;
  start: Version;
  /** Followers walked at once; more are walked in slices of this size, so that nobody else waits long. */
  slice?: number;
  /**
   * Items due to one receiver; more, and all are dropped and it is told by `overflowed`. What was addressed to it alone (a block, say)
   * is kept: nothing else would ever tell it.
   */
  mostDue?: number;
  overflowed(receiver: R): void;
}

/** One core has everything, and says everything. */
const alone: Announcement = { isComplete: true, hasTopics: () => true };

const defaultSlice = 10_000;
const defaultMostDue = 2000;

/** Authors to receivers, and entries through them. Not safe against reentrance: `committed` is called from one place. */
export class FanOut<Item, R extends Receiver<Item>> {
  readonly #options: FanOutOptions<Item, R>;
  readonly #slice: number;
  readonly #mostDue: number;
  readonly #interest = new Map<AccountId, R[]>();
  #batches: Batch[] = [];
  #walks: Walk<Item, R>[] = [];
  /** Of what is due: what was addressed to the receiver alone. */
  readonly #personal = new Map<R, Item[]>();
  #isWalking = false;
  #watermark: Version;
  #subscriptions = 0;
  deliveries = 0;

  constructor(options: FanOutOptions<Item, R>) {
    this.#options = options;
    this.#slice = options.slice ?? defaultSlice;
    this.#mostDue = options.mostDue ?? defaultMostDue;
    this.#watermark = options.start;
  }

  /** Everything at or below it has been handled by every receiver. */
  get watermark(): Version {
    return this.#watermark;
  }

  get subscriptions(): number {
    return this.#subscriptions;
  }

  get isIdle(): boolean {
    return this.#batches.length === 0;
  }

  /** All authors that somebody receives. */
  authors(): Iterable<AccountId> {
    return this.#interest.keys();
  }

  subscribe(receiver: R, authors: Iterable<AccountId>): void {
    for (const author of authors) {
      const receivers = this.#interest.get(author);
      if (receivers === undefined) {
        this.#interest.set(author, [receiver]);
        this.#options.interest?.(author, true);
      } else if (this.#isWalked(author)) {
        // Who comes while it is walked is come to as well.
        receivers.push(receiver);
      } else {
        const more = appended(receivers, receiver);
        if (more !== receivers) this.#interest.set(author, more);
      }
      this.#subscriptions++;
    }
  }

  unsubscribe(receiver: R, authors: Iterable<AccountId>): void {
    for (const author of authors) {
      const receivers = this.#interest.get(author);
      const place = receivers?.indexOf(receiver) ?? -1;
      if (receivers === undefined || place < 0) continue;
      // A walk under way goes by place: it must not lose somebody to a swap.
      if (this.#isWalked(author)) this.#interest.set(author, without(receivers, place));
      else removeAt(receivers, place);
      if (this.#interest.get(author)?.length === 0) {
        this.#interest.delete(author);
        this.#options.interest?.(author, false);
      }
      this.#subscriptions--;
    }
  }

  /**
   * Forgets receivers that have lost their state: all of their subscriptions, and what was due to them, which counts as handled: nobody
   * else would ever say so. One pass over all subscriptions, however many are dropped.
   */
  drop(receivers: ReadonlySet<R>): void {
    if (receivers.size === 0) return;
    for (const [author, known] of this.#interest) {
      const left = stayingOf(known, receivers);
      if (left === known) continue;
      this.#subscriptions -= known.length - left.length;
      if (left.length === 0) {
        this.#interest.delete(author);
        this.#options.interest?.(author, false);
        // A walk under way keeps the list that it goes by.
      } else this.#interest.set(author, left);
    }
    for (const receiver of receivers) {
      receiver.due.length = 0;
      this.handled(receiver);
    }
  }

  #isWalked(author: AccountId): boolean {
    return this.#walks.some((walk) => walk.author === author);
  }

  /** Routes entries that have reached the disk, in their order. */
  committed(entries: readonly Entry[], announcement: Announcement = alone): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    const { isComplete, hasTopics } = announcement;
    const batch: Batch = { upTo: isComplete ? last.version : null, pending: 1 };
    this.#batches.push(batch);
    for (const entry of entries) {
      for (const route of this.#options.route(entry, this.#options.read)) {
        if (route.kind !== 'topics' || hasTopics(entry)) this.#follow(route, batch);
      }
    }
    this.#options.settle();
    this.#done(batch);
  }

  /** Everything with versions up to this one was committed before. */
  reached(upTo: Version): void {
    const batch: Batch = { upTo, pending: 1 };
    this.#batches.push(batch);
    this.#done(batch);
  }

  #follow(route: Route<Item>, batch: Batch): void {
    switch (route.kind) {
      case 'followers': {
        const receivers = this.#interest.get(route.author);
        if (receivers === undefined) return;
        const { author, item } = route;
        if (receivers.length <= this.#slice && !this.#isWalked(author)) {
          for (const receiver of receivers) this.#give(receiver, item, batch);
          return;
        }
        const own = this.#options.awake(author);
        const given = own !== undefined && receivers.includes(own) ? own : undefined;
        if (given !== undefined) this.#give(given, item, batch);
        batch.pending++;
        this.#walks.push({ author, batch, item, receivers, given, next: 0 });
        this.#walkOn();
        return;
      }
      case 'account': {
        const receiver = this.#options.awake(route.account);
        if (receiver === undefined) return;
        this.#give(receiver, route.item, batch);
        const personal = this.#personal.get(receiver);
        if (personal === undefined) this.#personal.set(receiver, [route.item]);
        else personal.push(route.item);
        return;
      }
      case 'topics':
        this.#options.publish(route.item, route.topics);
        return;
    }
  }

  #give(receiver: R, item: Item, batch: Batch): void {
    if (receiver.isStopped) return;
    this.deliveries++;
    if (receiver.due.length >= this.#mostDue) {
      receiver.due = [...(this.#personal.get(receiver) ?? [])];
      this.#options.overflowed(receiver);
    }
    receiver.due.push(item);
    if (receiver.dueBatch !== null) return;
    receiver.dueBatch = batch;
    batch.pending++;
    this.#options.wake(receiver);
  }

  /** A receiver has handled all that was due to it. */
  handled(receiver: R): void {
    const batch = receiver.dueBatch;
    receiver.dueBatch = null;
    if (this.#personal.size > 0) this.#personal.delete(receiver);
    if (batch !== null) this.#done(batch);
  }

  #done(batch: Batch): void {
    batch.pending--;
    if (batch.pending > 0) return;
    let moved = false;
    for (let head = this.#batches[0]; head !== undefined && head.pending === 0; head = this.#batches[0]) {
      this.#batches.shift();
      if (head.upTo === null || head.upTo <= this.#watermark) continue;
      this.#watermark = head.upTo;
      moved = true;
    }
    if (moved) this.#options.advanced();
  }

  /** One slice of every author's oldest walk a turn: an author's walks go one after the other, so that the order holds. */
  #walkOn(): void {
    if (this.#isWalking) return;
    this.#isWalking = true;
    this.#options.later(() => {
      this.#isWalking = false;
      const walked = new Set<AccountId>();
      for (const walk of this.#walks) {
        if (walked.has(walk.author)) continue;
        walked.add(walk.author);
        const end = Math.min(walk.next + this.#slice, walk.receivers.length);
        for (; walk.next < end; walk.next++) {
          const receiver = walk.receivers[walk.next];
          if (receiver !== undefined && receiver !== walk.given) this.#give(receiver, walk.item, walk.batch);
        }
      }
      const finished = this.#walks.filter((walk) => walk.next >= walk.receivers.length);
      this.#walks = this.#walks.filter((walk) => walk.next < walk.receivers.length);
      this.#options.settle();
      for (const walk of finished) this.#done(walk.batch);
      if (this.#walks.length > 0) this.#walkOn();
    });
  }
}

/** The same list when all of them stay. */
function stayingOf<T>(items: T[], gone: ReadonlySet<T>): T[] {
  const first = items.findIndex((item) => gone.has(item));
  if (first < 0) return items;
  const staying = items.slice(0, first);
  for (let place = first + 1; place < items.length; place++) {
    const item = items[place];
    if (item !== undefined && !gone.has(item)) staying.push(item);
  }
  return staying;
}

function removeAt<T>(items: T[], place: number): void {
  const last = items.pop();
  if (last !== undefined && place < items.length) items[place] = last;
}

function without<T>(items: readonly T[], place: number): T[] {
  const left = items.slice();
  removeAt(left, place);
  return left;
}
