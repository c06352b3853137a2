// Swapping: another release's behaviours take the place of those that run, once a trial has shown them fit. Nobody waits, nothing closes.

import type { AccountId } from '../runtime/account-id.ts';
import type { CodesReport } from '../runtime/actor-codes.ts';
import type { FoundFact, Outcome, Reader } from '../runtime/behaviours.ts';
import {
  BehavioursError,
  type BehavioursSource,
  compileBehaviours,
  type Product,
  readBehaviours,
} from './core-behaviours.ts';
import type { CoreLog } from './core-log.ts';
import type { CoreProduct } from './core-product.ts';
import type { SwapMetrics } from './core-swap-metrics.ts';
import { tryBehaviours } from './core-trial.ts';
import type { TrialBounds } from './core-trial-scripts.ts';
import { rejected } from './rejection.ts';

export interface CoreSwapOptions {
  product: CoreProduct;
  actors: {
    readonly awake: number;
    readonly codes: CodesReport;
    authors(): Iterable<AccountId>;
    packed(most: number): unknown[];
    swapped(codeName: string): void;
  };
  reader: Pick<Reader, 'fact' | 'recent'>;
  metrics: SwapMetrics;
  log: CoreLog;
  trial?: Partial<TrialBounds>;
}

export interface SwapTerms {
  /** It is taken even when there is no way back to what runs now. */
  isOneWay?: boolean;
}

export interface Swapped {
  /** SHA-256 of the behaviours.js that ran, and of the one that runs: equal when it ran already. */
  from: string;
  to: string;
  /** Awake actors: each goes over at its next message, or in the background before that. */
  awake: number;
  /** Why what ran before could not take over again; null: it could. */
  oneWay: string | null;
}

/** What runs, and how far the last swap is. */
export interface SwapReport extends CodesReport {
  /** SHA-256 of the behaviours.js that runs; null: it came from no release. */
  running: string | null;
  /** Since the last swap: actors that have gone over, and the longest time that took for one of them. */
  migrated: number;
  longestMs: number;
  /** Why the first of those that stayed behind did. */
  whyStayed: string | null;
}

/** Real samples for a trial. */
const mostStates = 16;
const mostAuthors = 32;
const postsAnAuthor = 3;

export class CoreSwap {
  readonly #options: CoreSwapOptions;
  readonly #closing = new AbortController();
  #isBusy = false;
  #whyStayed: string | null = null;

  constructor(options: CoreSwapOptions) {
    this.#options = options;
  }

  get report(): SwapReport {
    const { product, actors, metrics } = this.#options;
    return {
      running: product.current.source?.sha256 ?? null,
      migrated: metrics.migratedActors,
      longestMs: metrics.longestMs,
      whyStayed: this.#whyStayed,
      ...actors.codes,
    };
  }

  /**
   * Never rejects. Refused, with the reason, and nothing has changed: `invalid` when it is not fit, `forbidden` when it would be but not in
   * this way (what is stored or said changes: a core must start with it; or there is no way back), `busy` while another swap is on.
   */
  async swap(folder: string, terms: SwapTerms = {}): Promise<Outcome<Swapped>> {
    if (this.#isBusy) return rejected('busy', 'Another swap of behaviours is under way');
    this.#isBusy = true;
    const { log, metrics } = this.#options;
    try {
      const outcome = await this.#swap(folder, terms);
      if (!outcome.ok) {
        metrics.refused();
        log.warn({ folder, reason: outcome.rejection.message }, 'behaviours were refused');
      }
      return outcome;
    } finally {
      this.#isBusy = false;
    }
  }

  async #swap(folder: string, { isOneWay = false }: SwapTerms): Promise<Outcome<Swapped>> {
    const { product, actors } = this.#options;
    const running = product.current.source;
    if (running === undefined) return rejected('invalid', 'What runs here came from no release');
    let next: BehavioursSource;
    try {
      next = await readBehaviours(folder);
    } catch (error) {
      return rejected('invalid', reasonOf(error));
    }
    const from = running.sha256;
    const to = next.sha256;
    if (from === to) return { ok: true, value: { from, to, awake: actors.awake, oneWay: null } };
    const verdict = await tryBehaviours({
      running,
      next,
      states: this.#states(),
      facts: this.#facts(),
      signal: this.#closing.signal,
      ...(this.#options.trial === undefined ? {} : { bounds: this.#options.trial }),
    });
    if (this.#closing.signal.aborted) return rejected('unavailable', 'The core stops');
    if (verdict.kind !== 'fit')
      return rejected(verdict.kind === 'programs' ? 'forbidden' : 'invalid', verdict.reason);
    const { oneWay } = verdict;
    if (oneWay !== null && !isOneWay)
      return rejected(
        'forbidden',
        `There is no way back from it, and nobody said that there need be none: ${oneWay}`,
      );
    let compiled: Product;
    try {
      compiled = compileBehaviours(next);
    } catch (error) {
      return rejected('invalid', reasonOf(error));
    }
    // To compile it has taken its time; the first actors go over in another turn.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#closing.signal.aborted) return rejected('unavailable', 'The core stops');
    this.#take(compiled);
    return { ok: true, value: { from, to, awake: actors.awake, oneWay } };
  }

  /** From here on it is what runs: for all that is outside of actors at once, for each actor from its next message on. */
  #take(next: Product): void {
    const { product, actors, metrics, log } = this.#options;
    const from = product.name;
    product.replace(next);
    this.#whyStayed = null;
    metrics.began();
    actors.swapped(product.name);
    log.info({ from, to: product.name, awake: actors.awake }, 'other behaviours run');
  }

  /** An actor could not go over. Told once a swap, whatever their number is. */
  stayed(account: AccountId, error: unknown): void {
    const { metrics, log, product } = this.#options;
    metrics.stayed();
    if (this.#whyStayed !== null) return;
    this.#whyStayed = reasonOf(error);
    log.warn(
      { account, code: product.name, err: error },
      'an actor stays with the code it has: its state could not be taken over. Others may follow it unsaid',
    );
  }

  close(): void {
    this.#closing.abort();
  }

  #states(): unknown[] {
    try {
      // By itself: one that can't be copied must not keep all others out.
      return this.#options.actors.packed(mostStates).filter(isCopyable);
    } catch {
      return [];
    }
  }

  /** The newest of authors whom somebody receives. */
  #facts(): FoundFact[] {
    const { actors, reader, product } = this.#options;
    const facts: FoundFact[] = [];
    let authors = 0;
    for (const author of actors.authors()) {
      if (authors++ === mostAuthors) break;
      for (const id of reader.recent(author, null, postsAnAuthor)) {
        const key = product.current.statusKey(id);
        const fact = reader.fact(key);
        if (fact !== null) facts.push({ key, ...fact });
      }
    }
    return facts;
  }
}

function isCopyable(value: unknown): boolean {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof BehavioursError) return error.message;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
