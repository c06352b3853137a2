// Rows: what all viewers see of accounts and statuses, put together from facts and counts; and whether one viewer may see it.
import type { AccountId } from '../runtime/account-id.ts';
import type { PointReader } from '../runtime/behaviours.ts';
import { type StatusId, statusAuthor } from '../runtime/status-id.ts';
import {
  accountFact,
  accountRecord,
  blockFact,
  followFact,
  muteFact,
  muteRecord,
  statusFact,
} from './facts.ts';
import { type AccountRow, flag, hiddenFlag, type StatusRow } from './messages.ts';
import { type StatusRecord, statusOf } from './status-record.ts';
import { blocksNow, markedFlags } from './user-home.ts';
import { accountCount, accountCountsKey, countsOf, statusCount, statusCountsKey } from './views.ts';
import { maySee } from './visibility.ts';

export function accountRowOf(read: PointReader, id: AccountId): AccountRow | null {
  // Both before either is looked at, here and below: what is on another machine is fetched at once.
  const fact = read.fact(accountFact(id));
  const counts = countsOf(read.view(accountCountsKey(id)));
  if (fact === null || fact.value === null) return null;
  const lastStatusMs = counts[accountCount.lastStatusMs] ?? 0;
  return {
    id,
    ...accountRecord.decode(fact.value),
    followers: counts[accountCount.followers] ?? 0,
    following: counts[accountCount.following] ?? 0,
    statuses: counts[accountCount.statuses] ?? 0,
    lastStatusMs: lastStatusMs === 0 ? null : lastStatusMs,
  };
}

/** The record of a status that is there, whose author is, too. */
function statusThere(read: PointReader, id: StatusId): StatusRecord | null {
  const author = read.fact(accountFact(statusAuthor(id)));
  const status = read.fact(statusFact(id));
  return author === null || author.value === null ? null : statusOf(status);
}

export function statusRowOf(read: PointReader, id: StatusId): StatusRow | null {
  const status = statusThere(read, id);
  if (status === null) return null;
  if (status.kind === 'boost') {
    return {
      id,
      text: '',
      visibility: status.visibility,
      sensitive: false,
      spoiler: '',
      language: null,
      replyTo: null,
      mentions: [],
      app: null,
      boostOf: status.of,
      favourites: 0,
      boosts: 0,
      replies: 0,
    };
  }
  const counts = countsOf(read.view(statusCountsKey(id)));
  const { text, visibility, sensitive, spoiler, language, replyTo, mentions, app } = status;
  return {
    id,
    text,
    visibility,
    sensitive,
    spoiler,
    language,
    replyTo,
    mentions,
    app,
    boostOf: null,
    favourites: counts[statusCount.favourites] ?? 0,
    boosts: counts[statusCount.boosts] ?? 0,
    replies: counts[statusCount.replies] ?? 0,
  };
}

/** A follow that is there and that no later block has ended. */
export function followsNow(follower: AccountId, followee: AccountId, read: PointReader): boolean {
  const follow = read.fact(followFact(follower, followee));
  if (follow === null || follow.value === null) return false;
  const severed = read.fact(blockFact(followee, follower));
  return severed === null || follow.version > severed.version;
}

export function mutesNow(
  muter: AccountId,
  muted: AccountId,
  read: PointReader,
  nowMs: number,
): { notifications: boolean } | null {
  const fact = read.fact(muteFact(muter, muted));
  if (fact === null || fact.value === null) return null;
  const mute = muteRecord.decode(fact.value);
  return mute.untilMs === null || mute.untilMs > nowMs ? mute : null;
}

/** Flags, or `hiddenFlag`. A boost is seen by whoever may see both it and the boosted post. */
export function judge(read: PointReader, viewer: AccountId | null, id: StatusId, nowMs: number): number {
  const author = statusAuthor(id);
  const isOwn = viewer === author;
  const status = statusThere(read, id);
  const isBlocked = viewer !== null && !isOwn && blocksNow(viewer, author, read);
  const blockedByAuthor = viewer !== null && !isOwn && blocksNow(author, viewer, read);
  if (status === null || isBlocked) return hiddenFlag;
  const mentions = status.kind === 'boost' ? [] : status.mentions;
  const seen = { author, visibility: status.visibility, mentions };
  if (viewer === null) {
    if (!maySee(seen, null)) return hiddenFlag;
    return status.kind === 'boost' && judge(read, null, status.of, nowMs) === hiddenFlag ? hiddenFlag : 0;
  }
  if (!isOwn) {
    const relation = {
      account: viewer,
      follows: status.visibility === 'private' && followsNow(viewer, author, read),
      blockedByAuthor,
    };
    if (!maySee(seen, relation)) return hiddenFlag;
  }
  if (status.kind === 'boost' && judge(read, viewer, status.of, nowMs) === hiddenFlag) return hiddenFlag;
  const muted = !isOwn && mutesNow(viewer, author, read, nowMs) !== null ? flag.muted : 0;
  return markedFlags(viewer, id, read) | muted;
}
