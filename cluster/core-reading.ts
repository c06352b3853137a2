// A core's answers to reads: to those of gateways, asking other cores for what is not here; and to those of other cores.
import { exchanges } from '../actors/exchanges.ts';
import { factKind } from '../actors/facts.ts';
import type { Ask, queries, RequestKind } from '../actors/messages.ts';
import type { AccountId } from '../runtime/account-id.ts';
import type { Outcome, Reader } from '../runtime/behaviours.ts';
import { accountKeyLength, afterPrefix, kindOf } from '../runtime/key.ts';
import { answerNeeds, mostFound, type Need } from '../runtime/reading.ts';
import type { Store } from '../runtime/store.ts';
import type { Product } from './core-behaviours.ts';
import type { Elsewhere } from './core-elsewhere.ts';
import type { LinkPeer } from './link-peer.ts';
import { rejected } from './rejection.ts';

export type Answering = Outcome<unknown> | Promise<Outcome<unknown>>;
export type QueryKind = keyof typeof queries;
export type ExchangeKind = keyof typeof exchanges;

type Query = (reader: Reader, ask: unknown, nowMs: number) => Outcome<unknown>;

export interface CoreReadingOptions {
  store: Pick<Store, 'newestOf' | 'catchUpSearch'>;
  reader: Reader;
  product(): Product;
  now(): number;
  /** The partitions of which everything is here, a bit each. */
  held(): Uint8Array;
  /** Null: everything is here. */
  others(): Elsewhere | null;
}

/** How long a search waits for the index to take in what was just written. */
const searchWaitMs = 500;
const instanceMs = 10_000;

/** All that is on this disk. */
export function readerOf(
  store: Pick<Store, 'reader' | 'search'>,
  serves: (account: AccountId) => boolean,
): Reader {
  const { reader } = store;
  return {
    fact: (key) => reader.fact(key),
    view: (key) => reader.view(key),
    facts: (range) => reader.facts(range),
    views: (range) => reader.views(range),
    recent: (author, below, most) => reader.recent(author, below, most),
    find: (words, bounds) => store.search({ words: [...words], ...bounds }),
    serves,
  };
}

export function isExchange(kind: RequestKind): kind is ExchangeKind {
  return Object.hasOwn(exchanges, kind);
}

/** No read of the product's needs these of another machine. */
const secretKinds: ReadonlySet<string> = new Set([
  factKind.credential,
  factKind.token,
  factKind.code,
  factKind.app,
]);

/** A range is of one kind, or it may hold them. */
function isSecret(need: Need): boolean {
  if (need.kind === 'fact') return secretKinds.has(kindOf(need.key));
  if (need.kind !== 'facts') return false;
  const kind = kindOf(need.from);
  return (
    kind === '' || secretKinds.has(kind) || need.to > afterPrefix(need.from.slice(0, accountKeyLength + 1))
  );
}

export class CoreReading {
  readonly #options: CoreReadingOptions;
  #instance: { atMs: number; outcome: Outcome<unknown> } | null = null;

  constructor(options: CoreReadingOptions) {
    this.#options = options;
  }

  query(kind: QueryKind, ask: Ask<QueryKind>): Answering {
    const query = this.#options.product().queries[kind] as Query | undefined;
    if (query === undefined) return rejected('invalid', `This release knows no ${kind}`);
    if (kind === 'instance') return this.#ofInstance(query, ask);
    if (kind !== 'searchStatuses') return this.#read(query, ask);
    return this.#options.store.catchUpSearch(searchWaitMs).then(() => this.#read(query, ask));
  }

  #read(query: Query, ask: Ask<QueryKind>): Answering {
    const { reader, now, others } = this.#options;
    const nowMs = now();
    const elsewhere = others();
    if (elsewhere === null) return query(reader, ask, nowMs);
    return elsewhere.read((partial) => query(partial, ask, nowMs));
  }

  /** Of what is served here: the other cores are asked by who asks this one. */
  #ofInstance(query: Query, ask: Ask<QueryKind>): Outcome<unknown> {
    const nowMs = this.#options.now();
    if (this.#instance !== null && nowMs - this.#instance.atMs < instanceMs) return this.#instance.outcome;
    const outcome = query(this.#options.reader, ask, nowMs);
    this.#instance = { atMs: nowMs, outcome };
    return outcome;
  }

  /** What other cores want to know of what is here. */
  exchange(kind: ExchangeKind, ask: Ask<RequestKind>, from: LinkPeer | null): Answering {
    const { store, reader, held } = this.#options;
    if (from !== null && from.role !== 'core') return rejected('forbidden', `${kind} is for cores`);
    if (kind === 'newest') {
      const { authors, sinceMs, most } = ask as Ask<'newest'>;
      const ids = store.newestOf({ authors, sinceMs, most: Math.min(most, mostFound) });
      return { ok: true, value: { ids } };
    }
    const { needs } = ask as Ask<'records' | 'listings'>;
    if (needs.some(isSecret)) return rejected('forbidden', 'secrets stay where they are');
    const answer = (): Outcome<unknown> => {
      const found = answerNeeds(reader, needs);
      return { ok: true, value: kind === 'records' ? { found } : { answers: [{ held: held(), found }] } };
    };
    const isSearch = needs.some((need) => need.kind === 'find');
    return isSearch ? store.catchUpSearch(searchWaitMs).then(answer) : answer();
  }
}
