// The search index: which statuses hold a word. It follows the log behind the posts, in transactions of its own.
import type { FoundFact } from './behaviours.ts';
import type { Wire } from './fact.ts';
import { afterPrefix, type Key, kindOf } from './key.ts';
import { bytesOfLatin1, type StatusId, statusIdBytes } from './status-id.ts';
import type { Batch } from './store-batch.ts';
import type { Tables } from './store-environment.ts';

export interface SearchIndexOptions {
  tables: Pick<Tables, 'postings' | 'terms'>;
  /** The kind of facts that can be found: all others are passed over. */
  kind: string;
  words(fact: FoundFact): string[];
  listed(key: Key, value: Wire | null): StatusId | null;
  /** Whether the fact belongs here: others are not found. */
  owns(key: Key): boolean;
  /** `words` or `listed` failed on a fact, which can't be found then. */
  onTrouble?: ((error: Error) => void) | undefined;
}

export interface SearchFor {
  /** All of them. */
  words: readonly string[];
  /** Only ids below; null for no bound. */
  below: StatusId | null;
  /** Only ids above; null for no bound. */
  above: StatusId | null;
  most: number;
}

/** Longer words are told apart by this many bytes only. */
const longestWordBytes = 64;
/** Ends a word in a key, so that no word's ids stand among those of another that begins like it. */
const wordEnd = '\0';
/** Most reads of the disk for one search: words that are frequent apart and rare together must not stop the core. */
const mostSeeks = 1_000;
const nothing = new Uint8Array(0);

export class SearchIndex {
  readonly #options: SearchIndexOptions;

  constructor(options: SearchIndexOptions) {
    this.#options = options;
  }

  /**
   * Stages what these facts, in this order, change, and stops after about `mostChanges`: gives back how many facts it took.
   * Taking in a fact again changes nothing. What an earlier call staged has to be on the disk. Facts that are not `newest` under their
   * keys are passed over.
   */
  take(
    facts: readonly FoundFact[],
    batch: Batch,
    mostChanges = Number.POSITIVE_INFINITY,
    newest: (fact: FoundFact) => boolean = () => true,
  ): number {
    const held = new Map<Key, string>();
    const start = batch.changes.length;
    let taken = 0;
    for (const fact of facts) {
      if (batch.changes.length - start >= mostChanges) break;
      taken++;
      if (kindOf(fact.key) !== this.#options.kind || !newest(fact)) continue;
      const before = held.get(fact.key) ?? this.#options.tables.terms.get(fact.key) ?? '';
      const after = this.#soundTermsOf(fact);
      if (before === after) continue;
      held.set(fact.key, after);
      const wanted = new Set(placesOf(after));
      const kept = new Set(placesOf(before));
      for (const place of kept) if (!wanted.has(place)) change(batch, 'postings', place, null);
      for (const place of wanted) if (!kept.has(place)) change(batch, 'postings', place, nothing);
      change(batch, 'terms', fact.key, after === '' ? null : bytesOfLatin1(after));
    }
    return taken;
  }

  /** Statuses that hold all the words, newest first. */
  find({ words, below, above, most }: SearchFor): StatusId[] {
    const seeks = { left: mostSeeks };
    const lists = [...new Set(words.map(wordOf))].map(
      (word) => new Postings(word, this.#options.tables, seeks),
    );
    const found: StatusId[] = [];
    if (lists.length === 0) return found;
    let bound = below;
    while (found.length < most) {
      const id = commonBelow(lists, bound);
      if (id === null || (above !== null && id <= above)) break;
      found.push(id);
      bound = id;
    }
    return found;
  }

  /** One fact that the product stumbles over must not stop all that come after it. */
  #soundTermsOf(fact: FoundFact): string {
    try {
      return this.#termsOf(fact);
    } catch (error) {
      this.#options.onTrouble?.(error instanceof Error ? error : new Error(String(error)));
      return '';
    }
  }

  /** What is held of a fact: its status id, then its words, sorted. Empty for a fact that can't be found. */
  #termsOf(fact: FoundFact): string {
    if (fact.value === null || !this.#options.owns(fact.key)) return '';
    const words = this.#options.words(fact);
    if (words.length === 0) return '';
    const id = this.#options.listed(fact.key, fact.value);
    return id === null ? '' : id + [...new Set(words.map(wordOf))].sort().join(wordEnd);
  }
}

function change(batch: Batch, table: 'postings' | 'terms', key: Key, bytes: Uint8Array | null): void {
  batch.changes.push({ kind: 'put', table, key, bytes });
}

/** A word as it stands in keys: its UTF-8 bytes. */
function wordOf(word: string): string {
  return Buffer.from(word.replaceAll(wordEnd, ''), 'utf8').subarray(0, longestWordBytes).toString('latin1');
}

function placesOf(terms: string): string[] {
  if (terms === '') return [];
  const id = terms.slice(0, statusIdBytes);
  return terms
    .slice(statusIdBytes)
    .split(wordEnd)
    .map((word) => word + wordEnd + id);
}

/** The newest id below `bound` that all lists hold: each list in turn skips to what the others reached. */
function commonBelow(lists: readonly Postings[], bound: StatusId | null): StatusId | null {
  let candidate: StatusId | null = null;
  let agreed = 0;
  for (let turn = 0; agreed < lists.length; turn = (turn + 1) % lists.length) {
    const next: StatusId | null = lists[turn]?.next(candidate, bound) ?? null;
    if (next === null) return null;
    agreed = next === candidate ? agreed + 1 : 1;
    candidate = next;
  }
  return candidate;
}

/** The ids of one word, read from the newest down in runs that grow. */
class Postings {
  readonly #prefix: string;
  readonly #end: string;
  readonly #tables: SearchIndexOptions['tables'];
  readonly #seeks: { left: number };
  #run: StatusId[] = [];
  #at = 0;
  #runLength = 8;
  #ended = false;

  constructor(word: string, tables: SearchIndexOptions['tables'], seeks: { left: number }) {
    this.#prefix = word + wordEnd;
    this.#end = afterPrefix(this.#prefix);
    this.#tables = tables;
    this.#seeks = seeks;
  }

  /** The newest id that is not above `most` and is below `bound`. Both only ever move downwards. */
  next(most: StatusId | null, bound: StatusId | null): StatusId | null {
    for (;;) {
      while (this.#at < this.#run.length) {
        const id = this.#run[this.#at];
        if (id !== undefined && (most === null || id <= most) && (bound === null || id < bound)) return id;
        this.#at++;
      }
      if (this.#ended || this.#seeks.left === 0) return null;
      this.#read(most, bound);
    }
  }

  #read(most: StatusId | null, bound: StatusId | null): void {
    this.#seeks.left--;
    const last = this.#run.at(-1);
    const ends = [this.#end];
    if (most !== null) ends.push(`${this.#prefix}${most}\0`);
    if (bound !== null) ends.push(this.#prefix + bound);
    if (last !== undefined) ends.push(this.#prefix + last);
    const to = ends.sort()[0] ?? this.#end;
    const keys = this.#tables.postings.keys({ from: this.#prefix, to, most: this.#runLength, reverse: true });
    this.#run = keys.map((key) => key.slice(this.#prefix.length) as StatusId);
    this.#at = 0;
    this.#ended = keys.length < this.#runLength;
    this.#runLength = Math.min(this.#runLength * 2, 256);
  }
}
