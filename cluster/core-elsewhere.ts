// Records that other cores have, asked of whoever serves them: for reads, for timelines that are being built, for what is pushed.
import { LRUCache } from 'lru-cache';
import { type AccountId, partitionCount } from '../runtime/account-id.ts';
import type {
  FoundView,
  Outcome,
  PointReader,
  Range,
  Reader,
  Recent,
  Rejection,
} from '../runtime/behaviours.ts';
import type { Key } from '../runtime/key.ts';
import {
  accountOfNeed,
  answerNeeds,
  type Found,
  isEverywhere,
  joinFound,
  mergeFound,
  mostNeeds,
  type Need,
  needBehind,
  needId,
  PartialReader,
} from '../runtime/reading.ts';
import { descending, type StatusId } from '../runtime/status-id.ts';
import type { CoreClient } from './core-client.ts';
import { newestTogether, Together } from './core-together.ts';

/** All other cores. */
export type Colleagues = Pick<CoreClient, 'call'> & {
  /** The core that serves the account now; lower than any when nobody does. */
  serverOf?(account: AccountId): number;
};

export interface ElsewhereOptions {
  /** To all other cores. */
  client: Pick<CoreClient, 'call'>;
  local: Reader;
  newestHere(recent: Recent): StatusId[];
  /** The partitions of which everything is here, a bit each. */
  held(): Uint8Array;
  /** All of the account's records are on this machine. */
  isHere(account: AccountId): boolean;
  mergeViews(key: Key, values: readonly unknown[]): unknown;
  /** The node that is asked for the account's records, whoever it is; absent: that is not known. */
  serverOf?(account: AccountId): number;
  /** Milliseconds that never go back. */
  now?(): number;
}

/** Of a core among others. */
export function elsewhereOf({
  client,
  store,
  local,
  cluster,
  mergeViews,
}: Pick<ElsewhereOptions, 'local' | 'mergeViews'> & {
  client: Colleagues;
  store: { newestOf(recent: Recent): StatusId[] };
  cluster: Pick<ElsewhereOptions, 'held' | 'isHere'>;
}): Elsewhere {
  return new Elsewhere({
    client,
    local,
    newestHere: (recent) => store.newestOf(recent),
    isHere: (account) => cluster.isHere(account),
    held: () => cluster.held(),
    mergeViews,
    ...(client.serverOf === undefined ? {} : { serverOf: client.serverOf }),
  });
}

/** A read asks again for what the answers before have led it to, for so long. */
const readMs = 10_000;
/** Records that a read may need of others. */
const mostOfRead = 200_000;
/** One need is answered in so many pieces at most. */
const mostPieces = 1000;
const listingsAtOnce = 100;
/** Cores that have just been started or left find each other again. */
const coveredWithinMs = 5000;
const againMs = 200;
const uncovered: Rejection = { code: 'moved', message: 'nobody has a part of it' };
/** What is pushed may show rows of other machines that are so old. */
const keptMs = 2000;
const keptMost = 50_000;

/** In the place of nodes. */
const ofAnybody = -1;
const ofEverybody = -2;

const endless: Rejection = {
  code: 'unavailable',
  message: 'This needs more of other machines than a read may ask for.',
};

export class Elsewhere {
  readonly #options: ElsewhereOptions;
  readonly #kept = new LRUCache<string, Found>({ max: keptMost, ttl: keptMs });
  readonly #listing = new Together((needs: Need[]) => this.#listTogether(needs));
  readonly #newest = new Together((asked: Recent[]) =>
    newestTogether(asked, (recent) => this.#newestOfOthers(recent)),
  );

  constructor(options: ElsewhereOptions) {
    this.#options = options;
  }

  /** Runs a pure read until it lacks nothing. At once when everything is here. */
  read<T>(run: (reader: Reader) => Outcome<T>): Outcome<T> | Promise<Outcome<T>> {
    const fetched = new Map<string, Found>();
    const reader = this.#reader(fetched);
    const outcome = run(reader);
    return reader.lacks ? this.#readOn(run, reader, fetched) : outcome;
  }

  async #readOn<T>(
    run: (reader: Reader) => Outcome<T>,
    first: PartialReader,
    fetched: Map<string, Found>,
  ): Promise<Outcome<T>> {
    const { now = () => performance.now() } = this.#options;
    const untilMs = now() + readMs;
    let reader = first;
    while (now() < untilMs && fetched.size + reader.needs.size <= mostOfRead) {
      const failed = await this.fetch(reader.needs, fetched);
      if (failed !== null) return { ok: false, rejection: failed };
      reader = this.#reader(fetched);
      const outcome = run(reader);
      if (!reader.lacks) return outcome;
    }
    return { ok: false, rejection: endless };
  }

  #reader(fetched: Map<string, Found>): PartialReader {
    const { local, isHere } = this.#options;
    return new PartialReader({ local, isHere, fetched });
  }

  /** For rows that are pushed: knows what was kept of late, too. What it gives of that is in `fetched` from then on. */
  pushReader(fetched: Map<string, Found>): PartialReader {
    const { local, isHere } = this.#options;
    const get = (id: string): Found | undefined => {
      const known = fetched.get(id);
      const kept = this.#kept.get(id);
      if (kept === undefined || (known !== undefined && !isOlder(known, kept))) return known;
      fetched.set(id, kept);
      return kept;
    };
    return new PartialReader({ local, isHere, fetched: { get } });
  }

  /** For `pushReader`, for a while. What is known of a newer version of the same fact stays. */
  keep(id: string, found: Found): void {
    const known = this.#kept.get(id);
    if (known === undefined || !isOlder(found, known)) this.#kept.set(id, found);
  }

  /** Needs with the same number here are asked of the same core, as far as that is known. */
  serverOf(asked: Need): number {
    const { serverOf } = this.#options;
    if (serverOf === undefined) return ofAnybody;
    return isEverywhere(asked) ? ofEverybody : serverOf(accountOfNeed(asked));
  }

  /** Null when all of it is in `into`. */
  async fetch(needs: ReadonlyMap<string, Need>, into: Map<string, Found>): Promise<Rejection | null> {
    const everywhere = new Map([...needs].filter(([, asked]) => isEverywhere(asked)));
    const single = new Map([...needs].filter(([id]) => !everywhere.has(id)));
    const failures = await Promise.all([this.#listings(everywhere, into), this.#records(single, into)]);
    return failures.find((failed) => failed !== null) ?? null;
  }

  async #records(needs: ReadonlyMap<string, Need>, into: Map<string, Found>): Promise<Rejection | null> {
    let asking = [...needs].map(([id, asked]) => ({ id, asked, before: null as Found | null }));
    for (let pieces = 0; asking.length > 0; pieces++) {
      if (pieces === mostPieces) return endless;
      const batch = asking.slice(0, mostNeeds);
      const later = asking.slice(mostNeeds);
      const answered = await this.#options.client.call('records', { needs: batch.map(({ asked }) => asked) });
      if (!answered.ok) return plain(answered.rejection);
      for (const [place, { id, asked, before }] of batch.entries()) {
        const found = answered.value.found[place] ?? { kind: 'later' };
        if (found.kind === 'later') {
          later.push({ id, asked, before });
          continue;
        }
        const joined = before === null ? found : joinFound(before, found);
        const behind = needBehind(asked, found);
        if (behind === null) into.set(id, joined);
        else later.push({ id, asked: behind, before: joined });
      }
      asking = later;
    }
    return null;
  }

  /** Of all machines together, this one included. */
  async #listings(needs: ReadonlyMap<string, Need>, into: Map<string, Found>): Promise<Rejection | null> {
    const all = [...needs];
    const answers = await Promise.all(all.map(([, asked]) => this.#listing.add(asked)));
    for (const [place, answer] of answers.entries()) {
      if (!answer.ok) return answer.rejection;
      const [id] = all[place] ?? [];
      if (id !== undefined) into.set(id, answer.value);
    }
    return null;
  }

  async #listTogether(needs: Need[]): Promise<Outcome<Found>[]> {
    const ids = needs.map(needId);
    const all = [...new Map(needs.map((asked, place) => [ids[place] ?? '', asked]))];
    const found = new Map<string, Found>();
    const failures = new Map<string, Rejection>();
    const batches: Promise<void>[] = [];
    for (let at = 0; at < all.length; at += listingsAtOnce) {
      const batch = all.slice(at, at + listingsAtOnce);
      const listed = this.#listed(batch, found).then((failed) => {
        if (failed !== null) for (const [id] of batch) failures.set(id, failed);
      });
      batches.push(listed);
    }
    await Promise.all(batches);
    return ids.map((id) => {
      const one = found.get(id);
      return one === undefined
        ? { ok: false, rejection: failures.get(id) ?? uncovered }
        : { ok: true, value: one };
    });
  }

  /** Of every partition somebody must have spoken: else the lists would lack it, and nobody would know. */
  async #listed(batch: readonly [string, Need][], into: Map<string, Found>): Promise<Rejection | null> {
    const { client, local, held, mergeViews, now = () => performance.now() } = this.#options;
    const asked = batch.map(([, one]) => one);
    const endMs = now() + coveredWithinMs;
    for (;;) {
      const answered = await client.call('listings', { needs: asked });
      if (!answered.ok) return plain(answered.rejection);
      const answers = [{ held: held(), found: answerNeeds(local, asked) }, ...answered.value.answers];
      // What is too long together is asked for one by one.
      const isWhole = answers.every(({ found }) => found.every((one) => one.kind !== 'later'));
      if (!isWhole && batch.length > 1) {
        for (const one of batch) {
          const failed = await this.#listed([one], into);
          if (failed !== null) return failed;
        }
        return null;
      }
      if (isWhole && isCovered(answers)) {
        for (const [place, [id, one]] of batch.entries()) {
          const found = answers.flatMap((answer) => answer.found[place] ?? []);
          into.set(id, mergeFound(one, found, mergeViews));
        }
        return null;
      }
      if (now() > endMs) return plain(uncovered);
      await new Promise((resolve) => setTimeout(resolve, againMs));
    }
  }

  /** The newest statuses of authors wherever they are, newest first. */
  async newest({ authors, sinceMs, most }: Recent): Promise<Outcome<StatusId[]>> {
    const { newestHere, isHere } = this.#options;
    const here: AccountId[] = [];
    const others: AccountId[] = [];
    for (const author of authors) (isHere(author) ? here : others).push(author);
    if (others.length === 0) return { ok: true, value: newestHere({ authors: here, sinceMs, most }) };
    const answered = await this.#newest.add({ authors: others, sinceMs, most });
    if (!answered.ok) return answered;
    const ids = [...newestHere({ authors: here, sinceMs, most }), ...answered.value];
    return { ok: true, value: ids.sort(descending).slice(0, most) };
  }

  async #newestOfOthers({ authors, sinceMs, most }: Recent): Promise<Outcome<StatusId[]>> {
    const answered = await this.#options.client.call('newest', { authors: [...authors], sinceMs, most });
    if (answered.ok) return { ok: true, value: answered.value.ids };
    return { ok: false, rejection: plain(answered.rejection) };
  }

  /** Ranges wherever they are, in their order. */
  async ranges(ranges: readonly Range[]): Promise<Outcome<FoundView[][]>> {
    return await this.read((reader) => ({ ok: true, value: ranges.map((range) => reader.views(range)) }));
  }

  /** Reads these facts as they are where they belong, and all else by `other`. */
  async factsOf(keys: readonly Key[], other: PointReader): Promise<Outcome<PointReader>> {
    const fetched = new Map<string, Found>();
    const needs = keys.map((key): Need => ({ kind: 'fact', key }));
    const failed = await this.fetch(new Map(needs.map((asked) => [needId(asked), asked])), fetched);
    if (failed !== null) return { ok: false, rejection: failed };
    const fact: PointReader['fact'] = (key) => {
      const found = fetched.get(needId({ kind: 'fact', key }));
      return found?.kind === 'fact' ? found.fact : other.fact(key);
    };
    return { ok: true, value: { fact, view: (key) => other.view(key) } };
  }
}

/** Of an earlier version of the same fact. */
function isOlder(one: Found, other: Found): boolean {
  if (one.kind !== 'fact' || other.kind !== 'fact' || other.fact === null) return false;
  return one.fact === null || one.fact.version < other.fact.version;
}

function isCovered(answers: readonly { held: Uint8Array }[]): boolean {
  for (let at = 0; at < partitionCount / 8; at++) {
    let bits = 0;
    for (const { held } of answers) bits |= held[at] ?? 0;
    if (bits !== 255) return false;
  }
  return true;
}

/** `moved` is between cores: who asked this one is told that it cannot be had. */
function plain(rejection: Rejection): Rejection {
  if (rejection.code !== 'moved') return rejection;
  return { code: 'unavailable', message: 'No core serves a part of this at the moment. Try again soon.' };
}
