// What deletes must do: gone from every reply and frame that begins after the acknowledgement, at every gateway, for good.
import { type History, never, type PageRead, type Post } from './history.ts';
import type { Entry, Streamed } from './record.ts';
import type { Violation } from './violation.ts';

export function judgeDeletes(history: History): Violation[] {
  return [...inReplies(history), ...atTheEnd(history), ...inFrames(history), ...notTold(history)];
}

function inReplies(history: History): Violation[] {
  const pages: PageRead[] = [...history.pageReads('readHome'), ...history.pageReads('readAuthor')];
  const onPages = pages.flatMap((read) =>
    read.page.posts.flatMap(({ id }) => {
      const post = history.postById.get(id);
      return post !== undefined && goneAtMs(post) < read.beganMs ? [shown(post, read)] : [];
    }),
  );
  const alone = history.asked.flatMap((asked) => {
    if (asked.deed.do !== 'readStatus' || asked.answer.kind !== 'done') return [];
    const post = history.postById.get(asked.deed.id);
    return post !== undefined && goneAtMs(post) < asked.beganMs ? [shown(post, asked)] : [];
  });
  return [...onPages, ...alone];
}

function atTheEnd(history: History): Violation[] {
  return history.found.flatMap((found) => {
    if (found.what.kind === 'relations') return [];
    return found.what.posts.flatMap(({ id }) => {
      const post = history.postById.get(id);
      return post !== undefined && goneAtMs(post) < never ? [shown(post, found)] : [];
    });
  });
}

/**
 * When a frame began only its server knows. But a socket that was opened after the acknowledgement has only later frames, and so has
 * one that has brought a post whose author began to write it after the acknowledgement.
 */
function inFrames(history: History): Violation[] {
  const violations: Violation[] = [];
  /** What every frame of a socket is surely later than, from here on. */
  const laterThanMs = new Map<number, number>();
  for (const entry of history.streamed) {
    const { event, socket, atMs } = entry;
    const sinceMs = laterThanMs.get(socket) ?? 0;
    if (event.kind === 'opening') laterThanMs.set(socket, atMs);
    if (event.kind !== 'update') continue;
    const post = history.postById.get(event.shown.id);
    if (post === undefined) continue;
    if (goneAtMs(post) < sinceMs) violations.push(shown(post, entry));
    laterThanMs.set(socket, Math.max(sinceMs, post.beganMs));
  }
  return violations;
}

/** Who was sent a post, and goes on following its author, is told that it is gone; and is not sent it again after that. */
function notTold(history: History): Violation[] {
  const endMs = history.entries.reduce((latest, entry) => Math.max(latest, endOf(entry)), 0);
  return [...streamsOf(history)].flatMap(([who, frames]) => {
    const had = new Map<string, Streamed>();
    const told = new Map<string, Streamed>();
    const again: Violation[] = [];
    let resyncedMs = 0;
    for (const frame of frames) {
      const { event } = frame;
      if (event.kind === 'resync') resyncedMs = frame.atMs;
      if (event.kind === 'deleted') told.set(event.id, frame);
      if (event.kind !== 'update') continue;
      if (!had.has(event.shown.id)) had.set(event.shown.id, frame);
      const before = told.get(event.shown.id);
      if (before !== undefined)
        again.push({
          promise: 'delete',
          text: `${who} is sent post ${event.shown.key} after its delete`,
          atMs: frame.atMs,
          entries: [before, frame],
        });
    }
    const untold = [...had].flatMap(([id, frame]) => {
      const post = history.postById.get(id);
      if (post === undefined || told.has(id) || goneAtMs(post) === never) return [];
      const { deletion } = post;
      // Who is told to read anew learns from that what had been deleted by then, be it acknowledged or not.
      if (deletion === null || deletion.acknowledgedMs < resyncedMs) return [];
      if (deletion.beganMs < resyncedMs && !isReadAfter(history, { who, id, sinceMs: resyncedMs })) return [];
      if (post.author !== who && !history.surelyFollows(who, post.author, frame.atMs, endMs)) return [];
      const text = `${who} was sent post ${post.key} and is never told that it is deleted`;
      return [{ promise: 'live' as const, text, atMs: frame.atMs, entries: [frame, ...deletion.entries] }];
    });
    return [...again, ...untold];
  });
}

function isReadAfter(
  history: History,
  { who, id, sinceMs }: { who: string; id: string; sinceMs: number },
): boolean {
  return [...history.pageReads('readHome')].some(
    (read) => read.who === who && read.beganMs > sinceMs && read.page.posts.some((shown) => shown.id === id),
  );
}

export function streamsOf(history: History): Map<string, Streamed[]> {
  const streams = new Map<string, Streamed[]>();
  for (const entry of history.streamed) {
    const stream = streams.get(entry.who);
    if (stream === undefined) streams.set(entry.who, [entry]);
    else stream.push(entry);
  }
  return streams;
}

export function endOf(entry: Entry): number {
  return entry.kind === 'asked' ? entry.endedMs : entry.atMs;
}

function goneAtMs({ deletion }: Post): number {
  return deletion?.acknowledgedMs ?? never;
}

function shown(post: Post, by: Entry & { who: string; via: string }): Violation {
  const text = `post ${post.key} (${post.id}) of ${post.author} is shown to ${by.who} by ${by.via} after its delete was acknowledged`;
  const entries: Entry[] = [...post.entries, ...(post.deletion?.entries ?? []), by];
  return { promise: 'delete', text, atMs: endOf(by), entries };
}
