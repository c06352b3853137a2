// What a core pushes: ticks for its gateways, in order. One that needs rows of other cores waits for them a while, and all later ones behind it.
import type { Item } from '../actors/items.ts';
import type { Tick } from '../actors/messages.ts';
import type { Found, Need } from '../runtime/reading.ts';
import { noVersion, type Version } from '../runtime/version.ts';
import type { Elsewhere } from './core-elsewhere.ts';
import { CoreQuestions, type Settled } from './core-questions.ts';
import type { CoreRows } from './core-rows.ts';
import { type CoreSessions, type DuePushes, inOrder } from './core-sessions.ts';
import type { LinkPeer } from './link-peer.ts';

export interface Due {
  pushes: DuePushes;
  watermark: Version;
  /** Everything up to the watermark is in here or has been before. */
  isComplete: boolean;
}

export interface CorePushingOptions {
  sessions: CoreSessions;
  rows: CoreRows;
  peers(): Iterable<LinkPeer>;
  /** Null: all rows are here. */
  elsewhere(): Elsewhere | null;
  /** Rows that could not be had: these pushes are lost, and who was to get them is told to read anew. */
  lost(reason: string): void;
}

/** A row leads to others, of a boosted post and of its author. */
const mostRuns = 6;
/** No tick waits longer for its rows. */
const waitMs = 2000;
const late = 'its rows did not come in time';
/** Work on ticks that have got their rows, before others have their turn. */
const turnMs = 10;
/** A cursor without anything else is told a gateway no more often: who resumes from an older one is told nothing twice by that. */
const quietMs = 50;
/** Ticks that wait, and records that they wait for or hold; more, and the first waits no longer. */
const mostWaiting = 2000;
const mostRecords = 100_000;
/** Pushes in a tick, roughly: a gateway that takes in more at once has no time for anything else for too long. */
const mostInATick = 8000;
/** While a gateway is behind, its ticks wait here, and answers go past them; looked at so often. */
const behindMs = 5;
/** So much may wait for that, in 4 bytes: one for each push, of an item to a session. More goes on to the links, which have bounds of their own. */
const mostBehind = 64_000_000;
/** A gateway that has nothing to do for as long waits no more for another that is behind. */
const patienceMs = 5000;
/** What ticks and items take beside that, in 4 bytes. */
const ofTick = 250;
const ofItem = 75;
/** Rows that came before so long a wait are asked for again: they may have changed. */
const freshMs = 2000;
/** Of a session, and of its share in a row. */
const bytesAPush = 8;

interface Waiting {
  due: Due;
  untilMs: number;
  /** Ids of the needs that it waits for; it is looked at again when there are none left. */
  lacks: Set<string>;
  /** Records of others that it was given. */
  fetched: Map<string, Found>;
  /** Why needs of its own could not be had, by their ids. */
  failed: Map<string, string>;
  runs: number;
  isSent: boolean;
  /** How many sessions its items are for, together. */
  size: number;
  /** What it takes while it is held, in 4 bytes. */
  weight: number;
  /** It has asked for what it lacks. */
  isLooked: boolean;
}

/** An item that cannot be shown now: for what it lacks, or for good. */
type Lacking = { item: Item } & ({ needs: ReadonlyMap<string, Need> } | { reason: string });

export class CorePushing {
  readonly #options: CorePushingOptions;
  readonly #waiting: Waiting[] = [];
  /** Who waits for a need that is asked for. */
  readonly #wanting = new Map<string, Set<Waiting>>();
  readonly #questions = new CoreQuestions({
    withinMs: waitMs,
    isWanted: (id) => this.#wanting.has(id),
    settled: (settled) => this.#settled(settled),
  });
  /** Got all that they lacked, and may lack more. */
  readonly #again = new Set<Waiting>();
  #records = 0;
  /** Of all that wait. */
  #size = 0;
  #weight = 0;
  /** Since when a gateway has been behind; null: none is. */
  #heldSinceMs: number | null = null;
  readonly #laggards = new WeakSet<LinkPeer>();
  /** The watermark of what went out. */
  #sentUpTo: Version = noVersion;
  #isGoingOn = false;
  #timer: NodeJS.Timeout | null = null;
  /** When a gateway was sent its last tick, and the cursor that came too soon after it. */
  readonly #sentMs = new WeakMap<LinkPeer, number>();
  readonly #owed = new Map<LinkPeer, Tick>();
  #quiet: NodeJS.Timeout | null = null;

  constructor(options: CorePushingOptions) {
    this.#options = options;
  }

  /** Nothing waits. */
  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  /** Before everything that waits: these sessions are to read anew, and have nothing of it. Its cursor is that of what went out last. */
  resync(numbers: readonly number[]): void {
    const watermark = this.#sentUpTo;
    const sessions = new Map<Item, readonly number[]>([[{ kind: 'resync', version: watermark }, numbers]]);
    const tick = waiting({ pushes: { sessions, topics: new Map() }, watermark, isComplete: false });
    this.#waiting.unshift(tick);
    this.#count(tick, 1);
    this.#goOn();
  }

  /** Pushes that wait, each of an item to a session, with one more for each tick. */
  get size(): number {
    return this.#size;
  }

  /** Of the gateway that is furthest behind, or of what waits here: roughly as it will be on links. */
  get backlogBytes(): number {
    const backlogs = [...this.#options.peers()].map((peer) => peer.backlogBytes);
    return Math.max(this.#size * bytesAPush, ...backlogs);
  }

  push(due: Due): void {
    if (sizeOf(due) <= mostInATick) this.#push(due);
    else for (const part of partsOf(due)) this.#push(part);
  }

  #push(due: Due): void {
    const tick = waiting(this.#heldSinceMs === null ? due : packed(due));
    this.#waiting.push(tick);
    this.#count(tick, 1);
    this.#goOn();
  }

  #count({ size, weight }: Waiting, sign: 1 | -1): void {
    this.#size += sign * size;
    this.#weight += sign * weight;
  }

  /** Sends those that lack nothing, up to the first that does, and asks for what those behind it lack; a while at a time. */
  #goOn(): void {
    const endMs = performance.now() + turnMs;
    for (let head = this.#waiting[0]; head !== undefined; head = this.#waiting[0]) {
      if (this.#isHeld()) break;
      if (head.lacks.size > 0) {
        if (!this.#isOver(head) && this.#options.elsewhere() !== null) break;
        this.#waitNoMore(head);
      }
      // Rows are read now, whatever was looked at before.
      const ticks = this.#ready(head);
      if (ticks === null) break;
      this.#waiting.shift();
      this.#count(head, -1);
      head.isSent = true;
      if (head.due.watermark > this.#sentUpTo) this.#sentUpTo = head.due.watermark;
      this.#records -= head.fetched.size;
      this.#send(ticks);
      if (performance.now() > endMs) break;
    }
    for (const tick of this.#again) {
      if (performance.now() > endMs) break;
      this.#again.delete(tick);
      if (!tick.isSent && tick.lacks.size === 0) this.#ready(tick);
    }
    if (this.#heldSinceMs === null && this.#options.elsewhere() !== null) this.#lookAhead(endMs);
    if (this.#waiting.length === 0) this.#records = 0;
    if (this.#heldSinceMs === null && (this.#again.size > 0 || this.#waiting[0]?.lacks.size === 0))
      this.#goOnSoon();
    this.#setTimer();
  }

  /** Behind another, too, a tick asks at once for what it lacks; not while it is held, for rows grow old and take room. */
  #lookAhead(endMs: number): void {
    const upTo = Math.min(this.#waiting.length, mostWaiting);
    for (let place = 1; place < upTo; place++) {
      const tick = this.#waiting[place];
      if (tick === undefined || tick.isLooked) continue;
      tick.isLooked = true;
      if (tick.lacks.size === 0) this.#ready(tick);
      if (performance.now() > endMs) return;
    }
  }

  /** A gateway is to take in first what it has been sent. */
  #isHeld(): boolean {
    const nowMs = performance.now();
    if (this.#weight <= mostBehind && this.#isSomebodyBehind(nowMs)) {
      this.#heldSinceMs ??= nowMs;
      return true;
    }
    if (this.#heldSinceMs === null) return false;
    // What was held has not waited for its rows, nor longer than from now.
    const heldMs = nowMs - this.#heldSinceMs;
    for (const tick of this.#waiting) {
      tick.untilMs = Math.min(tick.untilMs + heldMs, nowMs + waitMs);
      if (heldMs < freshMs || tick.runs === 0) continue;
      this.#records -= tick.fetched.size;
      tick.fetched.clear();
      tick.failed.clear();
      tick.runs = 0;
      tick.isLooked = false;
    }
    this.#heldSinceMs = null;
    return false;
  }

  /** But for those for whom others have waited too long: what is for them waits in their links until they are not behind. */
  #isSomebodyBehind(nowMs: number): boolean {
    const gateways = [...this.#options.peers()].filter(({ role }) => role === 'gateway');
    for (const peer of gateways) if (!peer.isBehind) this.#laggards.delete(peer);
    const behind = gateways.filter((peer) => peer.isBehind && !this.#laggards.has(peer));
    if (behind.length === 0) return false;
    const isLong = this.#heldSinceMs !== null && nowMs - this.#heldSinceMs >= patienceMs;
    if (!isLong || !gateways.some(({ idleMs }) => idleMs >= patienceMs)) return true;
    for (const peer of behind) this.#laggards.add(peer);
    return false;
  }

  #goOnSoon(): void {
    if (this.#isGoingOn) return;
    this.#isGoingOn = true;
    setImmediate(() => {
      this.#isGoingOn = false;
      this.#goOn();
    });
  }

  #isOver(tick: Waiting): boolean {
    const isTooMuch = this.#waiting.length > mostWaiting || this.#records > mostRecords;
    return performance.now() >= tick.untilMs || (isTooMuch && tick === this.#waiting[0]);
  }

  #setTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const head = this.#waiting[0];
    if (head === undefined) return;
    const inMs = this.#heldSinceMs === null ? Math.ceil(head.untilMs - performance.now()) : behindMs;
    this.#timer = setTimeout(() => this.#goOn(), Math.max(1, inMs));
    this.#timer.unref();
  }

  /** The tick's ticks, as they go out; null: it has begun to wait for what it lacks. */
  #ready(tick: Waiting): Map<LinkPeer, Tick> | null {
    for (;;) {
      const before = tick.fetched.size;
      const looked = this.#look(tick);
      this.#records += tick.fetched.size - before;
      if (looked instanceof Map) return looked;
      const elsewhere = this.#options.elsewhere();
      const mayWait = elsewhere !== null && !this.#isOver(tick) && ++tick.runs < mostRuns;
      if (looked.length === 0) {
        this.#options.lost('not even that it is lost can be said');
        return new Map();
      }
      const lost = new Map<Item, string>();
      const needs = new Map<string, Need>();
      for (const one of looked) {
        const reason = 'reason' in one ? one.reason : reasonOf(tick, one.needs, mayWait);
        if (reason !== null) lost.set(one.item, reason);
        else if ('needs' in one) for (const [id, need] of one.needs) needs.set(id, need);
      }
      if (lost.size === 0) {
        if (elsewhere !== null) this.#await(tick, needs, elsewhere);
        return null;
      }
      for (const reason of new Set(lost.values())) this.#options.lost(reason);
      tick.due = without(tick.due, lost);
    }
  }

  /** Everything in it as it would be sent; or, when something cannot be shown, which items these are. */
  #look(tick: Waiting): Map<LinkPeer, Tick> | Lacking[] {
    const { pushes } = tick.due;
    const [whole] = this.#rendered(tick, pushes);
    if (whole instanceof Map) return whole;
    const lacking: Lacking[] = [];
    for (const item of new Set([...pushes.sessions.keys(), ...pushes.topics.keys()])) {
      const [one, needs] = this.#rendered(tick, {
        sessions: new Map([[item, pushes.sessions.get(item) ?? []]]),
        topics: new Map([[item, pushes.topics.get(item) ?? []]]),
      });
      if (needs !== null) lacking.push({ item, needs });
      else if (!(one instanceof Map)) lacking.push({ item, reason: one });
    }
    if (lacking.length > 0) return lacking;
    // Each by itself can be shown, all together cannot.
    return [...pushes.sessions.keys(), ...pushes.topics.keys()]
      .filter(({ kind }) => kind !== 'resync')
      .map((item) => ({ item, reason: whole }));
  }

  /** Ticks, or why there are none; and what they lack, if they do. */
  #rendered(
    tick: Waiting,
    pushes: DuePushes,
  ): [Map<LinkPeer, Tick> | string, ReadonlyMap<string, Need> | null] {
    const { sessions, peers, rows, elsewhere } = this.#options;
    const reader = elsewhere()?.pushReader(tick.fetched) ?? null;
    const { watermark, isComplete } = tick.due;
    let ticks: Map<LinkPeer, Tick> | string;
    try {
      ticks = sessions.ticks(pushes, {
        watermark,
        isComplete,
        peers: peers(),
        rows: reader === null ? rows : rows.over(reader),
      });
    } catch (error) {
      // Of a newer release than this one, perhaps: it cannot be read.
      ticks = said(error);
    }
    if (reader?.lacks !== true) return [ticks, null];
    return ['', reader.needs];
  }

  #await(tick: Waiting, needs: ReadonlyMap<string, Need>, elsewhere: Elsewhere): void {
    const asked: [string, Need][] = [];
    for (const [id, need] of needs) {
      tick.lacks.add(id);
      const wanting = this.#wanting.get(id);
      if (wanting !== undefined) wanting.add(tick);
      else {
        this.#wanting.set(id, new Set([tick]));
        asked.push([id, need]);
      }
    }
    this.#records += needs.size;
    this.#questions.ask(elsewhere, asked);
  }

  #settled({ needs, found, reason }: Settled): void {
    for (const id of needs) {
      const one = found.get(id);
      if (one !== undefined) this.#options.elsewhere()?.keep(id, one);
      for (const tick of this.#wanting.get(id) ?? []) {
        tick.lacks.delete(id);
        if (one === undefined) tick.failed.set(id, reason);
        else tick.fetched.set(id, one);
        if (one === undefined) this.#records--;
        if (tick.lacks.size === 0) this.#again.add(tick);
      }
      this.#wanting.delete(id);
    }
    this.#goOn();
  }

  #waitNoMore(tick: Waiting): void {
    this.#records -= tick.lacks.size;
    for (const id of tick.lacks) {
      const wanting = this.#wanting.get(id);
      wanting?.delete(tick);
      if (wanting?.size === 0) this.#wanting.delete(id);
      tick.failed.set(id, late);
    }
    tick.lacks.clear();
  }

  #send(ticks: Map<LinkPeer, Tick>): void {
    const nowMs = performance.now();
    for (const [peer, tick] of ticks) {
      if (tick.items.length === 0 && nowMs - (this.#sentMs.get(peer) ?? -quietMs) < quietMs) {
        this.#owed.set(peer, tick);
        continue;
      }
      this.#owed.delete(peer);
      this.#sentMs.set(peer, nowMs);
      try {
        peer.pushTick(tick);
      } catch (error) {
        this.#options.lost(said(error));
        const numbers = tick.items.map(({ sessions }) => sessions);
        peer.pushTick({ ...tick, items: [{ kind: 'resync', sessions: Buffer.concat(numbers) }] });
      }
    }
    if (this.#owed.size === 0 || this.#quiet !== null) return;
    this.#quiet = setTimeout(() => this.#sendOwed(), quietMs);
    this.#quiet.unref();
  }

  #sendOwed(): void {
    this.#quiet = null;
    const owed = new Map([...this.#owed].filter(([peer]) => peer.isOpen));
    this.#owed.clear();
    this.#send(owed);
  }
}

/**
 * In the order of versions: what a part ends with is the last that was pushed, so everything up to there, and to the watermark, is in it or in a
 * part before.
 */
function* partsOf({ pushes, watermark, isComplete }: Due): Generator<Due> {
  const { sessions, topics } = pushes;
  const items = inOrder(pushes);
  let part = {
    sessions: new Map<Item, readonly number[] | Uint32Array>(),
    topics: new Map<Item, string[]>(),
  };
  let size = 0;
  for (const [place, item] of items.entries()) {
    const numbers = sessions.get(item);
    const named = topics.get(item);
    if (numbers !== undefined) part.sessions.set(item, numbers);
    if (named !== undefined) part.topics.set(item, named);
    size += 1 + (numbers?.length ?? 0);
    const isLast = place === items.length - 1;
    if (size < mostInATick && !isLast) continue;
    const upTo = isLast || item.version > watermark ? watermark : item.version;
    yield { pushes: part, watermark: upTo, isComplete };
    part = { sessions: new Map(), topics: new Map() };
    size = 0;
  }
}

function waiting(due: Due): Waiting {
  const { sessions, topics } = due.pushes;
  const size = sizeOf(due);
  return {
    due,
    untilMs: performance.now() + waitMs,
    lacks: new Set(),
    fetched: new Map(),
    failed: new Map(),
    runs: 0,
    isSent: false,
    size,
    weight: ofTick + ofItem * (sessions.size + topics.size) + size,
    isLooked: false,
  };
}

/** For long waits: nothing in it for a garbage collection to look at. */
function packed({ pushes, watermark, isComplete }: Due): Due {
  const sessions = new Map([...pushes.sessions].map(([item, numbers]) => [item, Uint32Array.from(numbers)]));
  return { pushes: { sessions, topics: pushes.topics }, watermark, isComplete };
}

function sizeOf({ pushes }: Due): number {
  let size = 1;
  for (const numbers of pushes.sessions.values()) size += numbers.length;
  return size;
}

/** Why the item is given up; null: it waits for what it lacks. */
function reasonOf(tick: Waiting, needs: ReadonlyMap<string, Need>, mayWait: boolean): string | null {
  for (const id of needs.keys()) {
    const failed = tick.failed.get(id);
    if (failed !== undefined) return failed;
  }
  if (mayWait) return null;
  return tick.runs < mostRuns ? late : 'rows lead to others without an end';
}

/**
 * What is left of a tick whose lost items cannot be shown. Their sessions are told to read anew, and get nothing else of it: a cursor
 * of this tick would say that they have what they lack. Who listens to topics alone has no promise of them.
 */
function without({ pushes, watermark, isComplete }: Due, lost: ReadonlyMap<Item, string>): Due {
  const resynced = new Set([...lost.keys()].flatMap((item) => [...(pushes.sessions.get(item) ?? [])]));
  const sessions = new Map<Item, number[]>();
  for (const [item, numbers] of pushes.sessions) {
    const left = lost.has(item) ? [] : [...numbers].filter((number) => !resynced.has(number));
    if (left.length > 0) sessions.set(item, left);
  }
  if (resynced.size > 0) sessions.set({ kind: 'resync', version: watermark }, [...resynced]);
  const topics = new Map([...pushes.topics].filter(([item]) => !lost.has(item)));
  return { pushes: { sessions, topics }, watermark, isComplete };
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
