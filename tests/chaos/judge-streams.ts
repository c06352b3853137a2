// What streams must bring: everything that followees post, in order for each author, over however many sockets.
import { compareIds, type History, never, type Post } from './history.ts';
import { endOf, streamsOf } from './judge-deletes.ts';
import type { Streamed } from './record.ts';
import type { Violation } from './violation.ts';

export function judgeStreams(history: History): Violation[] {
  return [...streamsOf(history)].flatMap(([who, frames]) => [
    ...missed(history, who, frames),
    ...outOfOrder(history, frames),
  ]);
}

/** Whoever is followed from before the post was begun to the end of the run. */
function missed(history: History, who: string, frames: Streamed[]): Violation[] {
  const start = frames.find(({ event }) => event.kind === 'start');
  if (start === undefined) return [];
  const endMs = history.entries.reduce((latest, entry) => Math.max(latest, endOf(entry)), 0);
  const received = new Set(frames.flatMap(({ event }) => (event.kind === 'update' ? [event.shown.id] : [])));
  const resyncedMs = frames.reduce((at, { event, atMs }) => (event.kind === 'resync' ? atMs : at), 0);
  const isDue = (post: Post): boolean =>
    post.id !== null &&
    post.beganMs > start.atMs &&
    // What is deleted while one is away is not sent.
    (post.deletion?.beganMs ?? never) === never &&
    // Who is told to read anew has what was there then from that.
    post.beganMs > resyncedMs &&
    (post.author === who || history.surelyFollows(who, post.author, post.beganMs, endMs));
  return [...history.posts.values()]
    .filter((post) => !received.has(post.id ?? '') && isDue(post))
    .map((post) => {
      const around = frames.filter(
        ({ atMs, event }) =>
          event.kind !== 'update' &&
          Math.abs(atMs - post.acknowledgedMs) < aroundMs &&
          event.kind !== 'deleted',
      );
      const text = `the stream of ${who} never brings post ${post.key} (${post.id}) of ${post.author}`;
      return {
        ...{ promise: 'live', text, atMs: post.acknowledgedMs },
        entries: [...post.entries, ...history.turnsOf(who, post.author), ...around],
      };
    });
}

/** Sockets that were open around a post that was missed. */
const aroundMs = 15_000;

/**
 * After what was seen before is dropped, in the stream or at home (who was told to read anew has what was there, and a new server may
 * send it still), each author's acknowledged posts come in the order in which they were made, while one goes on following. (One that
 * nobody was told of may come late: the machine that had it was away. And who follows again is sent, with the next resume, what was made
 * meanwhile.)
 */
function outOfOrder(history: History, frames: Streamed[]): Violation[] {
  const resyncs = frames.flatMap(({ event, atMs }) => (event.kind === 'resync' ? [atMs] : []));
  const seen = new Set<string>();
  const latest = new Map<string, Streamed>();
  return frames.flatMap((frame) => {
    const { event } = frame;
    if (event.kind !== 'update' || seen.has(event.shown.id)) return [];
    const { id, author, key } = event.shown;
    const post = history.postById.get(id);
    if (post === undefined) return [];
    seen.add(id);
    const before = latest.get(author);
    latest.set(author, frame);
    if (before?.event.kind !== 'update' || compareIds(before.event.shown.id, id) < 0) return [];
    const follows =
      author === frame.who || history.surelyFollows(frame.who, author, post.beganMs, frame.atMs);
    if (!follows || resyncs.some((atMs) => atMs > post.beganMs && atMs < frame.atMs)) return [];
    const text = `the stream of ${frame.who} brings post ${key} of ${author} after a later one, ${before.event.shown.key}`;
    const entries = [...post.entries, before, frame];
    return [{ promise: 'live' as const, text, atMs: frame.atMs, entries }];
  });
}
