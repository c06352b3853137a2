// A user's home timeline: built from the newest of each followee when first read, kept by deliveries afterwards.
import type { Gathered, Moment, PointReader } from '../runtime/behaviours.ts';
import { afterPrefix, keyOf, restOf } from '../runtime/key.ts';
import { type StatusId, statusAuthor } from '../runtime/status-id.ts';
import { blockFact, factKind } from './facts.ts';
import type { Answer, Ask } from './messages.ts';
import { flag } from './messages.ts';
import { Timeline, timelineLength } from './timeline.ts';
import {
  authorsOf,
  isMuted,
  refuse,
  subscribe,
  type UserEffect,
  type UserState,
  type WaitingRead,
} from './user-state.ts';
import { viewKind } from './views.ts';

/** Reads waiting for a build: more are refused. */
const mostWaiting = 100;
const mostDirects = 200;

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
function build(state: UserState): UserEffect[] {
  state.built = 'building';
  state.buildTicket = state.nextTicket++;
  const directs = keyOf(state.account, viewKind.direct);
  return [
    ...subscribe(state),
    {
      kind: 'gather',
      ticket: state.buildTicket,
      recent: { authors: authorsOf(state), sinceMs: 0, most: timelineLength },
      ranges: [{ from: directs, to: afterPrefix(directs), most: mostDirects, reverse: true }],
    },
  ];
}

/** The answer to `build`. Deliveries that came since stay in the timeline. */
export function finishBuild(
  state: UserState,
  gathered: Gathered,
  moment: Moment,
  read: PointReader,
): UserEffect[] {
  if (gathered.ticket !== state.buildTicket) return [];
  // Somebody was followed or left in the meantime: once more.
  if (state.built === 'no') return state.waiting.length > 0 ? build(state) : [];
  const wanted = (id: StatusId): boolean => {
    const author = statusAuthor(id);
    if (author === state.account) return true;
    return (
      state.followees.has(author) &&
      !state.blockedBy.has(author) &&
      isMuted(state, author, moment.nowMs) === null
    );
  };
  const kept = state.timeline;
  state.timeline = new Timeline();
  const directs = (gathered.found[0] ?? []).map(({ key }) => restOf(key) as StatusId);
  for (const ids of [gathered.statuses, directs]) {
    for (let place = ids.length - 1; place >= 0; place--) {
      const id = ids[place];
      if (id !== undefined && wanted(id)) state.timeline.insert(id);
    }
  }
  for (const id of kept.page({ maxId: null, sinceId: null, minId: null, limit: timelineLength })) {
    if (wanted(id)) state.timeline.insert(id);
  }
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
