// Which sessions there are, by number, and from which cursor each would have to be attached again. Pure bookkeeping: no sockets, no core.

import { type Had, having, type Mark } from './session-had.ts';

/**
 * waiting: not attached (no link, or nobody asked yet). attaching: asked. settling: the core has answered, and nothing has come yet: what was
 * missed may be the first. live: things have come.
 */
export type Phase = 'waiting' | 'attaching' | 'settling' | 'live';

/** What the table keeps of a session. */
export interface Seat {
  /** Names the session on the link to the core; another one for each use of its slot. */
  number: number;
  phase: Phase;
  /** The core it is attached at, while settling or live: what others tick says nothing about it. */
  core: number;
  /** Everything up to here has been sent. Null: nothing yet, attach from now. */
  since: string | null;
  /** While settling or live. */
  settles: Settling | null;
  /** What it was sent of late, and above `since`: it may come again. */
  had: Had;
}

interface Settling {
  /** The core's when it answered: whatever has a later one is no part of what was missed. */
  readonly cursor: string;
  /** As its core's ticks count time: only what ticked after its answer counts for it. */
  readonly fromMs: number;
}

/**
 * A tick's cursor does not hold at once for who is attached there. While a core looks for what a session has missed (after an attachment, but
 * also after a follow, or when the ring has changed) it holds back all that is for it, and ticks go on. Looking means a few questions to
 * other cores, one after the other, each answered or given up within some 35 s; then all of it comes in one tick. So a tick's cursor
 * holds when ticks have come for so long after it. Until then what holds is the cursor of what was sent last: to attach from there
 * costs the core a longer look, and the client nothing.
 */
export const settlingMs = 180_000;
/**
 * That time passes only while ticks come: a core that waits for rows of what was missed holds back all ticks behind it, and this process may
 * have stood still, with what was missed unread.
 */
export const mostBetweenTicksMs = 1000;

/** All ticks of its core count. */
const longAgo: Settling = { cursor: '', fromMs: -1 };

const slotBits = 20;
const mostSlots = 2 ** slotBits;
const generations = 2 ** (32 - slotBits);

export class SessionTable<S extends Seat> {
  #slots: (S | undefined)[] = [];
  #generations: number[] = [];
  #free: number[] = [];
  /** By core. */
  readonly #ticking = new Map<number, Ticking>();

  size = 0;

  /** Gives the seat its number. */
  add(seat: S): void {
    const slot = this.#free.pop() ?? this.#slots.length;
    if (slot >= mostSlots) throw new RangeError(`more than ${mostSlots} sessions`);
    this.#slots[slot] = seat;
    seat.number = this.#nextNumber(slot);
    this.size++;
  }

  /** The session with this number; undefined when it has gone or has another number by now. */
  find(number: number): S | undefined {
    const seat = this.#slots[number % mostSlots];
    return seat !== undefined && seat.number === number ? seat : undefined;
  }

  remove(seat: S): void {
    const slot = seat.number % mostSlots;
    if (this.#slots[slot] !== seat) return;
    this.#slots[slot] = undefined;
    this.#free.push(slot);
    this.size--;
    this.detached(seat);
  }

  *[Symbol.iterator](): Generator<S> {
    for (const seat of this.#slots) if (seat !== undefined) yield seat;
  }

  /** The session listens to nothing of its own any more: what is still pushed to its old number is for nobody. */
  renumber(seat: S): void {
    this.detached(seat);
    seat.number = this.#nextNumber(seat.number % mostSlots);
  }

  /** The core is being asked: from this cursor, or from now. */
  asked(seat: S): string | null {
    seat.phase = 'attaching';
    return seat.since;
  }

  /** The core did not take it: to be asked again. */
  refused(seat: S): void {
    seat.phase = 'waiting';
  }

  /** A core has answered with its cursor of now. */
  answered(seat: S, { core, cursor }: { core: number; cursor: string }): void {
    seat.phase = 'settling';
    seat.core = core;
    seat.settles = { cursor, fromMs: this.#ticking.get(core)?.ms ?? 0 };
    seat.since ??= cursor;
  }

  /** An item with this cursor has been sent to it, and so has all that its tick has for it, or is about to be. */
  sent(seat: S, cursor: string, mark: Mark | null = null): void {
    if (seat.since === null || cursor > seat.since) seat.since = cursor;
    if (mark !== null) seat.had = having(seat.had, mark, seat.since);
    if (seat.phase === 'settling') seat.phase = 'live';
  }

  /** Its client has been told to read anew: what was before this cursor is no longer owed. */
  resynced(seat: S, cursor: string): void {
    seat.since = cursor;
    if (seat.phase === 'settling') seat.phase = 'live';
  }

  /** All of a core's tick has been sent. */
  passed({ core, cursor }: { core: number; cursor: string }, nowMs: number): void {
    const ticking = this.#ticking.get(core) ?? { ms: 0, lastMs: nowMs, passed: [] };
    this.#ticking.set(core, ticking);
    // A clock that is set back adds nothing.
    ticking.ms += Math.min(Math.max(0, nowMs - ticking.lastMs), mostBetweenTicksMs);
    ticking.lastMs = nowMs;
    const { ms, passed } = ticking;
    const last = passed.at(-1);
    if (last === undefined || ms - last.ms >= mostBetweenTicksMs) passed.push({ ms, cursor });
    while (passed[1] !== undefined && ms - passed[1].ms >= settlingMs) passed.shift();
  }

  /** Attached nowhere any more: these wait, each from where it stood. What is still pushed to their old numbers is for nobody. */
  lost(seats: Iterable<S>): void {
    for (const seat of seats) this.renumber(seat);
  }

  /** What to attach this session with, so that it misses nothing. */
  cursorOf(seat: S): string | null {
    return later(seat.since, this.#settled(seat));
  }

  /**
   * Of those that were attached long ago it forgets when, and they share the cursor that they all stand at: a hundred bytes of each. To be called now
   * and then.
   */
  settle(): void {
    for (const seat of this) {
      const settled = seat.settles === longAgo ? null : this.#settled(seat);
      if (settled === null) continue;
      seat.since = later(seat.since, settled);
      seat.settles = longAgo;
    }
  }

  /** The cursor of its core's ticks that holds for it; null: none does yet. */
  #settled({ settles, core }: S): string | null {
    const passed = this.#ticking.get(core)?.passed[0];
    if (settles === null || passed === undefined || passed.ms <= settles.fromMs) return null;
    // Ticks that were held back at the core when it answered come after its answer, and before what was missed.
    return passed.cursor < settles.cursor ? null : passed.cursor;
  }

  private detached(seat: S): void {
    seat.since = this.cursorOf(seat);
    seat.phase = 'waiting';
    seat.settles = null;
  }

  #nextNumber(slot: number): number {
    // Never generation 0, so that no session has the number 0.
    const generation = ((this.#generations[slot] ?? 0) % (generations - 1)) + 1;
    this.#generations[slot] = generation;
    return generation * mostSlots + slot;
  }
}

/** Of two cursors. Null: there is none. */
function later(one: string | null, other: string | null): string | null {
  if (one === null || other === null) return one ?? other;
  return other > one ? other : one;
}

/** What a core's ticks have told. */
interface Ticking {
  /** How long they have come, and when the last one did. */
  ms: number;
  lastMs: number;
  /** About one a second; the first is the last that is `settlingMs` old. Before any is, it is the one with which counting began, at 0. */
  passed: { ms: number; cursor: string }[];
}

/** The session numbers of an item: 4 bytes each, big-endian. */
export function eachNumber(bytes: Uint8Array, take: (number: number) => void): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 4 <= bytes.byteLength; at += 4) take(view.getUint32(at));
}
