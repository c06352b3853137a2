// Which sessions there are, by number, and from which cursor each would have to be attached again. Pure bookkeeping: no sockets, no core.

/**
 * waiting: not attached (no link, or nobody asked yet). attaching: asked. settling: the core has answered, but what was missed may
 * still be on its way. live: whatever comes, comes by ticks, so that a tick's cursor holds for it.
 */
export type Phase = 'waiting' | 'attaching' | 'settling' | 'live';

/** What the table keeps of a session. */
export interface Seat {
  /** Names the session on the link to the core; another one for each use of its slot. */
  number: number;
  phase: Phase;
  /** The core it is attached at, while settling or live: what others tick says nothing about it. */
  core: number;
  /** While not live: everything up to here has been sent. Null: nothing yet, attach from now. */
  since: string | null;
  /** While settling: the tick cursor, and the time, from which on it is live. */
  settles: Settling | null;
}

interface Settling {
  cursor: string;
  atMs: number;
}

/** Missed items come within this long of the core's answer, or not at all. */
export const settlingMs = 60_000;

const slotBits = 20;
const mostSlots = 2 ** slotBits;
const generations = 2 ** (32 - slotBits);

export class SessionTable<S extends Seat> {
  #slots: (S | undefined)[] = [];
  #generations: number[] = [];
  #free: number[] = [];
  #settling: S[] = [];
  /** The last tick's cursor of each core: what every session that is live there has been sent. */
  readonly #watermarks = new Map<number, string>();

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
  answered(seat: S, { core, cursor }: { core: number; cursor: string }, nowMs: number): void {
    seat.phase = 'settling';
    seat.core = core;
    seat.settles = { cursor, atMs: seat.since === null ? nowMs : nowMs + settlingMs };
    seat.since ??= cursor;
    this.#settling.push(seat);
  }

  /** An item with this cursor has been sent to it. */
  sent(seat: S, cursor: string): void {
    if (seat.phase !== 'live' && (seat.since === null || cursor > seat.since)) seat.since = cursor;
  }

  /** Its client has been told to read anew: what was before this cursor is no longer owed. */
  resynced(seat: S, cursor: string): void {
    seat.since = cursor;
  }

  /** All of a core's tick has been sent. */
  passed({ core, cursor }: { core: number; cursor: string }, nowMs: number): void {
    this.#watermarks.set(core, cursor);
    if (this.#settling.length === 0) return;
    this.#settling = this.#settling.filter((seat) => {
      if (seat.settles === null) return false;
      if (seat.core !== core || nowMs < seat.settles.atMs || cursor < seat.settles.cursor) return true;
      seat.phase = 'live';
      seat.since = null;
      seat.settles = null;
      return false;
    });
  }

  /** Attached nowhere any more: these wait, each from where it stood. What is still pushed to their old numbers is for nobody. */
  lost(seats: Iterable<S>): void {
    for (const seat of seats) this.renumber(seat);
    this.#settling = this.#settling.filter(({ settles }) => settles !== null);
  }

  /** What to attach this session with, so that it misses nothing. */
  cursorOf(seat: S): string | null {
    return seat.phase === 'live' ? (this.#watermarks.get(seat.core) ?? null) : seat.since;
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

/** The session numbers of an item: 4 bytes each, big-endian. */
export function eachNumber(bytes: Uint8Array, take: (number: number) => void): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 4 <= bytes.byteLength; at += 4) take(view.getUint32(at));
}
