// Reads of records that other machines hold. What a run lacks is noted; when that has been fetched, the pure run is made again. No IO.
import { accountIdCodec, serverAccount } from './account-id.ts';
import type { FoundFact, FoundView, Range, Reader, StoredFact } from './behaviours.ts';
import { bool, type Codec, type Infer, list, optional, struct, text, uint, union } from './codec.ts';
import { accountAt, type Key } from './key.ts';
import { keyCodec, versionCodec } from './latin1-codec.ts';
import { descending, type StatusId, statusIdCodec, statusIdsCodec } from './status-id.ts';

/** Needs in one question. */
export const mostNeeds = 4000;
/** Records that one need may be given; an account's are read on from the last. */
export const mostFound = 10_000;
/** What one answer holds, about: a frame carries a few of them. */
const answerBytes = 2_000_000;
const mostWords = 100;

const range = { from: keyCodec, to: keyCodec, most: uint, reverse: bool };

/** What a run lacks. All but a range under the server's account and `find` are one account's. */
export const need = union({
  fact: struct({ key: keyCodec }),
  view: struct({ key: keyCodec }),
  facts: struct(range),
  views: struct(range),
  recent: struct({ author: accountIdCodec, below: optional(statusIdCodec), most: uint }),
  find: struct({
    words: list(text(400), mostWords),
    below: optional(statusIdCodec),
    above: optional(statusIdCodec),
    most: uint,
  }),
});
export type Need = Infer<typeof need>;

/** A plain value that msgpack has carried: its frame was checked before it was unpacked. */
const wire: Codec<unknown> = { encode: (value) => value, decode: (value) => value ?? null };

/** In the place of the need it answers. `isCut`: there is more, behind the last. */
export const found = union({
  fact: struct({ fact: optional(struct({ version: versionCodec, value: wire })) }),
  view: struct({ value: optional(struct({ wire })) }),
  facts: struct({
    facts: list(struct({ key: keyCodec, version: versionCodec, value: wire }), mostFound),
    isCut: bool,
  }),
  views: struct({ views: list(struct({ key: keyCodec, value: wire }), mostFound), isCut: bool }),
  ids: struct({ ids: statusIdsCodec(mostFound) }),
  /** The answer was full: to be asked again. */
  later: struct({}),
});
export type Found = Infer<typeof found>;

/** What has been fetched for a run, by `needId`. */
export type Fetched = Pick<ReadonlyMap<string, Found>, 'get'>;

/** Everybody has a part of it: every machine is to be asked, and what they say is merged. */
export function isEverywhere(asked: Need): boolean {
  return asked.kind === 'find' || (asked.kind === 'views' && accountAt(asked.from) === serverAccount);
}

/** The account whose machine is to be asked. */
export function accountOfNeed(asked: Need): ReturnType<typeof accountAt> {
  switch (asked.kind) {
    case 'fact':
    case 'view':
      return accountAt(asked.key);
    case 'facts':
    case 'views':
      return accountAt(asked.from);
    case 'recent':
      return asked.author;
    case 'find':
      return serverAccount;
  }
}

/** The same for the same need, and for no other. */
export function needId(asked: Need): string {
  switch (asked.kind) {
    case 'fact':
      return `f${asked.key}`;
    case 'view':
      return `v${asked.key}`;
    case 'facts':
    case 'views': {
      const { kind, from, to, most, reverse } = asked;
      return `${kind}${from.length} ${most} ${reverse} ${from}${to}`;
    }
    case 'recent':
      return `recent${asked.author} ${asked.most} ${asked.below ?? ''}`;
    case 'find': {
      const { words, below, above, most } = asked;
      return `find${most} ${below ?? '-'} ${above ?? '-'} ${JSON.stringify(words)}`;
    }
  }
}

/** Answers from this machine's records, in order; `later` for what is beyond one answer's size. */
export function answerNeeds(reader: Reader, needs: readonly Need[]): Found[] {
  let left = answerBytes;
  return needs.map((asked) => {
    if (left <= 0) return { kind: 'later' };
    const answered = answerNeed(reader, asked, left);
    left -= sizeOf(answered);
    return answered;
  });
}

function answerNeed(reader: Reader, asked: Need, bytes: number): Found {
  switch (asked.kind) {
    case 'fact': {
      const fact = reader.fact(asked.key);
      return { kind: 'fact', fact: fact === null ? null : { version: fact.version, value: fact.value } };
    }
    case 'view': {
      const value = reader.view(asked.key);
      return { kind: 'view', value: value === undefined ? null : { wire: value } };
    }
    case 'facts': {
      const [facts, isCut] = within(reader.facts(bounded(asked)), bytes, asked.most);
      return {
        kind: 'facts',
        facts: facts.map(({ key, version, value }) => ({ key, version, value })),
        isCut,
      };
    }
    case 'views': {
      const [views, isCut] = within(reader.views(bounded(asked)), bytes, asked.most);
      return { kind: 'views', views, isCut };
    }
    case 'recent':
      return { kind: 'ids', ids: reader.recent(asked.author, asked.below, Math.min(asked.most, mostFound)) };
    case 'find': {
      const { words, below, above, most } = asked;
      return { kind: 'ids', ids: reader.find(words, { below, above, most: Math.min(most, mostFound) }) };
    }
  }
}

function bounded({ from, to, most, reverse }: Extract<Need, { from: Key }>): Range {
  return { from, to, reverse, most: Math.min(most, mostFound) };
}

/** The first records that fit, one at least; and whether there may be more of those asked for. */
function within<T>(records: T[], bytes: number, most: number): [T[], boolean] {
  let left = bytes;
  const end = records.findIndex((record, place) => {
    left -= sizeOf(record);
    return place > 0 && left < 0;
  });
  if (end >= 0) return [records.slice(0, end), true];
  return [records, records.length === mostFound && most > mostFound];
}

/** Bytes on the wire, about. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return value.length + 3;
  if (typeof value !== 'object' || value === null) return 9;
  let bytes = 3;
  for (const part of Object.values(value)) bytes += sizeOf(part);
  return bytes;
}

/** The need for what stands behind a cut answer; null: nothing does. */
export function needBehind(asked: Need, answered: Found): Need | null {
  if (
    (asked.kind !== 'facts' && asked.kind !== 'views') ||
    (answered.kind !== 'facts' && answered.kind !== 'views')
  )
    return null;
  const records: readonly { key: Key }[] = answered.kind === 'facts' ? answered.facts : answered.views;
  const last = records.at(-1);
  const most = asked.most - records.length;
  if (!answered.isCut || last === undefined || most <= 0) return null;
  return asked.reverse ? { ...asked, to: last.key, most } : { ...asked, from: `${last.key}\0`, most };
}

/** One answer of an answer and that to its `needBehind`. */
export function joinFound(first: Found, then: Found): Found {
  if (first.kind === 'facts' && then.kind === 'facts')
    return { kind: 'facts', facts: [...first.facts, ...then.facts], isCut: then.isCut };
  if (first.kind === 'views' && then.kind === 'views')
    return { kind: 'views', views: [...first.views, ...then.views], isCut: then.isCut };
  return first;
}

/**
 * One answer of those of all machines to a need that is everywhere: in the need's order, each record once. `mergeViews` makes one value
 * of those that several have under one key.
 */
export function mergeFound(
  asked: Need,
  answers: readonly Found[],
  mergeViews: (key: Key, values: readonly unknown[]) => unknown,
): Found {
  if (asked.kind === 'find') {
    const ids = new Set(answers.flatMap((answer) => (answer.kind === 'ids' ? answer.ids : [])));
    return { kind: 'ids', ids: [...ids].sort(descending).slice(0, asked.most) };
  }
  if (asked.kind !== 'views') throw new RangeError('only ranges of views and words are merged');
  const byKey = new Map<Key, unknown[]>();
  for (const answer of answers) {
    if (answer.kind !== 'views') continue;
    for (const { key, value } of answer.views) {
      const known = byKey.get(key);
      if (known === undefined) byKey.set(key, [value]);
      else known.push(value);
    }
  }
  const keys = [...byKey.keys()].sort(asked.reverse ? descending : undefined).slice(0, asked.most);
  const views = keys.map((key) => {
    const values = byKey.get(key) ?? [];
    return { key, value: values.length === 1 ? values[0] : mergeViews(key, values) };
  });
  return { kind: 'views', views, isCut: false };
}

export interface PartialReaderOptions {
  local: Reader;
  /** Whether this machine has all of the account's records. */
  isHere(account: ReturnType<typeof accountAt>): boolean;
  fetched: Fetched;
}

/** A reader that notes what it lacks, and answers as if there were nothing there. */
export class PartialReader implements Reader {
  readonly #options: PartialReaderOptions;
  readonly #needs = new Map<string, Need>();

  constructor(options: PartialReaderOptions) {
    this.#options = options;
  }

  /** What to fetch before the next run; empty: this run's result holds. */
  get needs(): ReadonlyMap<string, Need> {
    return this.#needs;
  }

  get lacks(): boolean {
    return this.#needs.size > 0;
  }

  #lookUp(asked: Need): Found | null {
    const id = needId(asked);
    const known = this.#options.fetched.get(id);
    if (known !== undefined) return known;
    this.#needs.set(id, asked);
    return null;
  }

  fact(key: Key): StoredFact | null {
    const { local, isHere } = this.#options;
    if (isHere(accountAt(key))) return local.fact(key);
    const known = this.#lookUp({ kind: 'fact', key });
    return known?.kind === 'fact' ? known.fact : null;
  }

  view(key: Key): unknown {
    const { local, isHere } = this.#options;
    if (isHere(accountAt(key))) return local.view(key);
    const known = this.#lookUp({ kind: 'view', key });
    return known?.kind === 'view' ? known.value?.wire : undefined;
  }

  facts({ from, to, most, reverse = false }: Range): FoundFact[] {
    const { local, isHere } = this.#options;
    if (isHere(accountAt(from))) return local.facts({ from, to, most, reverse });
    const known = this.#lookUp({ kind: 'facts', from, to, most, reverse });
    return known?.kind === 'facts' ? known.facts : [];
  }

  views({ from, to, most, reverse = false }: Range): FoundView[] {
    const { local, isHere } = this.#options;
    const asked: Need = { kind: 'views', from, to, most, reverse };
    if (!isEverywhere(asked) && isHere(accountAt(from))) return local.views({ from, to, most, reverse });
    const known = this.#lookUp(asked);
    return known?.kind === 'views' ? known.views : [];
  }

  recent(author: ReturnType<typeof accountAt>, below: StatusId | null, most: number): StatusId[] {
    const { local, isHere } = this.#options;
    if (isHere(author)) return local.recent(author, below, most);
    return this.#ids({ kind: 'recent', author, below, most });
  }

  find(
    words: readonly string[],
    { below, above, most }: { below: StatusId | null; above: StatusId | null; most: number },
  ): StatusId[] {
    return this.#ids({ kind: 'find', words: [...words], below, above, most });
  }

  #ids(asked: Need): StatusId[] {
    const known = this.#lookUp(asked);
    return known?.kind === 'ids' ? known.ids : [];
  }
}
