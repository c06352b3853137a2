// The state of a user's actor: what its facts say, in a compact form, and what only lives while it is awake.
import type { AccountId } from '../runtime/account-id.ts';
import type { Effect, FoundFact, Moment, Reader, RejectionCode } from '../runtime/behaviours.ts';
import { accountAt, afterPrefix, keyOf, restOf } from '../runtime/key.ts';
import { type StatusId, statusMs } from '../runtime/status-id.ts';
import type { Version } from '../runtime/version.ts';
import { accountFact, factKind, followRecord, muteRecord } from './facts.ts';
import { type IdSet, idsOf } from './id-set.ts';
import type { Item } from './items.ts';
import { type Ask, flag } from './messages.ts';
import { noneOf, type SmallMap, smallOf, without } from './small-map.ts';
import { Timeline, timelineLength } from './timeline.ts';
import { statusOfKey, viewKind } from './views.ts';

export type UserEffect = Effect<Item>;

/** Muted until a time (null: for good). */
export interface Mute {
  notifications: boolean;
  untilMs: number | null;
}

/** A connection's `user` stream. While it catches up, what is new is held back, so that the missed comes first. */
export interface Session {
  number: number;
  /** What came while catching up; null when live. */
  held: Item[] | null;
  since: Version | null;
  /** Keys of the items pushed by catching up, until newer ones come: what is both missed and new is pushed once. */
  caught: { keys: Set<string>; upTo: Version } | null;
}

/** A read of home that waits until the timeline is built. */
export interface WaitingRead {
  request: number;
  ask: Ask<'home'>;
}

export interface UserState {
  account: AccountId;
  /** No account fact, or a deleted one: all commands are refused. */
  isGone: boolean;
  followees: IdSet;
  /** Followees whose boosts are not wanted. */
  withoutBoosts: IdSet;
  blocks: IdSet;
  blockedBy: IdSet;
  mutes: SmallMap<AccountId, Mute>;
  /** No mute ends before this time. */
  mutesEndMs: number;
  /** Favourites, boosts and bookmarks; null when there are too many to keep: then they are looked up. */
  marks: SmallMap<StatusId, number> | null;
  /** The ms of the newest status ever made, deleted ones included. */
  lastStatusMs: number;
  /** 0..4095, drawn at the first post of this activation. */
  salt: number | null;
  timeline: Timeline;
  /** `no` also when what is wanted has changed: the next read builds anew, and a build under way begins once more. */
  built: 'no' | 'building' | 'yes';
  /** How much a timeline held that older statuses were left out of; 0 when it has all there are. */
  reached: number;
  isSubscribed: boolean;
  waiting: WaitingRead[];
  sessions: Session[];
  /** Ticket of the next `gather`; which session each catch-up ticket is for. */
  nextTicket: number;
  buildTicket: number;
  /** Statuses asked for by the build under way. */
  buildMost: number;
  catching: SmallMap<number, Session>;
}

/** More marks than this are not kept in memory. */
const mostMarks = 5000;
const everything = 1_000_000;

/** All of an account's facts of one kind, tombstones left out. */
function liveFacts(reader: Reader, account: AccountId, kind: string, most = everything): FoundFact[] {
  const from = keyOf(account, kind);
  return reader.facts({ from, to: afterPrefix(from), most }).filter((fact) => fact.value !== null);
}

function loadMarks(account: AccountId, reader: Reader): SmallMap<StatusId, number> | null {
  const marks = new Map<StatusId, number>();
  for (const [kind, bit] of [
    [factKind.favourite, flag.favourited],
    [factKind.boost, flag.boosted],
    [factKind.bookmark, flag.bookmarked],
  ] as const) {
    for (const fact of liveFacts(reader, account, kind, mostMarks + 1)) {
      const id = restOf(fact.key) as StatusId;
      marks.set(id, (marks.get(id) ?? 0) | bit);
    }
    if (marks.size > mostMarks) return null;
  }
  return smallOf(marks);
}

/** Whom blocks sever: the blocker, the version of the last block or unblock, and whether it blocks now. */
export function severedBy(
  account: AccountId,
  reader: Reader,
): { by: AccountId; version: Version; isOn: boolean }[] {
  const from = keyOf(account, viewKind.blockedBy);
  return reader.views({ from, to: afterPrefix(from), most: everything }).map(({ key, value }) => {
    const [version, isOn] = value as [Uint8Array, boolean];
    return { by: accountAt(restOf(key)), version: String.fromCharCode(...version) as Version, isOn };
  });
}

export function loadUser(account: AccountId, reader: Reader): UserState {
  const severed = severedBy(account, reader);
  const severedAt = new Map(severed.map(({ by, version }) => [by, version]));
  const followees: AccountId[] = [];
  const withoutBoosts: AccountId[] = [];
  for (const fact of liveFacts(reader, account, factKind.follow)) {
    const followee = accountAt(restOf(fact.key));
    if ((severedAt.get(followee) ?? '') > fact.version) continue;
    followees.push(followee);
    if (!followRecord.decode(fact.value).boosts) withoutBoosts.push(followee);
  }
  const mutes = new Map<AccountId, Mute>();
  for (const fact of liveFacts(reader, account, factKind.mute)) {
    const { notifications, untilMs } = muteRecord.decode(fact.value);
    mutes.set(accountAt(restOf(fact.key)), { notifications, untilMs });
  }
  const mutesEndMs = firstEnd(mutes);
  const statuses = keyOf(account, factKind.status);
  const newest = reader.facts({ from: statuses, to: afterPrefix(statuses), most: 1, reverse: true })[0];
  const fact = reader.fact(accountFact(account));
  return {
    account,
    isGone: fact === null || fact.value === null,
    followees: idsOf(followees),
    withoutBoosts: idsOf(withoutBoosts),
    blocks: idsOf(liveFacts(reader, account, factKind.block).map(({ key }) => accountAt(restOf(key)))),
    blockedBy: idsOf(severed.filter(({ isOn }) => isOn).map(({ by }) => by)),
    mutes: smallOf(mutes),
    mutesEndMs,
    marks: loadMarks(account, reader),
    lastStatusMs: newest === undefined ? 0 : statusMs(statusOfKey(newest.key)),
    salt: null,
    timeline: new Timeline(),
    built: 'no',
    reached: 0,
    isSubscribed: false,
    waiting: [],
    sessions: [],
    nextTicket: 1,
    buildTicket: 0,
    buildMost: 0,
    catching: noneOf(),
  };
}

export function isMuted(state: UserState, account: AccountId, nowMs: number): Mute | null {
  const mute = state.mutes.get(account);
  return mute !== undefined && (mute.untilMs === null || mute.untilMs > nowMs) ? mute : null;
}

function firstEnd(mutes: ReadonlyMap<AccountId, Mute>): number {
  let first = Number.POSITIVE_INFINITY;
  for (const { untilMs } of mutes.values()) if (untilMs !== null && untilMs < first) first = untilMs;
  return first;
}

/** Lets go of mutes that have run out: what they kept out of the timeline belongs there now. */
export function endMutes(state: UserState, nowMs: number): void {
  if (nowMs < state.mutesEndMs) return;
  for (const [muted, { untilMs }] of state.mutes) {
    if (untilMs === null || untilMs > nowMs) continue;
    state.mutes = without(state.mutes, muted);
    state.built = 'no';
  }
  state.mutesEndMs = firstEnd(state.mutes);
}

/** The authors whose announcements the actor wants: its followees, and itself. */
export function authorsOf(state: UserState): AccountId[] {
  return [...state.followees, state.account];
}

export function subscribe(state: UserState): UserEffect[] {
  if (state.isSubscribed) return [];
  state.isSubscribed = true;
  return [{ kind: 'subscribe', authors: authorsOf(state) }];
}

/** A full timeline may lose so many to deletes; then it is filled again from below. */
const mostGaps = 100;

/** Into the timeline, if there is one. */
export function enter(state: UserState, id: StatusId): void {
  if (state.built === 'no') return;
  state.timeline.insert(id);
  if (state.timeline.length === timelineLength) state.reached = timelineLength;
}

/** To be called after something was taken out of the timeline. */
export function fillGaps(state: UserState): void {
  if (state.built === 'yes' && state.timeline.length < state.reached - mostGaps) state.built = 'no';
}

/**
 * Follows somebody from now on, in memory: the timeline is built anew when it is next read, for it lacks their posts. The effects
 * stand before `persist`: what the followee announces while the follow is on its way to the disk is not gathered by anybody.
 */
export function beginFollowing(state: UserState, followee: AccountId): UserEffect[] {
  state.built = 'no';
  // A block and an unblock on their way to the disk have ended the follow, and memory does not know yet.
  if (state.followees.has(followee)) return [];
  state.followees = state.followees.with(followee);
  return state.isSubscribed ? [{ kind: 'subscribe', authors: [followee] }] : [];
}

export function stopFollowing(state: UserState, followee: AccountId): UserEffect[] {
  state.withoutBoosts.delete(followee);
  if (!state.followees.delete(followee)) return [];
  state.timeline.removeAuthor(followee);
  // A build under way may bring the author's posts back.
  if (state.built === 'building') state.built = 'no';
  fillGaps(state);
  return state.isSubscribed ? [{ kind: 'unsubscribe', authors: [followee] }] : [];
}

/** An answer that says no. */
export function refuse(moment: Moment, code: RejectionCode, message: string): UserEffect {
  return { kind: 'reply', request: moment.request, outcome: { ok: false, rejection: { code, message } } };
}

export function agree(moment: Moment, value: unknown = {}): UserEffect {
  return { kind: 'reply', request: moment.request, outcome: { ok: true, value } };
}
