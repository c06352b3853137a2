// Statuses as one viewer sees them: fragments that are the same for all, plus what this viewer has done with them.
import { hiddenFlag } from '../actors/messages.ts';
import type { AccountId } from '../runtime/account-id.ts';
import type { StatusId } from '../runtime/status-id.ts';
import type { ApiRequest } from './endpoint.ts';
import type { Fragments, StatusFragment } from './fragments.ts';
import { anonymousTail, noReblog, reblogBegins, viewerTail } from './render-status.ts';

/** A status and the viewer's flags of it. */
export interface Seen {
  post: StatusFragment;
  flags: number;
  /** What it boosts. */
  boosted: { post: StatusFragment; flags: number } | null;
}

export interface Viewing {
  /** Whose flags; null: nobody is logged in, and none are shown. */
  viewer: AccountId | null;
  request: Pick<ApiRequest, 'ask' | 'origin'>;
}

export interface StatusView {
  /** What of these the viewer may see, in order. Where the core has judged already, `flags` is its answer (empty: as nobody). */
  see(ids: readonly StatusId[], viewing: Viewing, flags?: Uint8Array): Promise<Seen[]>;
  /** One status; null when it is not there for this viewer. */
  seeOne(id: StatusId, viewing: Viewing): Promise<Seen | null>;
}

const reblogBytes = Buffer.from(reblogBegins);
const opening = Buffer.from('[');
const closing = Buffer.from(']');
/** The ends of a status, for each set of flags and (last) for nobody; alone, and followed by another status. */
const flagSets = Array.from({ length: 16 }, (_, flags) => viewerTail(flags));
const tails = [...flagSets, anonymousTail];
const ends = {
  ofPost: tails.map((tail) => Buffer.from(noReblog + tail)),
  ofPostBetween: tails.map((tail) => Buffer.from(`${noReblog}${tail},`)),
  ofBoost: tails.map((tail) => Buffer.from(tail)),
  ofBoostBetween: tails.map((tail) => Buffer.from(`${tail},`)),
};

export function createStatusView(fragments: Fragments): StatusView {
  async function judge(ids: readonly StatusId[], { viewer, request }: Viewing): Promise<Uint8Array> {
    if (ids.length === 0) return new Uint8Array(0);
    return (await request.ask('judge', { viewer, ids: [...ids] })).flags;
  }

  /** A boost's own flags are those of what it boosts. */
  async function withBoosted(seen: Seen[], viewing: Viewing): Promise<Seen[]> {
    const wanted = new Set<StatusId>();
    for (const { post } of seen) if (post.row.boostOf !== null) wanted.add(post.row.boostOf);
    if (wanted.size === 0) return seen;
    const ids = [...wanted];
    const [flags, posts] = await Promise.all([
      judge(ids, viewing),
      fragments.statuses(ids, viewing.request.origin),
    ]);
    const boosted = new Map<StatusId, { post: StatusFragment; flags: number }>();
    for (const [index, id] of ids.entries()) {
      const post = posts[index] ?? null;
      const flagged = flags[index] ?? hiddenFlag;
      if (post !== null && flagged !== hiddenFlag) boosted.set(id, { post, flags: flagged });
    }
    return seen.flatMap((one) => {
      if (one.post.row.boostOf === null) return [one];
      const original = boosted.get(one.post.row.boostOf);
      return original === undefined ? [] : [{ post: one.post, flags: original.flags, boosted: original }];
    });
  }

  async function see(ids: readonly StatusId[], viewing: Viewing, judged?: Uint8Array): Promise<Seen[]> {
    if (ids.length === 0) return [];
    const [flags, posts] =
      judged === undefined
        ? await Promise.all([judge(ids, viewing), fragments.statuses(ids, viewing.request.origin)])
        : [judged, await fragments.statuses(ids, viewing.request.origin)];
    const seen: Seen[] = [];
    let boosts = false;
    for (const [index, post] of posts.entries()) {
      // Judged as nobody: what is there may be seen.
      const flagged = flags[index] ?? (flags.length === 0 ? 0 : hiddenFlag);
      if (post === null || flagged === hiddenFlag) continue;
      if (post.row.boostOf !== null) boosts = true;
      seen.push({ post, flags: flagged, boosted: null });
    }
    return boosts ? withBoosted(seen, viewing) : seen;
  }

  return {
    see,
    seeOne: async (id, viewing) => (await see([id], viewing))[0] ?? null,
  };
}

/** Appends one status's JSON. */
export function appendStatus(out: Uint8Array[], seen: Seen, logged: boolean): void {
  append(out, seen, { logged, between: false });
}

/** Appends a JSON array of statuses. This is the hottest loop there is: three pieces a post, commas included. */
export function appendStatuses(out: Uint8Array[], seen: readonly Seen[], logged: boolean): void {
  out.push(opening);
  const last = seen.length - 1;
  for (const [index, one] of seen.entries()) append(out, one, { logged, between: index !== last });
  out.push(closing);
}

interface Place {
  logged: boolean;
  /** Another one follows. */
  between: boolean;
}

function append(out: Uint8Array[], { post, flags, boosted }: Seen, { logged, between }: Place): void {
  const set = logged ? flags & 15 : flagSets.length;
  if (boosted === null) {
    out.push(post.head, post.author.json, endOf(between ? ends.ofPostBetween : ends.ofPost, set));
    return;
  }
  const { head, bodyAt, author } = boosted.post;
  out.push(post.head, head.subarray(bodyAt), post.author.json, reblogBytes);
  out.push(head, author.json, endOf(ends.ofPost, logged ? boosted.flags & 15 : set));
  out.push(endOf(between ? ends.ofBoostBetween : ends.ofBoost, set));
}

function endOf(all: readonly Uint8Array[], set: number): Uint8Array {
  const end = all[set];
  if (end === undefined) throw new Error(`no end for the flags ${set}`);
  return end;
}
