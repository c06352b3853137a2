// A record, put in order for the judge: each post's life, what is surely so between two people, who was shown what. Pure.
import type { Asked, Entry, Found, Harmed, Page, Streamed, Turn } from './record.ts';

/** A request without a clear answer may lie in some buffer for so long before it is done. */
const lingerMs = 30_000;

export interface Post {
  key: string;
  author: string;
  /** Null: nobody was told. */
  id: string | null;
  createdMs: number;
  beganMs: number;
  /** When its author was told that it is there. */
  acknowledgedMs: number;
  entries: Asked[];
  /** Null: nobody has asked for that. */
  deletion: { beganMs: number; acknowledgedMs: number; entries: Asked[] } | null;
}

export interface PageRead extends Asked {
  page: Page;
}

/** One turn of a relation, from when it may be so to when it surely is. */
interface Turning {
  isOn: boolean;
  beganMs: number;
  /** It may still take effect until then. */
  untilMs: number;
  isDone: boolean;
  asked: Asked;
}

export const never = Number.POSITIVE_INFINITY;

export class History {
  readonly entries: readonly Entry[];
  readonly asked: Asked[] = [];
  readonly streamed: Streamed[] = [];
  readonly harmed: Harmed[] = [];
  readonly found: Found[] = [];
  readonly posts = new Map<string, Post>();
  readonly postById = new Map<string, Post>();
  /** Newest first. */
  readonly postsOf = new Map<string, Post[]>();
  readonly #turnings = new Map<string, Turning[]>();
  readonly #relations = new Map<string, Set<string>>();

  constructor(entries: readonly Entry[]) {
    this.entries = entries;
    for (const entry of entries) this.#take(entry);
    // Later ones first, as in a timeline: ids grow with time.
    for (const post of this.posts.values()) if (post.id !== null) push(this.postsOf, post.author, post);
    for (const posts of this.postsOf.values()) posts.sort((one, other) => compareIds(other.id, one.id));
    this.#takeDeletions();
  }

  get zeroMs(): number {
    const [first] = this.entries;
    return first === undefined ? 0 : beganMsOf(first);
  }

  pageReads(what: 'readHome' | 'readAuthor'): PageRead[] {
    return this.asked
      .flatMap((asked) => {
        const page = asked.deed.do === what ? pageIn(asked) : null;
        return page === null ? [] : [{ ...asked, page }];
      })
      .sort((one, other) => one.beganMs - other.beganMs);
  }

  /** All whom somebody has ever begun to follow. */
  followedBy(who: string): string[] {
    return [...(this.#relations.get(`follow ${who}`) ?? [])];
  }

  /** Told so before `fromMs`, and nothing since (nor a block either way) can have ended it before `toMs`. */
  surelyFollows(who: string, target: string, fromMs: number, toMs: number): boolean {
    return (
      this.#surely('follow', { who, target }, { isOn: true, fromMs, toMs }) &&
      this.#blocksMayCut(who, target, fromMs, toMs) === false
    );
  }

  surelyFollowsNot(who: string, target: string, fromMs: number, toMs: number): boolean {
    return this.#surely('follow', { who, target }, { isOn: false, fromMs, toMs });
  }

  surelyBlocks(who: string, target: string, fromMs: number, toMs: number): boolean {
    return this.#surely('block', { who, target }, { isOn: true, fromMs, toMs });
  }

  mayBlock(who: string, target: string): boolean {
    return this.#turnings.has(`block ${who} ${target}`);
  }

  /** What was asked about that relation, for people to read. */
  turnsOf(who: string, target: string): Asked[] {
    const names = [`follow ${who} ${target}`, `block ${who} ${target}`, `block ${target} ${who}`];
    return names.flatMap((name) => (this.#turnings.get(name) ?? []).map(({ asked }) => asked));
  }

  /** Pairs of which the last word is known. */
  relations(kind: 'follow' | 'block'): { who: string; target: string }[] {
    return [...this.#relations].flatMap(([name, targets]) => {
      const [of, who = ''] = name.split(' ');
      return of === kind ? [...targets].map((target) => ({ who, target })) : [];
    });
  }

  #surely(
    kind: 'follow' | 'block',
    { who, target }: { who: string; target: string },
    { isOn, fromMs, toMs }: { isOn: boolean; fromMs: number; toMs: number },
  ): boolean {
    const turnings = this.#turnings.get(`${kind} ${who} ${target}`) ?? [];
    const before = turnings.filter((one) => one.isOn === isOn && one.isDone && one.asked.endedMs <= fromMs);
    const last = before.at(-1);
    if (last === undefined) return false;
    return !turnings.some((one) => one.isOn !== isOn && one.untilMs > last.beganMs && one.beganMs < toMs);
  }

  /** A block ends follows in both directions, and what it has ended stays ended until somebody follows again. */
  #blocksMayCut(who: string, target: string, fromMs: number, toMs: number): boolean {
    const follows = this.#turnings.get(`follow ${who} ${target}`) ?? [];
    const last = follows.filter((one) => one.isOn && one.isDone && one.asked.endedMs <= fromMs).at(-1);
    const blocks = [`block ${who} ${target}`, `block ${target} ${who}`].flatMap(
      (name) => this.#turnings.get(name) ?? [],
    );
    if (last === undefined) return blocks.length > 0;
    return blocks.some((one) => one.untilMs > last.beganMs && one.beganMs < toMs);
  }

  #take(entry: Entry): void {
    switch (entry.kind) {
      case 'asked':
        this.asked.push(entry);
        this.#takeAsked(entry);
        return;
      case 'streamed':
        this.streamed.push(entry);
        return;
      case 'harmed':
        this.harmed.push(entry);
        return;
      case 'found':
        this.found.push(entry);
        return;
      case 'gaveUp':
    }
  }

  #takeAsked(asked: Asked): void {
    const { deed } = asked;
    switch (deed.do) {
      case 'post':
        this.#takePost(deed.key, asked);
        return;
      case 'follow':
      case 'unfollow':
        this.#takeTurn('follow', deed, asked);
        return;
      case 'block':
      case 'unblock':
        this.#takeTurn('block', deed, asked);
        return;
      default:
    }
  }

  #takePost(key: string, asked: Asked): void {
    const post = this.posts.get(key) ?? {
      ...{ key, author: asked.who, id: null, createdMs: never, beganMs: asked.beganMs },
      ...{ acknowledgedMs: never, entries: [], deletion: null },
    };
    this.posts.set(key, post);
    post.entries.push(asked);
    post.beganMs = Math.min(post.beganMs, asked.beganMs);
    if (asked.answer.kind !== 'done' || asked.answer.got.kind !== 'post' || post.id !== null) return;
    const { id, createdMs } = asked.answer.got;
    Object.assign(post, { id, createdMs, acknowledgedMs: asked.endedMs });
    this.postById.set(id, post);
  }

  #takeDeletions(): void {
    for (const asked of this.asked) {
      const { deed, answer } = asked;
      if (deed.do !== 'delete') continue;
      const post = this.postById.get(deed.id);
      if (post === undefined) continue;
      post.deletion ??= { beganMs: asked.beganMs, acknowledgedMs: never, entries: [] };
      const { deletion } = post;
      deletion.entries.push(asked);
      deletion.beganMs = Math.min(deletion.beganMs, asked.beganMs);
      // After a try of which nobody knows, "not there" says that it was done.
      const isGone = answer.kind === 'refused' && answer.status === 404 && deletion.entries.length > 1;
      if (answer.kind === 'done' || isGone)
        deletion.acknowledgedMs = Math.min(deletion.acknowledgedMs, asked.endedMs);
    }
  }

  #takeTurn(kind: 'follow' | 'block', deed: { do: Turn; target: string }, asked: Asked): void {
    const { answer, who, beganMs, endedMs } = asked;
    // Refused for good: nothing was done.
    if (answer.kind === 'refused' && answer.status < 500) return;
    const isDone = answer.kind === 'done';
    const untilMs = isDone ? endedMs : endedMs + lingerMs;
    push(this.#turnings, `${kind} ${who} ${deed.target}`, {
      ...{ isOn: !deed.do.startsWith('un'), beganMs, untilMs, isDone, asked },
    });
    const targets = this.#relations.get(`${kind} ${who}`) ?? new Set<string>();
    this.#relations.set(`${kind} ${who}`, targets.add(deed.target));
  }
}

export function pageIn({ answer }: Asked): Page | null {
  return answer.kind === 'done' && answer.got.kind === 'page' ? answer.got.page : null;
}

/** Ids are numbers as text: the longer is the larger. */
export function compareIds(one: string | null, other: string | null): number {
  const [a, b] = [one ?? '', other ?? ''];
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The oldest post that a page reaches down to: what is newer than it, and missing, is missing from the page. Empty: to the bottom. */
export function floorOf({ posts, hasMore }: Page): string {
  if (!hasMore) return '';
  return posts.reduce(
    (lowest, { id }) => (compareIds(id, lowest) < 0 ? id : lowest),
    posts[0]?.id ?? '9'.repeat(40),
  );
}

export function beganMsOf(entry: Entry): number {
  return entry.kind === 'asked' ? entry.beganMs : entry.atMs;
}

export function push<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
