// What the clients of one run asked, were told and were sent, with times: all that the judge goes by.

/** What a client asks of a gateway. People are named by their handles. */
export type Deed =
  | { do: 'signUp'; handle: string }
  /** The key is in the post's text, and its Idempotency-Key. */
  | { do: 'post'; key: string }
  | { do: 'delete'; id: string }
  | { do: Turn; target: string }
  | { do: 'readHome' }
  | { do: 'readAuthor'; target: string }
  | { do: 'readStatus'; id: string }
  | { do: 'readRelation'; target: string };

/** Two pairs: what turns a relation on, and off. */
export type Turn = 'follow' | 'unfollow' | 'block' | 'unblock';

/** A post as somebody was shown it. */
export interface Shown {
  id: string;
  author: string;
  /** What its text says; empty when it says none. */
  key: string;
}

/** A page of a timeline, newest first. */
export interface Page {
  posts: Shown[];
  /** There is more below. */
  hasMore: boolean;
  /** Of the X-Complete-Through header; null: it had none. */
  throughMs: number | null;
}

export type Got =
  | { kind: 'nothing' }
  /** Of a new account. */
  | { kind: 'token'; token: string }
  | { kind: 'post'; id: string; createdMs: number }
  | { kind: 'page'; page: Page }
  | { kind: 'relation'; following: boolean; blocking: boolean };

export type Answer =
  | { kind: 'done'; got: Got }
  /** Any status but 2xx; the reason is what the body says. */
  | { kind: 'refused'; status: number; reason: string }
  /** Whatever was asked may or may not be done. */
  | { kind: 'none'; why: string };

/** One request, from its first byte to the last of its answer. */
export interface Asked {
  kind: 'asked';
  who: string;
  /** Whose gateway. */
  via: string;
  beganMs: number;
  endedMs: number;
  deed: Deed;
  answer: Answer;
}

/** A socket of a stream that goes on, by cursor, over many sockets. */
export interface Streamed {
  kind: 'streamed';
  atMs: number;
  who: string;
  via: string;
  /** Numbers the sockets of the run. */
  socket: number;
  event:
    | { kind: 'opening'; since: string }
    | { kind: 'closed'; code: number; reason: string }
    /** Where the stream starts. */
    | { kind: 'start' }
    | { kind: 'update'; shown: Shown }
    | { kind: 'deleted'; id: string }
    | { kind: 'resync' }
    | { kind: 'other'; name: string };
}

/** What the run did to the machines. */
export interface Harmed {
  kind: 'harmed';
  atMs: number;
  phase: 'begins' | 'ends';
  text: string;
  /** Machines at which clients may get no answer while it lasts, or late ones. */
  unreachable: string[];
}

/** A client has tried for as long as it had patience. */
export interface GaveUp {
  kind: 'gaveUp';
  atMs: number;
  who: string;
  sinceMs: number;
  deed: Deed;
}

/** What one gateway says at the very end: a whole timeline, or all relations of somebody. */
export interface Found {
  kind: 'found';
  atMs: number;
  who: string;
  via: string;
  what:
    | { kind: 'home'; posts: readonly Shown[] }
    | { kind: 'author'; target: string; posts: readonly Shown[] }
    | { kind: 'relations'; following: readonly string[]; blocking: readonly string[] };
}

export type Entry = Asked | Streamed | Harmed | GaveUp | Found;

/** Wall-clock milliseconds that never go back within a run. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

export class ClientRecord {
  /** In the order in which they ended. */
  readonly entries: Entry[] = [];
  /** A post is shown thousands of times: its three texts are kept once. */
  readonly #shown = new Map<string, Shown>();

  add(entry: Entry): void {
    this.entries.push(entry);
  }

  shown(post: Shown): Shown {
    const known = this.#shown.get(post.id);
    if (known !== undefined && known.key === post.key && known.author === post.author) return known;
    this.#shown.set(post.id, post);
    return post;
  }
}
