// A user's relations to others: follows, blocks, mutes; each is a fact of this account.
import type { AccountId } from '../runtime/account-id.ts';
import type { Moment, PointReader } from '../runtime/behaviours.ts';
import type { FactWrite } from '../runtime/fact.ts';
import { blockFact, followFact, followRecord, muteFact, muteRecord, relationRecord } from './facts.ts';
import type { Ask } from './messages.ts';
import { followsNow } from './rows.ts';
import { withOne, without } from './small-map.ts';
import { blocksNow } from './user-home.ts';
import { catchUpOf } from './user-sessions.ts';
import {
  agree,
  beginFollowing,
  refuse,
  stopFollowing,
  type UserEffect,
  type UserState,
} from './user-state.ts';
import { accountCount, accountCountsKey, countsOf } from './views.ts';

/** Anybody may follow so many; who has more followers may follow a tenth more than those. */
export const mostFollows = 5000;
const followsAFollower = 1.1;

export function followLimit(account: AccountId, read: PointReader): number {
  const followers = countsOf(read.view(accountCountsKey(account)))[accountCount.followers] ?? 0;
  return Math.max(mostFollows, Math.floor(followers * followsAFollower));
}

const nothing: FactWrite[] = [];

/** Whoever asks another gateway after the answer sees it there, too. */
const fence: UserEffect = { kind: 'fence' };

function persist(writes: FactWrite[], deletes = false): UserEffect {
  return { kind: 'persist', writes, deletes, live: true };
}

/**
 * By the facts, those on their way to the disk included: a block is told to the blocked one only when it is there, and a follow
 * that came above it would count.
 */
function isBarred(state: UserState, target: AccountId, read: PointReader): boolean {
  return state.blocks.has(target) || blocksNow(target, state.account, read);
}

export function follow(
  state: UserState,
  ask: Ask<'follow'>,
  moment: Moment,
  read: PointReader,
): UserEffect[] {
  const { target, boosts } = ask;
  if (target === state.account) return [refuse(moment, 'forbidden', 'You cannot follow yourself')];
  if (isBarred(state, target, read)) return [refuse(moment, 'forbidden', 'This action is not allowed')];
  const isKnown = state.followees.has(target);
  const isFollowing = isKnown && followsNow(state.account, target, read);
  if (isFollowing && state.withoutBoosts.has(target) === !boosts) return [persist(nothing), agree(moment)];
  if (!isKnown && state.followees.size >= followLimit(state.account, read)) {
    return [refuse(moment, 'invalid', `Validation failed: You can follow at most ${mostFollows} accounts`)];
  }
  if (boosts) state.withoutBoosts.delete(target);
  else state.withoutBoosts = state.withoutBoosts.with(target);
  return [
    ...beginFollowing(state, target),
    ...catchUpOf(state, state.sessions, moment),
    persist([
      {
        key: followFact(state.account, target),
        value: followRecord.encode({ createdMs: moment.nowMs, boosts, quiet: false }),
      },
    ]),
    fence,
    agree(moment),
  ];
}

export function unfollow(state: UserState, { target }: Ask<'unfollow'>, moment: Moment): UserEffect[] {
  if (!state.followees.has(target)) return [persist(nothing, true), agree(moment)];
  return [
    ...stopFollowing(state, target),
    persist([{ key: followFact(state.account, target), value: null }], true),
    fence,
    agree(moment),
  ];
}

export function block(state: UserState, { target }: Ask<'block'>, moment: Moment): UserEffect[] {
  if (target === state.account) return [refuse(moment, 'forbidden', 'You cannot block yourself')];
  if (state.blocks.has(target)) return [persist(nothing), agree(moment)];
  state.blocks = state.blocks.with(target);
  state.built = 'no';
  const writes: FactWrite[] = [
    { key: blockFact(state.account, target), value: relationRecord.encode({ createdMs: moment.nowMs }) },
  ];
  if (state.followees.has(target)) writes.push({ key: followFact(state.account, target), value: null });
  return [...stopFollowing(state, target), persist(writes), fence, agree(moment)];
}

export function unblock(state: UserState, { target }: Ask<'unblock'>, moment: Moment): UserEffect[] {
  if (!state.blocks.delete(target)) return [persist(nothing, true), agree(moment)];
  state.built = 'no';
  return [persist([{ key: blockFact(state.account, target), value: null }], true), fence, agree(moment)];
}

/** `durationS` 0: for good. The muted one's posts, and boosts of them, are not in the timeline when it is next built. */
export function mute(state: UserState, ask: Ask<'mute'>, moment: Moment): UserEffect[] {
  const { target, notifications, durationS } = ask;
  if (target === state.account) return [refuse(moment, 'forbidden', 'You cannot mute yourself')];
  const untilMs = durationS === 0 ? null : moment.nowMs + durationS * 1000;
  state.mutes = withOne(state.mutes, target, { notifications, untilMs });
  if (untilMs !== null) state.mutesEndMs = Math.min(state.mutesEndMs, untilMs);
  state.built = 'no';
  const value = muteRecord.encode({ createdMs: moment.nowMs, notifications, untilMs });
  return [persist([{ key: muteFact(state.account, target), value }]), agree(moment)];
}

export function unmute(state: UserState, { target }: Ask<'unmute'>, moment: Moment): UserEffect[] {
  if (!state.mutes.has(target)) return [persist(nothing, true), agree(moment)];
  state.mutes = without(state.mutes, target);
  state.built = 'no';
  return [persist([{ key: muteFact(state.account, target), value: null }], true), agree(moment)];
}

/** From an import: by the same rules, in one transaction; what is there already, or was and has been taken back, is left as it is. */
export function adoptFollows(
  state: UserState,
  follows: readonly AccountId[],
  moment: Moment,
  read: PointReader,
): { writes: FactWrite[]; effects: UserEffect[]; refused: number } {
  const limit = followLimit(state.account, read);
  const value = followRecord.encode({ createdMs: moment.nowMs, boosts: true, quiet: true });
  const writes: FactWrite[] = [];
  const effects: UserEffect[] = [];
  let refused = 0;
  for (const target of follows) {
    if (state.followees.has(target)) continue;
    const key = followFact(state.account, target);
    if (read.fact(key) !== null) continue;
    const isRefused =
      target === state.account || state.followees.size >= limit || isBarred(state, target, read);
    if (isRefused) {
      refused++;
      continue;
    }
    effects.push(...beginFollowing(state, target));
    writes.push({ key, value });
  }
  return { writes, effects, refused };
}
