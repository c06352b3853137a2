// Actors of nact's, lent to users for as long as letters come: one costs 1.4 KB, and most who are awake only listen.
import { type ActorRef, openActorSystem } from './actor-system.ts';

/** Who is lent an actor with a letter. */
export interface Lender<Letter> {
  readonly account: number;
  /** Null: no letter has come lately. */
  actor: ActorRef<Letter> | null;
  /** It is of no use any more. */
  isStopped: boolean;
}

export interface LentActorsOptions<Letter, L extends Lender<Letter>> {
  /** Gets the letters to one lender one at a time, in order. It must not throw. */
  handle(lender: L, letter: Letter): void;
  /** No letter is on its way to it, and none has come since then. */
  isAtRest(lender: L, sinceMs: number): boolean;
  now: () => number;
}

const restAfterMs = 1000;
/** Looked at in one turn. */
const mostAtOnce = 2000;

export class LentActors<Letter, L extends Lender<Letter>> {
  readonly #options: LentActorsOptions<Letter, L>;
  readonly #system = openActorSystem<Letter>();
  /** Those that have an actor: to be looked at now, and the next time. */
  #lenders: L[] = [];
  #nextLenders: L[] = [];
  #timer: NodeJS.Timeout | null = null;
  #lastSpawn = 0;

  constructor(options: LentActorsOptions<Letter, L>) {
    this.#options = options;
  }

  send(lender: L, letter: Letter): void {
    if (lender.isStopped) return;
    lender.actor ??= this.#spawn(lender);
    this.#system.send(lender.actor, letter);
  }

  #spawn(lender: L): ActorRef<Letter> {
    this.#nextLenders.push(lender);
    this.#later(restAfterMs);
    const { handle } = this.#options;
    return this.#system.spawn(`${lender.account}-${++this.#lastSpawn}`, (letter) => handle(lender, letter));
  }

  /** Letters that it has not handled are lost. */
  take(lender: L): void {
    if (lender.actor !== null) this.#system.stop(lender.actor);
    lender.actor = null;
  }

  #later(afterMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#look();
    }, afterMs).unref();
  }

  #look(): void {
    if (this.#lenders.length === 0) {
      this.#lenders = this.#nextLenders;
      this.#nextLenders = [];
    }
    const { isAtRest, now } = this.#options;
    const sinceMs = now() - restAfterMs;
    for (const lender of this.#lenders.splice(-mostAtOnce)) {
      if (lender.actor === null) continue;
      if (lender.isStopped || isAtRest(lender, sinceMs)) this.take(lender);
      else this.#nextLenders.push(lender);
    }
    if (this.#lenders.length > 0) this.#later(0);
    else if (this.#nextLenders.length > 0) this.#later(restAfterMs);
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#system.close();
  }
}
