// A list of statuses as it grows and changes while it is read: a pure merge, whatever order the events arrive in.
// What is newer than the top waits aside while somebody reads further down, so that nothing moves under their eyes.
import { type Post, postOf, type Status } from './entities.ts';
import { isNewer, newestFirst } from './id-order.ts';

export interface Timeline {
  /** Newest first, no id twice. */
  readonly shown: readonly Status[];
  /** Newer than all that is shown, newest first, until somebody asks to see them. */
  readonly waiting: readonly Status[];
  /** Where the next older page is; null at the end. */
  readonly older: string | null;
  /** Set while `waiting` does not join `shown`, so that showing it starts the list anew. */
  readonly gap: Gap | null;
  /** Ids deleted of late: a page read before the delete must not bring them back. */
  readonly gone: readonly string[];
  /** Ids that came by the stream since a fresh page was asked for: that page may have been read before them. */
  readonly arriving: readonly string[];
}

export type Gap =
  /** `waiting` is the newest page, and this is the one after it. */
  | { readonly kind: 'page'; readonly older: string | null }
  /** `waiting` was cut: only a fresh page can begin the list. */
  | { readonly kind: 'cut' };

export type TimelineEvent =
  | { readonly kind: 'arrived'; readonly statuses: readonly Status[]; readonly hold: boolean }
  | { readonly kind: 'refreshing' }
  /** The newest page. Within its span it is the truth, but for what arrived since it was asked for. */
  | {
      readonly kind: 'refreshed';
      readonly statuses: readonly Status[];
      readonly older: string | null;
      readonly hold: boolean;
    }
  | { readonly kind: 'extended'; readonly statuses: readonly Status[]; readonly older: string | null }
  | { readonly kind: 'revealed' }
  /** As the server answered it to the one who looks. */
  | { readonly kind: 'changed'; readonly post: Post }
  /** As the stream told it to everybody: it knows nothing of the viewer's own marks. */
  | { readonly kind: 'edited'; readonly post: Post }
  | { readonly kind: 'deleted'; readonly id: string }
  /** Muted or blocked: what others boost of theirs goes too. */
  | { readonly kind: 'silenced'; readonly accountId: string }
  /** No longer followed: what others boost of theirs stays. */
  | { readonly kind: 'unfollowed'; readonly accountId: string };

/** A timeline keeps as many as the server does; the oldest go. */
export const mostShown = 800;
/** Beyond this what waits is cut, and showing it starts the list with a fresh page. */
export const mostWaiting = 200;
export const mostGone = 500;

export const emptyTimeline: Timeline = {
  shown: [],
  waiting: [],
  older: null,
  gap: null,
  gone: [],
  arriving: [],
};

export function advanceTimeline(timeline: Timeline, event: TimelineEvent): Timeline {
  switch (event.kind) {
    case 'arrived':
      return arrived(timeline, event.statuses, event.hold);
    case 'refreshing':
      return { ...timeline, arriving: [] };
    case 'refreshed':
      return refreshed(timeline, event);
    case 'extended':
      return bounded({
        ...timeline,
        shown: merged(timeline.shown, alive(timeline, event.statuses)),
        older: event.older,
      });
    case 'revealed':
      return revealed(timeline);
    case 'changed':
      return mapped(timeline, (entry) => withPost(entry, event.post));
    case 'edited':
      return mapped(timeline, (entry) => withPost(entry, withMarksOf(event.post, postOf(entry))));
    case 'deleted':
      return {
        ...filtered(timeline, (entry) => entry.id !== event.id && entry.reblog?.id !== event.id),
        gone: [event.id, ...timeline.gone].slice(0, mostGone),
      };
    case 'silenced':
      return filtered(
        timeline,
        (entry) => entry.account.id !== event.accountId && entry.reblog?.account.id !== event.accountId,
      );
    case 'unfollowed':
      return filtered(timeline, (entry) => entry.account.id !== event.accountId);
  }
}

/** The entry with a newer version of the post it shows, if it shows that one. */
export function withPost(entry: Status, post: Post): Status {
  if (entry.reblog?.id === post.id) return { ...entry, reblog: post };
  return entry.id === post.id ? { ...post, reblog: entry.reblog } : entry;
}

export function withMarksOf(incoming: Post, { favourited, reblogged, bookmarked }: Post): Post {
  return { ...incoming, favourited, reblogged, bookmarked };
}

function arrived(timeline: Timeline, statuses: readonly Status[], hold: boolean): Timeline {
  const coming = alive(timeline, statuses);
  const { shown, waiting } = timeline;
  const top = shown[0];
  // Where nothing is shown any more nothing moves under anybody's eyes: what waits goes on waiting until it is asked for, and so does what joins it.
  const held = (entry: Status): boolean =>
    top === undefined
      ? waiting.length > 0
      : (hold || timeline.gap !== null || waiting.length > 0) && isNewer(entry.id, top.id);
  return bounded({
    ...timeline,
    shown: merged(
      shown,
      coming.filter((entry) => !held(entry)),
    ),
    waiting: merged(waiting, coming.filter(held)),
    arriving: [...coming.map((entry) => entry.id), ...timeline.arriving].slice(0, mostWaiting),
  });
}

function refreshed(timeline: Timeline, event: Extract<TimelineEvent, { kind: 'refreshed' }>): Timeline {
  const page = alive(timeline, event.statuses);
  const last = event.older === null ? undefined : page[page.length - 1];
  const arriving = new Set(timeline.arriving);
  const known = merged(timeline.shown, timeline.waiting);
  // Of what was known, what the page spans and does not name is gone; what came while it was on its way stays.
  const newest = merged(
    page,
    known.filter((entry) => arriving.has(entry.id)),
  );
  const below = known.filter((entry) => last !== undefined && isNewer(last.id, entry.id));
  const joins =
    last === undefined || known.some((entry) => !arriving.has(entry.id) && !isNewer(last.id, entry.id));
  const top = timeline.shown[0];
  const held = (entry: Status): boolean => event.hold && top !== undefined && isNewer(entry.id, top.id);
  if (joins && timeline.gap === null) {
    const all = merged(newest, below);
    return bounded({
      ...timeline,
      shown: all.filter((entry) => !held(entry)),
      waiting: all.filter(held),
      older: below.length > 0 ? timeline.older : event.older,
    });
  }
  if (event.hold && top !== undefined) {
    return bounded({ ...timeline, waiting: newest.filter(held), gap: { kind: 'page', older: event.older } });
  }
  return bounded({ ...timeline, shown: newest, waiting: [], older: event.older, gap: null });
}

function revealed(timeline: Timeline): Timeline {
  switch (timeline.gap?.kind) {
    case 'cut':
      return { ...timeline, shown: [], waiting: [], older: null, gap: null };
    case 'page':
      return { ...timeline, shown: timeline.waiting, waiting: [], older: timeline.gap.older, gap: null };
    case undefined:
      return bounded({ ...timeline, shown: merged(timeline.shown, timeline.waiting), waiting: [] });
  }
}

function alive(timeline: Timeline, statuses: readonly Status[]): readonly Status[] {
  if (timeline.gone.length === 0) return statuses;
  const gone = new Set(timeline.gone);
  return statuses.filter((entry) => !gone.has(entry.id) && !(entry.reblog && gone.has(entry.reblog.id)));
}

/** Both, newest first, each id once; of two versions the one that came later. */
function merged(known: readonly Status[], coming: readonly Status[]): readonly Status[] {
  if (coming.length === 0) return known;
  const byId = new Map(known.map((entry) => [entry.id, entry]));
  for (const entry of coming) byId.set(entry.id, entry);
  return [...byId.values()].sort(newestFirst);
}

function bounded(timeline: Timeline): Timeline {
  let { shown, waiting, older, gap } = timeline;
  if (shown.length > mostShown) {
    shown = shown.slice(0, mostShown);
    older = null;
  }
  if (waiting.length > mostWaiting) {
    waiting = waiting.slice(0, mostWaiting);
    gap = { kind: 'cut' };
  }
  return { ...timeline, shown, waiting, older, gap };
}

function mapped(timeline: Timeline, change: (entry: Status) => Status): Timeline {
  return { ...timeline, shown: timeline.shown.map(change), waiting: timeline.waiting.map(change) };
}

function filtered(timeline: Timeline, keep: (entry: Status) => boolean): Timeline {
  return { ...timeline, shown: timeline.shown.filter(keep), waiting: timeline.waiting.filter(keep) };
}
