// Small records for tests of the judge: what clients of a server that keeps its promises have noted, in words.
import type { Answer, Asked, Deed, Entry, Found, GaveUp, Harmed, Shown, Streamed } from './record.ts';

/** Times are in milliseconds from here on. */
export const zeroMs = 1_800_000_000_000;

const done: Answer = { kind: 'done', got: { kind: 'nothing' } };

/** The post of an author that was begun at a time. */
export function postOf(author: string, atMs: number): Shown {
  return { id: `${zeroMs + atMs}0000000000000`, author, key: `${author}-${atMs}` };
}

export interface When {
  /** When it began. */
  atMs: number;
  /** How long it took: 20 ms. */
  tookMs?: number;
  via?: string;
}

export function asked(
  who: string,
  deed: Deed,
  answer: Answer,
  { atMs, tookMs = 20, via = 'a' }: When,
): Asked {
  return {
    ...{ kind: 'asked', who, via, deed, answer },
    ...{ beganMs: zeroMs + atMs, endedMs: zeroMs + atMs + tookMs },
  };
}

/** It is begun at the time in its id. */
export function posts(shown: Shown, when: Partial<When> = {}): Asked {
  const createdMs = Number(shown.id.slice(0, 13));
  const got = { kind: 'post', id: shown.id, createdMs } as const;
  const answer: Answer = { kind: 'done', got };
  return asked(shown.author, { do: 'post', key: shown.key }, answer, { atMs: createdMs - zeroMs, ...when });
}

export function deletes({ author, id }: Shown, when: When, answer = done): Asked {
  return asked(author, { do: 'delete', id }, answer, when);
}

export function turns(
  who: string,
  turn: 'follow' | 'unfollow' | 'block' | 'unblock',
  target: string,
  when: When,
): Asked {
  const relation = { kind: 'relation', following: turn === 'follow', blocking: turn === 'block' } as const;
  return asked(who, { do: turn, target }, { kind: 'done', got: relation }, when);
}

export function readsRelation(who: string, target: string, following: boolean, when: When): Asked {
  const got = { kind: 'relation', following, blocking: false } as const;
  return asked(who, { do: 'readRelation', target }, { kind: 'done', got }, when);
}

/** `hasMore`: the page ends above older posts. `throughMs`: its header. */
export function readsHome(
  who: string,
  shown: Shown[],
  { hasMore = false, throughMs, ...when }: When & { hasMore?: boolean; throughMs?: number },
): Asked {
  const page = { posts: shown, hasMore, throughMs: throughMs === undefined ? null : zeroMs + throughMs };
  return asked(who, { do: 'readHome' }, { kind: 'done', got: { kind: 'page', page } }, when);
}

export function readsAuthor(who: string, target: string, shown: Shown[], when: When): Asked {
  const page = { posts: shown, hasMore: false, throughMs: null };
  return asked(who, { do: 'readAuthor', target }, { kind: 'done', got: { kind: 'page', page } }, when);
}

export function readsStatus(who: string, { id }: Shown, isThere: boolean, when: When): Asked {
  const absent: Answer = { kind: 'refused', status: 404, reason: 'Record not found' };
  return asked(who, { do: 'readStatus', id }, isThere ? done : absent, when);
}

export function signsUp(handle: string, answer: 'won' | 'taken' | 'unknown', when: When): Asked {
  const answers = {
    won: { kind: 'done', got: { kind: 'token', token: 't' } },
    taken: { kind: 'refused', status: 422, reason: 'taken' },
    unknown: { kind: 'none', why: 'ECONNRESET' },
  } as const satisfies Record<string, Answer>;
  return asked(handle, { do: 'signUp', handle }, answers[answer], when);
}

export function streams(
  who: string,
  event: Streamed['event'],
  { atMs, socket = 1, via = 'a' }: When & { socket?: number },
): Streamed {
  return { kind: 'streamed', atMs: zeroMs + atMs, who, via, socket, event };
}

export function finds(who: string, via: string, what: Found['what'], atMs = 90_000): Found {
  return { kind: 'found', atMs: zeroMs + atMs, who, via, what };
}

export function harms(text: string, phase: Harmed['phase'], unreachable: string[], atMs: number): Harmed {
  return { kind: 'harmed', atMs: zeroMs + atMs, phase, text, unreachable };
}

export function givesUp(who: string, deed: Deed, atMs: number): GaveUp {
  return { kind: 'gaveUp', atMs: zeroMs + atMs, who, sinceMs: zeroMs + atMs - 60_000, deed };
}

/** By when they ended, as clients note them. */
export function record(...entries: Entry[]): Entry[] {
  const endOf = (entry: Entry): number => (entry.kind === 'asked' ? entry.endedMs : entry.atMs);
  return entries.sort((one, other) => endOf(one) - endOf(other));
}
