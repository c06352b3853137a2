// Codes: what awake actors run on. The current one is for everybody; an earlier one stays while an actor can't leave it, and is freed then.
import type { ActorBehaviour } from './behaviours.ts';

/** One release's code of the actors. */
export interface ActorCode<State, Message extends { kind: string }, Item> {
  readonly user: ActorBehaviour<State, Message, Item>;
  readonly name: string;
  /** Awake, with a state that this code has made. */
  actors: number;
}

/** An actor, as far as its code goes. */
export interface Coded<State, Message extends { kind: string }, Item> {
  state: State | null;
  /** What its state was made by; null without a state. */
  code: ActorCode<State, Message, Item> | null;
  /** The swap whose code could not take its state over: not tried again before the next one. */
  stayedAt: number;
}

export interface ActorCodesOptions<C> {
  /** An actor has gone over; how long nothing could reach it. */
  migrated(cell: C, tookMs: number): void;
  /** Its state could not be taken over: it stays with the code that it has. */
  stayed(cell: C, error: unknown): void;
}

/** How far the last swap is. */
export interface CodesReport {
  swaps: number;
  /** Awake actors by code, the current code last. */
  codes: { name: string; actors: number }[];
  /** Of them: could not go over. */
  stayed: number;
  /** Of them: will go over with their next message, or before. */
  pending: number;
}

/** In one turn. Were nobody told to go over, one idle actor would keep an old code for good. */
const goingOverTurnMs = 2;

export class ActorCodes<
  State,
  Message extends { kind: string },
  Item,
  C extends Coded<State, Message, Item>,
> {
  readonly #options: ActorCodesOptions<C>;
  readonly #codes = new Set<ActorCode<State, Message, Item>>();
  #current: ActorCode<State, Message, Item>;
  #swaps = 0;
  #stayed = 0;

  constructor(
    user: ActorBehaviour<State, Message, Item>,
    { name, ...options }: ActorCodesOptions<C> & { name: string },
  ) {
    this.#options = options;
    this.#current = { user, name, actors: 0 };
    this.#codes.add(this.#current);
  }

  /** Nobody runs on an earlier code. */
  get isOver(): boolean {
    return this.#codes.size === 1;
  }

  /** From now on this is the current code. `cells`, all there are, go over in the background, as far as nothing comes to them before. */
  swap(user: ActorBehaviour<State, Message, Item>, name: string, cells: Iterator<C>): void {
    if (this.#current.actors === 0) this.#codes.delete(this.#current);
    this.#current = { user, name, actors: 0 };
    this.#codes.add(this.#current);
    this.#swaps++;
    this.#stayed = 0;
    this.#goOver(cells, this.#swaps);
  }

  #goOver(cells: Iterator<C>, swap: number): void {
    if (this.#swaps !== swap) return;
    const endMs = performance.now() + goingOverTurnMs;
    do {
      const next = cells.next();
      if (next.done === true) return;
      this.of(next.value);
    } while (performance.now() < endMs);
    setImmediate(() => this.#goOver(cells, swap));
  }

  /** The code that handles the actor's next message. Its state is taken over first when another code has made it. */
  of(cell: C): ActorBehaviour<State, Message, Item> {
    const { code } = cell;
    if (code === null || code === this.#current) return this.#current.user;
    if (cell.state === null || cell.stayedAt === this.#swaps) return code.user;
    return this.#migrate(cell, cell.state, code);
  }

  /** Its new state, made by what `of` gave. */
  keep(cell: C, state: State): void {
    cell.state = state;
    if (cell.code !== null) return;
    cell.code = this.#current;
    this.#current.actors++;
  }

  /** It has no state any more. */
  forget(cell: C): void {
    const { code } = cell;
    cell.state = null;
    if (code === null) return;
    if (code !== this.#current && cell.stayedAt === this.#swaps) this.#stayed--;
    cell.code = null;
    this.#leave(code);
  }

  report(): CodesReport {
    const earlier = [...this.#codes].filter((code) => code !== this.#current);
    const left = earlier.reduce((sum, { actors }) => sum + actors, 0);
    return {
      swaps: this.#swaps,
      codes: [...earlier, this.#current].map(({ name, actors }) => ({ name, actors })),
      stayed: this.#stayed,
      pending: left - this.#stayed,
    };
  }

  /** In the older one's format, which both know. */
  #migrate(
    cell: C,
    state: State,
    code: ActorCode<State, Message, Item>,
  ): ActorBehaviour<State, Message, Item> {
    const current = this.#current;
    const startedMs = performance.now();
    try {
      const format = Math.min(code.user.stateFormat, current.user.stateFormat);
      cell.state = current.user.migrate(code.user.pack(state, format), format);
    } catch (error) {
      cell.stayedAt = this.#swaps;
      this.#stayed++;
      this.#options.stayed(cell, error);
      return code.user;
    }
    cell.code = current;
    current.actors++;
    this.#leave(code);
    this.#options.migrated(cell, performance.now() - startedMs);
    return current.user;
  }

  #leave(code: ActorCode<State, Message, Item>): void {
    code.actors--;
    if (code.actors === 0 && code !== this.#current) this.#codes.delete(code);
  }
}
