// A run in one line: what was done to the machines, what clients got done meanwhile, and for how long somebody could not.
import { History, never } from './history.ts';
import type { Listener } from './listener.ts';
import type { Entry } from './record.ts';

export interface Summary {
  faults: number;
  posts: number;
  deletes: number;
  reads: number;
  refused: number;
  unanswered: number;
  resumes: number;
  resyncs: number;
  /** The longest that a client asked for one write before it was told that it is done. */
  longestWriteMs: number;
}

export function summaryOf(
  entries: readonly Entry[],
  listeners: readonly Pick<Listener, 'resumes' | 'resyncs'>[],
): Summary {
  const history = new History(entries);
  const posts = [...history.posts.values()].filter(({ id }) => id !== null);
  const count = (holds: (kind: 'done' | 'refused' | 'none', deed: string) => boolean): number =>
    history.asked.filter(({ answer, deed }) => holds(answer.kind, deed.do)).length;
  return {
    faults: history.harmed.filter(({ phase }) => phase === 'begins').length,
    posts: posts.length,
    deletes: posts.filter(({ deletion }) => (deletion?.acknowledgedMs ?? never) < never).length,
    reads: count((kind, deed) => kind === 'done' && deed.startsWith('read')),
    refused: count((kind) => kind === 'refused'),
    unanswered: count((kind) => kind === 'none'),
    resumes: listeners.reduce((sum, { resumes }) => sum + resumes, 0),
    resyncs: listeners.reduce((sum, { resyncs }) => sum + resyncs, 0),
    longestWriteMs: posts.reduce((most, post) => Math.max(most, post.acknowledgedMs - post.beganMs), 0),
  };
}

export function summaryLine(summary: Summary): string {
  const { faults, posts, deletes, reads, refused, unanswered, resumes, resyncs, longestWriteMs } = summary;
  return [
    `${faults} faults`,
    `${posts} posts acknowledged and ${deletes} deleted`,
    `${reads} reads`,
    `${refused} refused and ${unanswered} without an answer`,
    `${resumes} resumes and ${resyncs} resyncs of streams`,
    `longest wait for a write ${(longestWriteMs / 1000).toFixed(1)} s`,
  ].join(', ');
}
