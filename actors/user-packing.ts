// A user's state as plain data, and back: how it passes from one release's code to another's.
import type { AccountId } from '../runtime/account-id.ts';
import type { StatusId } from '../runtime/status-id.ts';
import { IdSet } from './id-set.ts';
import { ownOf, smallOf } from './small-map.ts';
import { Timeline } from './timeline.ts';
import type { Mute, Session, UserState } from './user-state.ts';

/**
 * Raise it in the commit that changes `PackedUser`; keep the shape before as a type of its own, take it in `unpackUser` and give it in
 * `packUser`, or nobody gets over to the new shape, or back.
 */
export const stateFormat = 1;

type Plain = Omit<
  UserState,
  'followees' | 'withoutBoosts' | 'blocks' | 'blockedBy' | 'timeline' | 'mutes' | 'marks' | 'catching'
>;

/** Format 1. */
export interface PackedUser extends Plain {
  /** Sorted. */
  followees: Float64Array;
  withoutBoosts: Float64Array;
  blocks: Float64Array;
  blockedBy: Float64Array;
  /** As `Timeline` keeps them: two numbers an id. */
  timeline: Float64Array;
  mutes: Map<AccountId, Mute>;
  marks: Map<StatusId, number> | null;
  catching: Map<number, Session>;
}

/** Shares with the state what is plain already. */
export function packUser(state: UserState, format: number): PackedUser {
  checkFormat(format);
  const { followees, withoutBoosts, blocks, blockedBy, timeline, mutes, marks, catching, ...plain } = state;
  return {
    ...plain,
    followees: followees.packed(),
    withoutBoosts: withoutBoosts.packed(),
    blocks: blocks.packed(),
    blockedBy: blockedBy.packed(),
    timeline: timeline.packed(),
    mutes: ownOf(mutes),
    marks: marks === null ? null : ownOf(marks),
    catching: ownOf(catching),
  };
}

export function unpackUser(packed: unknown, format: number): UserState {
  checkFormat(format);
  const { followees, withoutBoosts, blocks, blockedBy, timeline, mutes, marks, catching, ...plain } =
    packed as PackedUser;
  return {
    ...plain,
    followees: IdSet.of(followees),
    withoutBoosts: IdSet.of(withoutBoosts),
    blocks: IdSet.of(blocks),
    blockedBy: IdSet.of(blockedBy),
    timeline: Timeline.of(timeline),
    mutes: smallOf(mutes),
    marks: marks === null ? null : smallOf(marks),
    catching: smallOf(catching),
  };
}

function checkFormat(format: number): void {
  if (format !== stateFormat) throw new RangeError(`format ${format} of a user's state is not known here`);
}
