// What is due to sessions and not yet handed to their sockets. One write costs the same whatever is in it, so that the busier the
// process is, the longer frames wait for others that go the same way.
import type { StatusId } from '../runtime/status-id.ts';
import type { Session } from './session.ts';
import type { StreamEvent } from './streaming-event.ts';

/** Between two spells of writing. */
const longestWaitMs = 150;
/** A wait to the spell before it: when writing takes more than about 30 % of the time, waits grow. */
const waitToSpell = 2.5;
/** Other work of the process gets a turn after this much writing. */
const sliceMs = 10;
/** Sessions written to between two looks at the clock. */
const stride = 16;

export interface OutgoingOptions {
  /** Hands a session everything that is pending for it. */
  write(session: Session): void;
  /** Everything of all ticks of this core up to the one with this cursor has been written. */
  passed(core: number, cursor: string): void;
  /** Milliseconds that only go up. */
  clock?: () => number;
}

/**
 * After a spell of writing the next one waits two and a half times as long as the spell took. So while writing takes little of the process's time
 * the waits shrink to nothing, and when it takes more they grow, up to `longestWaitMs`, until frames share writes.
 */
export class Outgoing {
  readonly #write: OutgoingOptions['write'];
  readonly #passed: OutgoingOptions['passed'];
  readonly #clock: () => number;
  /** Sessions with something pending. Those before `#next` have been written to in this spell. */
  #touched: Session[] = [];
  #spell: Session[] = [];
  #next = 0;
  /** By core. */
  #spellCursors = new Map<number, string>();
  #spentMs = 0;
  /** Of the tick of each core that was taken in last; absent: passed already. */
  #cursors = new Map<number, string>();
  /** Posts of which a frame may be waiting: in this spell, and for the next. */
  #spellUpdates = new Set<StatusId>();
  #updates = new Set<StatusId>();
  /** Who waits for the writing of this spell, and of the next. */
  #spellWaits: (() => void)[] = [];
  #waits: (() => void)[] = [];
  #notBeforeMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #turn: NodeJS.Immediate | null = null;

  constructor({ write, passed, clock = () => performance.now() }: OutgoingOptions) {
    this.#write = write;
    this.#passed = passed;
    this.#clock = clock;
  }

  add(session: Session, event: StreamEvent): void {
    const { pending } = session;
    if (pending === null) {
      session.pending = event;
      this.#touched.push(session);
    } else if (Array.isArray(pending)) {
      pending.push(event);
    } else {
      session.pending = [pending, event];
    }
  }

  /** A post that events added now are about. */
  names(status: StatusId): void {
    this.#updates.add(status);
  }

  /** The tick of a core with this cursor has been added. */
  ticked(core: number, cursor: string): void {
    this.#cursors.set(core, cursor);
    this.#goOn();
  }

  /** Calls back when everything that was added before is written. */
  afterAll(written: () => void): void {
    if (this.#touched.length > 0) this.#waits.push(written);
    else if (this.#next < this.#spell.length) this.#spellWaits.push(written);
    else written();
  }

  /** These may be gone: no frame that shows them may wait for later. */
  changed(statuses: readonly StatusId[]): void {
    if (statuses.some((id) => this.#updates.has(id) || this.#spellUpdates.has(id))) this.flush();
  }

  /** Writes everything now. */
  flush(): void {
    this.#spend(Number.POSITIVE_INFINITY);
    this.#spend(Number.POSITIVE_INFINITY);
  }

  /** Writes when it may be. */
  #goOn(): void {
    if (this.#timer !== null || this.#turn !== null) return;
    const waitMs = this.#notBeforeMs - this.#clock();
    // A timer takes a millisecond at least.
    if (waitMs < 1) {
      this.#spend(sliceMs);
      return;
    }
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#spend(sliceMs);
    }, waitMs);
  }

  /** A slice of a spell; a spell is everything that was pending when it began. */
  #spend(mostMs: number): void {
    this.#stopWaiting();
    if (this.#next === this.#spell.length) this.#begin();
    const startMs = this.#clock();
    while (this.#next < this.#spell.length) {
      const end = Math.min(this.#next + stride, this.#spell.length);
      while (this.#next < end) {
        const session = this.#spell[this.#next++];
        if (session !== undefined) this.#write(session);
      }
      if (this.#clock() - startMs >= mostMs) break;
    }
    const nowMs = this.#clock();
    this.#spentMs += nowMs - startMs;
    if (this.#next < this.#spell.length) {
      this.#turn = setImmediate(() => {
        this.#turn = null;
        this.#spend(sliceMs);
      });
      return;
    }
    this.#end(nowMs);
  }

  #begin(): void {
    this.#spell = this.#touched;
    this.#touched = [];
    this.#spellUpdates = this.#updates;
    this.#updates = new Set();
    this.#next = 0;
    this.#spellWaits = this.#waits;
    this.#waits = [];
    this.#spellCursors = this.#cursors;
    this.#cursors = new Map();
    this.#spentMs = 0;
  }

  #end(nowMs: number): void {
    this.#spell = [];
    this.#next = 0;
    this.#notBeforeMs = nowMs + Math.min(this.#spentMs * waitToSpell, longestWaitMs);
    const cursors = this.#spellCursors;
    this.#spellCursors = new Map();
    this.#spellUpdates.clear();
    for (const written of this.#spellWaits.splice(0)) written();
    for (const [core, cursor] of cursors) this.#passed(core, cursor);
    if (this.#cursors.size > 0) this.#goOn();
  }

  #stopWaiting(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#timer = null;
    this.#turn = null;
  }
}
