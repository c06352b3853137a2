// Requests about the accounts of many partitions: what each core is asked of them, and one answer from theirs. In order, nulls and all.
import type { Answer, Ask } from '../actors/messages.ts';
import { descending } from '../runtime/status-id.ts';

/** The requests that several cores may have to answer together. */
export type SplitKind = 'accounts' | 'statuses' | 'judge' | 'adoptAccounts' | 'records' | 'newest';
/** The requests that every core answers. */
export type EveryKind = 'instance' | 'listings';

export interface Part<A> {
  /** Which of the request's items it answers, ascending. */
  places: readonly number[];
  answer: A;
}

export interface Splitting<K extends SplitKind> {
  /** The request for these of its items alone. */
  part(ask: Ask<K>, places: readonly number[]): Ask<K>;
  /** Of all its parts, whose places are `count` in all. */
  join(parts: readonly Part<Answer<K>>[], count: number): Answer<K>;
}

export const splittings: { readonly [K in SplitKind]: Splitting<K> } = {
  accounts: {
    part: ({ ids }, places) => ({ ids: picked(ids, places) }),
    join: (parts, count) => ({ rows: joinedRows(parts, count) }),
  },
  statuses: {
    part: ({ ids }, places) => ({ ids: picked(ids, places) }),
    join: (parts, count) => ({ rows: joinedRows(parts, count) }),
  },
  judge: {
    part: ({ viewer, ids }, places) => ({ viewer, ids: picked(ids, places) }),
    join(parts, count) {
      const flags = new Uint8Array(count);
      for (const { places, answer } of parts)
        for (const [at, place] of places.entries()) flags[place] = answer.flags[at] ?? 0;
      return { flags };
    },
  },
  adoptAccounts: {
    part: ({ handles, createdMs }, places) => ({ handles: picked(handles, places), createdMs }),
    join: (parts) => ({ made: parts.reduce((sum, { answer }) => sum + answer.made, 0) }),
  },
  records: {
    part: ({ needs }, places) => ({ needs: picked(needs, places) }),
    join(parts, count) {
      const found: Answer<'records'>['found'] = new Array(count).fill({ kind: 'later' });
      for (const { places, answer } of parts)
        for (const [at, place] of places.entries()) found[place] = answer.found[at] ?? { kind: 'later' };
      return { found };
    },
  },
  newest: {
    part: ({ authors, sinceMs, most }, places) => ({ authors: picked(authors, places), sinceMs, most }),
    join: (parts) => ({ ids: parts.flatMap(({ answer }) => answer.ids).sort(descending) }),
  },
};

/** One answer of those of all cores that could be asked. */
export const joinings: {
  readonly [K in EveryKind]: (answers: readonly Answer<K>[]) => Answer<K>;
} = {
  instance: (answers) => ({
    users: sumOf(answers, 'users'),
    statuses: sumOf(answers, 'statuses'),
    activeMonth: sumOf(answers, 'activeMonth'),
  }),
  listings: (all) => ({ answers: all.flatMap(({ answers }) => answers) }),
};

function sumOf<Field extends string>(answers: readonly Record<Field, number>[], field: Field): number {
  return answers.reduce((sum, answer) => sum + answer[field], 0);
}

export function isOfEvery(kind: string): kind is EveryKind {
  return Object.hasOwn(joinings, kind);
}

export function isSplit(kind: string): kind is SplitKind {
  return Object.hasOwn(splittings, kind);
}

function picked<T>(items: readonly T[], places: readonly number[]): T[] {
  return places.flatMap((place) => {
    const item = items[place];
    return item === undefined ? [] : [item];
  });
}

function joinedRows<Row>(parts: readonly Part<{ rows: (Row | null)[] }>[], count: number): (Row | null)[] {
  const rows: (Row | null)[] = new Array(count).fill(null);
  for (const { places, answer } of parts)
    for (const [at, place] of places.entries()) rows[place] = answer.rows[at] ?? null;
  return rows;
}
