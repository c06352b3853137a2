// A user's home timeline: built from the newest of each followee when first read, kept by deliveries afterwards.
import type { AccountId } from '../runtime/account-id.ts';
import type { Gathered, Moment, PointReader } from '../runtime/behaviours.ts';
import { afterPrefix, keyOf, restOf } from '../runtime/key.ts';
import { type StatusId, statusAuthor } from '../runtime/status-id.ts';
import { blockFact, factKind, statusFact } from './facts.ts';
import type { Answer, Ask } from './messages.ts';
import { flag } from './messages.ts';
import { statusOf } from './status-record.ts';
import { Timeline, timelineLength } from './timeline.ts';
import {
  authorsOf,
  refuse,
  subscribe,
  type UserEffect,
  type UserState,
  type WaitingRead,
} from './user-state.ts';
import { viewKind } from './views.ts';
import { wantsAuthor, wantsBoost, weighsBoosts } from './wanted.ts';

/** Reads waiting for a build: more are refused. */
const mostWaiting = 100;
const mostDirects = 200;
/** Gathered when most of the newest are not wanted: of somebody who boosts all day, say, and whose boosts are not. */
const mostGathered = 4 * timelineLength;

export function readHome(
  state: UserState,
  ask: Ask<'home'>,
  moment: Moment,
  read: PointReader,
): UserEffect[] {
  const waiting: WaitingRead = { request: moment.request, ask };
  if (state.built === 'yes') return [answer(state, waiting, read)];
  if (state.waiting.length >= mostWaiting) {
    return [refuse(moment, 'busy', 'Too many reads of this timeline are waiting')];
  }
  state.waiting.push(waiting);
  return state.built === 'building' ? [] : build(state);
}

/** Subscribes first, then gathers: nothing falls between. */
function build(state: UserState, most: number = timelineLength): UserEffect[] {
  state.built = 'building';
  // Only what is delivered from here on is kept: all that came before is gathered.
  state.timeline = new Timeline();
  state.reached = 0;
  state.buildTicket = state.nextTicket++;
  state.buildMost = most;
  const directs = keyOf(state.account, viewKind.direct);
  const authors = heardOf(state);
  return [
    ...subscribe(state),
    {
      kind: 'gather',
      ticket: state.buildTicket,
      recent: { authors, sinceMs: 0, most },
      withFacts: authors.some((author) => weighsBoosts(state, author)),
      ranges: [{ from: directs, to: afterPrefix(directs), most: mostDirects, reverse: true }],
    },
  ];
}

/** Those who are muted now would only take the place of others. When a mute ends, the timeline is built anew. */
function heardOf(state: UserState): AccountId[] {
  const authors = authorsOf(state);
  return state.mutes.size === 0 ? authors : authors.filter((author) => !state.mutes.has(author));
}

/** The answer to `build`. Deliveries that came since stay in the timeline. */
export function finishBuild(
  state: UserState,
  gathered: Gathered,
  moment: Moment,
  read: PointReader,
): UserEffect[] {
  if (gathered.ticket !== state.buildTicket) return [];
  const { failed } = gathered;
  if (failed !== null) {
    // Never a timeline with a gap that nobody would ever close.
    state.built = 'no';
    const refused = state.waiting.map(({ request }): UserEffect => {
      return { kind: 'reply', request, outcome: { ok: false, rejection: failed } };
    });
    state.waiting = [];
    return refused;
  }
  // What is wanted has changed in the meantime: once more.
  if (state.built === 'no') return state.waiting.length > 0 ? build(state) : [];
  const wanted = (id: StatusId): boolean => {
    const author = statusAuthor(id);
    if (!wantsAuthor(state, author, moment.nowMs)) return false;
    if (!weighsBoosts(state, author)) return true;
    const status = statusOf(read.fact(statusFact(id)));
    return status?.kind !== 'boost' || wantsBoost(state, author, status.of, moment.nowMs);
  };
  const directs = (gathered.found[0] ?? []).map(({ key }) => restOf(key) as StatusId);
  for (const ids of [gathered.statuses, directs]) {
    for (let place = ids.length - 1; place >= 0; place--) {
      const id = ids[place];
      if (id !== undefined && wanted(id)) state.timeline.insert(id);
    }
  }
  const isCut = gathered.statuses.length >= state.buildMost || state.timeline.length === timelineLength;
  if (isCut && state.timeline.length < timelineLength / 2 && state.buildMost < mostGathered)
    return build(state, mostGathered);
  state.reached = isCut ? state.timeline.length : 0;
  state.built = 'yes';
  const answers = state.waiting.map((waiting) => answer(state, waiting, read));
  state.waiting = [];
  return answers;
}

function answer(state: UserState, { request, ask }: WaitingRead, read: PointReader): UserEffect {
  const ids = state.timeline.page({ ...ask, limit: Math.min(ask.limit, 80) });
  const value: Answer<'home'> = {
    ids,
    flags: Uint8Array.from(ids, (id) => flagsOf(state, id, read)),
    completeThroughMs: null,
  };
  return { kind: 'reply', request, outcome: { ok: true, value } };
}

function flagsOf(state: UserState, id: StatusId, read: PointReader): number {
  return state.marks === null ? markedFlags(state.account, id, read) : (state.marks.get(id) ?? 0);
}

/** A viewer's favourite, boost and bookmark of a status, looked up. */
export function markedFlags(viewer: UserState['account'], id: StatusId, read: PointReader): number {
  let flags = 0;
  for (const [kind, bit] of [
    [factKind.favourite, flag.favourited],
    [factKind.boost, flag.boosted],
    [factKind.bookmark, flag.bookmarked],
  ] as const) {
    const fact = read.fact(keyOf(viewer, kind, id));
    if (fact !== null && fact.value !== null) flags |= bit;
  }
  return flags;
}

/** Does `blocker` block `other` now? */
export function blocksNow(
  blocker: UserState['account'],
  other: UserState['account'],
  read: PointReader,
): boolean {
  const fact = read.fact(blockFact(blocker, other));
  return fact !== null && fact.value !== null;
}
