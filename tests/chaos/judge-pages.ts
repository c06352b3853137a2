// What pages must show: complete, one's own writes, nothing that was there before gone, nothing that was deleted, blocked or unfollowed.
import { compareIds, floorOf, type History, never, type PageRead, type Post } from './history.ts';
import type { Entry, Shown } from './record.ts';
import type { Violation } from './violation.ts';

/** Pages lack what is newer than this, at most, without saying so. */
const completeWithinMs = 1_000;
/** A new server's clock runs ahead of everybody's by a second, and what the header says is in its time. */
const aheadMs = 1_500;

/** Homes lack nothing that the author was told is there, up to a second ago, or up to what the reply says. */
export function judgeComplete(history: History): Violation[] {
  return history.pageReads('readHome').flatMap((read) => {
    const { who, page } = read;
    const ids = idsOf(page.posts);
    const throughMs = page.throughMs ?? read.beganMs - completeWithinMs;
    return history.followedBy(who).flatMap((target) => {
      const sinceMs = page.throughMs === null ? throughMs : throughMs - aheadMs;
      if (target === who || !history.surelyFollows(who, target, sinceMs, read.endedMs)) return [];
      return near(history, target, read)
        .filter((post) => isDue(post, read, throughMs) && !ids.has(post.id ?? ''))
        .map((post) => missing('complete', { read, post, history }));
    });
  });
}

function isDue(post: Post, { page, beganMs, endedMs }: PageRead, throughMs: number): boolean {
  if ((post.deletion?.beganMs ?? never) < endedMs) return false;
  if (page.throughMs === null) return post.acknowledgedMs <= throughMs;
  return post.acknowledgedMs <= beganMs && post.createdMs <= throughMs - aheadMs;
}

/** Authors see at once what they were told is there: at home, on their page, and by its id. */
export function judgeOwnWrites(history: History): Violation[] {
  const pages = [...history.pageReads('readHome'), ...history.pageReads('readAuthor')].filter(
    ({ who, deed }) => deed.do === 'readHome' || (deed.do === 'readAuthor' && deed.target === who),
  );
  const onPages = pages.flatMap((read) => {
    const ids = idsOf(read.page.posts);
    return near(history, read.who, read)
      .filter((post) => post.acknowledgedMs <= read.beganMs && !ids.has(post.id ?? ''))
      .filter((post) => (post.deletion?.beganMs ?? never) >= read.endedMs)
      .map((post) => missing('session', { read, post, history }));
  });
  return [...onPages, ...judgeOwnTurns(history)];
}

/** Who was told that they follow, or follow no more, reads it so. */
function judgeOwnTurns(history: History): Violation[] {
  return history.asked.flatMap((asked) => {
    const { deed, answer, who, beganMs, endedMs } = asked;
    if (answer.kind !== 'done' || answer.got.kind !== 'relation' || !('target' in deed)) return [];
    const { following } = answer.got;
    const isRead = deed.do === 'readRelation';
    const isOn = isRead && history.surelyFollows(who, deed.target, beganMs, endedMs);
    const isOff = isRead && history.surelyFollowsNot(who, deed.target, beganMs, endedMs);
    // What has just been done must be said in its own answer, too.
    const isWrong =
      (isOn && !following) ||
      (isOff && following) ||
      (deed.do === 'follow' && !following) ||
      (deed.do === 'unfollow' && following);
    if (!isWrong) return [];
    const text = `${who} is told following: ${following} of ${deed.target}`;
    return [
      { promise: 'session', text, atMs: endedMs, entries: [...history.turnsOf(who, deed.target), asked] },
    ];
  });
}

/** What somebody was shown by a view stays in it (or is deleted, or its author not followed any more). */
export function judgeMonotonic(history: History): Violation[] {
  const violations: Violation[] = [];
  const views = new Map<string, PageRead[]>();
  for (const read of [...history.pageReads('readHome'), ...history.pageReads('readAuthor')]) {
    const name = read.deed.do === 'readAuthor' ? `${read.who} ${read.deed.target}` : read.who;
    views.set(name, [...(views.get(name) ?? []), read]);
  }
  for (const reads of views.values()) violations.push(...judgeView(history, reads));
  return violations;
}

function judgeView(history: History, reads: PageRead[]): Violation[] {
  const [first] = reads;
  if (first === undefined) return [];
  const isHome = first.deed.do === 'readHome';
  const sightings: Sighting[] = reads.flatMap((read) =>
    read.page.posts.map(({ id }) => ({ id, atMs: read.endedMs, by: read })),
  );
  if (isHome)
    for (const entry of history.streamed)
      if (entry.who === first.who && entry.event.kind === 'update')
        sightings.push({ id: entry.event.shown.id, atMs: entry.atMs, by: entry });
  sightings.sort((one, other) => one.atMs - other.atMs);
  // What was surely seen before the read that is looked at: newest post first.
  const seen = new Map<string, Sighting>();
  const order: string[] = [];
  let next = 0;
  return reads.flatMap((read) => {
    for (let sighting = sightings[next]; sighting !== undefined; sighting = sightings[++next]) {
      if (sighting.atMs > read.beganMs) break;
      if (seen.has(sighting.id)) continue;
      seen.set(sighting.id, sighting);
      insert(order, sighting.id);
    }
    const ids = idsOf(read.page.posts);
    const floor = floorOf(read.page);
    const lost: Violation[] = [];
    for (const id of order) {
      if (compareIds(id, floor) <= 0) break;
      const before = seen.get(id);
      const post = history.postById.get(id);
      if (before === undefined || post === undefined || ids.has(id)) continue;
      if (!stays(history, { post, read, sinceMs: before.atMs })) continue;
      if (before.by.kind === 'streamed' && isDated(read, post)) continue;
      const text = `${read.who} was shown post ${post.key} of ${post.author} before, and is not any more`;
      lost.push({
        promise: 'session',
        text,
        atMs: read.endedMs,
        entries: [...post.entries, before.by, read],
      });
    }
    return lost;
  });
}

/** The reply says itself that it does not go so far. Streams may be ahead of it then; earlier replies must not have been. */
function isDated({ page }: PageRead, post: Post): boolean {
  return page.throughMs !== null && post.createdMs > page.throughMs - aheadMs;
}

interface Sighting {
  id: string;
  atMs: number;
  by: Entry;
}

/** Nothing is known that takes it out of the view. */
function stays(
  history: History,
  { post, read, sinceMs }: { post: Post; read: PageRead; sinceMs: number },
): boolean {
  const { who, deed, endedMs } = read;
  if ((post.deletion?.beganMs ?? never) < endedMs) return false;
  if (post.author === who) return true;
  if (deed.do === 'readHome') return history.surelyFollows(who, post.author, sinceMs, endedMs);
  return !history.mayBlock(who, post.author) && !history.mayBlock(post.author, who);
}

/** Nothing is shown by those who were blocked or unfollowed before. */
export function judgeUnwanted(history: History): Violation[] {
  return history.pageReads('readHome').flatMap((read) => {
    const { who, beganMs, endedMs } = read;
    const verdicts = new Map<string, boolean>();
    const isUnwanted = (author: string): boolean => {
      const known = verdicts.get(author);
      if (known !== undefined) return known;
      const verdict =
        author !== who &&
        (history.surelyBlocks(who, author, beganMs, endedMs) ||
          history.surelyBlocks(author, who, beganMs, endedMs) ||
          history.surelyFollowsNot(who, author, beganMs, endedMs));
      verdicts.set(author, verdict);
      return verdict;
    };
    return read.page.posts
      .filter(({ author }) => isUnwanted(author))
      .map(({ author, key }) => ({
        promise: 'session' as const,
        text: `the home of ${who} shows post ${key} of ${author}, who was blocked or unfollowed before`,
        atMs: endedMs,
        entries: [...history.turnsOf(who, author), read],
      }));
  });
}

function missing(
  promise: 'complete' | 'session',
  { read, post, history }: { read: PageRead; post: Post; history: History },
): Violation {
  const ago = Math.round(read.beganMs - post.acknowledgedMs);
  const whose = read.deed.do === 'readAuthor' ? `the page of ${read.deed.target}` : `the home of ${read.who}`;
  return {
    promise,
    text: `${whose} lacks post ${post.key} (${post.id}) of ${post.author}, acknowledged ${ago} ms before it was read`,
    atMs: read.beganMs,
    entries: [...post.entries, ...history.turnsOf(read.who, post.author), read],
  };
}

/** Newest first, down to what the page reaches, without those that were made long after it. */
function near(history: History, author: string, { page, endedMs }: PageRead): Post[] {
  const posts = history.postsOf.get(author) ?? [];
  const floor = floorOf(page);
  const start = firstWhere(posts.length, (at) => (posts[at]?.createdMs ?? 0) <= endedMs + longAheadMs);
  const end = firstWhere(posts.length, (at) => compareIds(posts[at]?.id ?? '', floor) <= 0);
  return posts.slice(start, end);
}

/** Ids of posts are never so far ahead of the time. */
const longAheadMs = 10_000;

function idsOf(posts: readonly Shown[]): Set<string> {
  return new Set(posts.map(({ id }) => id));
}

/** Into a list with the newest first. */
function insert(order: string[], id: string): void {
  order.splice(
    firstWhere(order.length, (at) => compareIds(order[at] ?? '', id) <= 0),
    0,
    id,
  );
}

/** The first place for which it holds, where it holds for all after that. */
function firstWhere(length: number, holds: (at: number) => boolean): number {
  let low = 0;
  for (let high = length; low < high; ) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
