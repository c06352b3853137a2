// A trial's world: facts and their views in memory, as a store would keep them, derived by the code that is tried.
import { type AccountId, partitionOf } from './account-id.ts';
import type { Behaviours, Entry, FoundFact, Range, Reader, StoredFact, ViewWrite } from './behaviours.ts';
import type { FactWrite, Wire } from './fact.ts';
import type { Key } from './key.ts';
import { descending, type StatusId, statusAuthor } from './status-id.ts';
import { makeVersion } from './version.ts';

type Keeping = Pick<Behaviours<never, never, never>, 'derive' | 'listed' | 'words'>;

/** Facts come a second apart, the first of them then. */
export const trialStartMs = 1_750_000_000_000;

export class TrialWorld {
  readonly #product: Keeping;
  readonly #facts = new Map<Key, StoredFact>();
  readonly #views = new Map<Key, Wire>();
  readonly #listed = new Map<Key, StatusId>();
  readonly #words = new Map<StatusId, readonly string[]>();
  #entered = 0;
  readonly reader: Reader;

  constructor(product: Keeping) {
    this.#product = product;
    this.reader = {
      fact: (key) => this.#facts.get(key) ?? null,
      view: (key) => this.#views.get(key),
      facts: (range) => within(this.#facts, range).map(([key, fact]) => ({ key, ...fact })),
      views: (range) => within(this.#views, range).map(([key, value]) => ({ key, value })),
      recent: (author, below, most) => this.newest([author], most, below),
      find: (words, { below, above, most }) =>
        [...this.#words]
          .filter(([id, its]) => words.every((word) => its.includes(word)) && isBetween(id, below, above))
          .map(([id]) => id)
          .sort(descending)
          .slice(0, most),
      serves: (account) => partitionOf(account) >= 0,
    };
  }

  get nowMs(): number {
    return trialStartMs + 1000 * this.#entered;
  }

  newest(authors: Iterable<AccountId>, most: number, below: StatusId | null = null): StatusId[] {
    const wanted = new Set(authors);
    return [...this.#listed.values()]
      .filter((id) => wanted.has(statusAuthor(id)) && isBetween(id, below, null))
      .sort(descending)
      .slice(0, most);
  }

  allFacts(): FoundFact[] {
    return [...this.#facts].map(([key, fact]) => ({ key, ...fact }));
  }

  allViews(): { key: Key; value: Wire }[] {
    return [...this.#views].map(([key, value]) => ({ key, value }));
  }

  /** The views that it changes are there when this returns. */
  enter({ key, value }: FactWrite): { entry: Entry; views: ViewWrite[]; words: string[] } {
    const version = makeVersion(this.nowMs, 0, 1);
    this.#entered++;
    const entry: Entry = { key, version, value, before: this.#facts.get(key) ?? null, live: true };
    this.#facts.set(key, { version, value });
    const views = this.#product.derive(entry, this.reader);
    for (const view of views) {
      if (view.value === null) this.#views.delete(view.key);
      else this.#views.set(view.key, view.value);
    }
    return { entry, views, words: this.#list(entry) };
  }

  #list({ key, version, value }: Entry): string[] {
    const id = this.#product.listed(key, value);
    const words = this.#product.words({ key, version, value });
    const former = this.#listed.get(key);
    if (former !== undefined) this.#words.delete(former);
    this.#listed.delete(key);
    if (id === null) return words;
    this.#listed.set(key, id);
    this.#words.set(id, words);
    return words;
  }
}

function within<T>(records: ReadonlyMap<Key, T>, { from, to, most, reverse }: Range): [Key, T][] {
  const found = [...records].filter(([key]) => key >= from && key < to);
  found.sort(([one], [other]) => (reverse === true ? descending(one, other) : descending(other, one)));
  return found.slice(0, most);
}

function isBetween(id: StatusId, below: StatusId | null, above: StatusId | null): boolean {
  return (below === null || id < below) && (above === null || id > above);
}
