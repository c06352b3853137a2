// The thread around a status: what it answers, up to the first, and what answers it, in the order in which one reads. Judging is the caller's part.
import type { StatusRow } from '../actors/messages.ts';
import type { StatusId } from '../runtime/status-id.ts';
import type { ApiRequest } from './endpoint.ts';
import type { Fragments } from './fragments.ts';

export interface Thread {
  /** Oldest first. */
  ancestors: StatusId[];
  /** Each answer followed by the answers to it; the oldest branch first. */
  descendants: StatusId[];
}

export interface ThreadOptions {
  request: Pick<ApiRequest, 'ask' | 'origin'>;
  fragments: Fragments;
  /** Nobody is logged in: threads are cut shorter, for anybody may ask. */
  brief: boolean;
}

interface Bounds {
  ancestors: number;
  descendants: number;
  depth: number;
}

const briefly: Bounds = { ancestors: 40, descendants: 60, depth: 20 };
const fully: Bounds = { ancestors: 150, descendants: 250, depth: 100 };

export async function readThread(row: StatusRow, options: ThreadOptions): Promise<Thread> {
  const bounds = options.brief ? briefly : fully;
  const [ancestors, descendants] = await Promise.all([
    readAncestors(row.replyTo, options, bounds.ancestors),
    readDescendants(row, options, bounds),
  ]);
  return { ancestors, descendants };
}

async function readAncestors(
  from: StatusId | null,
  options: ThreadOptions,
  most: number,
): Promise<StatusId[]> {
  const ancestors: StatusId[] = [];
  for (let id = from; id !== null && ancestors.length < most; ) {
    const [post] = await options.fragments.statuses([id], options.request.origin);
    if (!post) break;
    ancestors.unshift(id);
    id = post.row.replyTo;
  }
  return ancestors;
}

/** Level by level, so that a deep thread costs as many questions as it is deep; then put in reading order. */
async function readDescendants(
  root: StatusRow,
  { request, fragments }: ThreadOptions,
  bounds: Bounds,
): Promise<StatusId[]> {
  const answersTo = new Map<StatusId, StatusId[]>();
  let left = bounds.descendants;
  let level = root.replies > 0 ? [root.id] : [];
  for (let depth = 0; depth < bounds.depth && level.length > 0 && left > 0; depth++) {
    const answers = await Promise.all(level.map((id) => request.ask('replies', { id, limit: left })));
    const next: StatusId[] = [];
    for (const [index, id] of level.entries()) {
      const ids = (answers[index]?.ids ?? []).slice(0, left - next.length);
      answersTo.set(id, ids);
      next.push(...ids);
    }
    left -= next.length;
    const posts = await fragments.statuses(next, request.origin);
    level = next.filter((_, index) => (posts[index]?.row.replies ?? 0) > 0);
  }
  return inReadingOrder(root.id, answersTo);
}

function inReadingOrder(root: StatusId, answersTo: ReadonlyMap<StatusId, StatusId[]>): StatusId[] {
  const ordered: StatusId[] = [];
  const stack = [...(answersTo.get(root) ?? [])].reverse();
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    ordered.push(id);
    stack.push(...[...(answersTo.get(id) ?? [])].reverse());
  }
  return ordered;
}
