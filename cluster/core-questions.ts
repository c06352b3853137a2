// Questions of a core to others for rows of what it pushes: one at a time to each of them, so that whoever hangs holds up nobody else.
import { type Found, mostNeeds, type Need } from '../runtime/reading.ts';
import type { Elsewhere } from './core-elsewhere.ts';
import { inTime } from './in-time.ts';

/** What became of one question: each need of it is among the found, or it failed. */
export interface Settled {
  needs: Iterable<string>;
  found: ReadonlyMap<string, Found>;
  /** Why the rest of it was not found. */
  reason: string;
}

export interface CoreQuestionsOptions {
  /** An answer that has not come by then has failed, and the next question goes out. */
  withinMs: number;
  /** Somebody waits for it still. */
  isWanted(needId: string): boolean;
  /** New needs may be asked for meanwhile: they are in the next question, together. */
  settled(settled: Settled): void;
}

/** Those that one core, or one group that cannot be told apart, is asked for. */
interface Asked {
  isUnderWay: boolean;
  /** For the next question; none that is on its way. */
  next: Map<string, Need>;
}

export class CoreQuestions {
  readonly #options: CoreQuestionsOptions;
  readonly #asked = new Map<number, Asked>();

  constructor(options: CoreQuestionsOptions) {
    this.#options = options;
  }

  /** Each settles, but never before this returns; one that nobody wants any more by the time it would be asked for does not. */
  ask(elsewhere: Elsewhere, needs: Iterable<[string, Need]>): void {
    const changed = new Set<number>();
    for (const [id, need] of needs) {
      const server = elsewhere.serverOf(need);
      const asked = this.#asked.get(server) ?? { isUnderWay: false, next: new Map<string, Need>() };
      this.#asked.set(server, asked);
      asked.next.set(id, need);
      changed.add(server);
    }
    for (const server of changed) this.#goOn(elsewhere, server);
  }

  #goOn(elsewhere: Elsewhere, server: number): void {
    const asked = this.#asked.get(server);
    if (asked === undefined || asked.isUnderWay) return;
    const needs = new Map<string, Need>();
    for (const [id, need] of asked.next) {
      if (needs.size === mostNeeds) break;
      asked.next.delete(id);
      if (this.#options.isWanted(id)) needs.set(id, need);
    }
    if (needs.size === 0) {
      this.#asked.delete(server);
      return;
    }
    asked.isUnderWay = true;
    const found = new Map<string, Found>();
    void this.#answered(elsewhere, needs, found).then((reason) => {
      this.#options.settled({ needs: needs.keys(), found, reason });
      asked.isUnderWay = false;
      this.#goOn(elsewhere, server);
    });
  }

  /** Fills `found`; the reason for what is not in it. Never rejects. */
  async #answered(
    elsewhere: Elsewhere,
    needs: ReadonlyMap<string, Need>,
    found: Map<string, Found>,
  ): Promise<string> {
    const { withinMs } = this.#options;
    const answer = elsewhere
      .fetch(needs, found)
      .then((failed) => failed?.message ?? 'not in the answer', said);
    return await inTime(answer, withinMs, `no answer within ${withinMs} ms`);
  }
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
