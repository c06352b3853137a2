// The order of a thread: each reply below what it answers, oldest first, and how deep it stands.
import type { Status } from './entities.ts';
import { isNewer } from './id-order.ts';

export interface Placed {
  readonly status: Status;
  readonly depth: number;
}

/** Replies whose parent is not among them stand at the first level: nothing is left out, and no id comes twice. */
export function threadOrder(rootId: string, replies: readonly Status[]): readonly Placed[] {
  const unique = [...new Map(replies.map((reply) => [reply.id, reply])).values()];
  const oldestFirst = unique.sort((a, b) => (isNewer(a.id, b.id) ? 1 : -1));
  const ids = new Set(unique.map(({ id }) => id));
  const below = new Map<string, Status[]>();
  for (const reply of oldestFirst) {
    const parent = reply.in_reply_to_id;
    const place = parent !== null && parent !== reply.id && ids.has(parent) ? parent : rootId;
    below.set(place, [...(below.get(place) ?? []), reply]);
  }
  const placed: Placed[] = [];
  // A stack of its own: a thread may be deeper than calls can be.
  const due: Placed[] = (below.get(rootId) ?? []).map((status) => ({ status, depth: 0 })).reverse();
  for (let next = due.pop(); next !== undefined; next = due.pop()) {
    const { status, depth } = next;
    placed.push(next);
    const children = below.get(status.id) ?? [];
    due.push(...children.map((child) => ({ status: child, depth: depth + 1 })).reverse());
  }
  return placed;
}
