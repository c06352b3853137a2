// A user's live sessions: attaching, catching up on what was missed, and pushing what comes.

import { serverAccount } from '../runtime/account-id.ts';
import type { Gathered, Moment, PointReader } from '../runtime/behaviours.ts';
import { afterPrefix, keyOf, restOf } from '../runtime/key.ts';
import { lateFactOf, lateSince } from '../runtime/late-facts.ts';
import { descending, type StatusId, statusAuthor } from '../runtime/status-id.ts';
import { parseCursor, printCursor, type Version, versionMs } from '../runtime/version.ts';
import { type Item, itemKey } from './items.ts';
import type { Ask } from './messages.ts';
import { clearedUpToMs } from './notifications.ts';
import { withOne, without } from './small-map.ts';
import { lateItems, notificationItem, statusItem } from './user-missed.ts';
import {
  authorsOf,
  enter,
  refuse,
  type Session,
  subscribe,
  type UserEffect,
  type UserState,
} from './user-state.ts';
import { viewKind } from './views.ts';
import { wants } from './wanted.ts';

/** A cursor older than this is answered with a resync, and so is one that missed more than `mostMissed`. */
const mostAwayMs = 24 * 3600 * 1000;
const mostMissed = 800;
/** Sessions of one user; one more is refused. */
const mostSessions = 100;
/** Items held back for a session that catches up; more are a resync. */
const mostHeld = 2000;
/** Whoever takes a partition over says again what was said in the last 15 s, and a moment later. */
const saidAgainMs = 20_000;

export function attach(state: UserState, ask: Ask<'attach'>, moment: Moment): UserEffect[] {
  state.sessions = state.sessions.filter(({ number }) => number !== ask.session);
  if (state.sessions.length >= mostSessions)
    return [refuse(moment, 'busy', `At most ${mostSessions} streams a user`)];
  const session: Session = { number: ask.session, held: null, since: null, caught: null };
  // Not pushed: that would make room for sixteen more, and most users have one.
  state.sessions = state.sessions.concat(session);
  const reply: UserEffect = {
    kind: 'reply',
    request: moment.request,
    outcome: { ok: true, value: { cursor: printCursor(moment.watermark) } },
  };
  const effects = [...subscribe(state), reply];
  if (ask.since === null) return [...effects, ...catchUpOf(state, [session], moment)];
  const since = parseCursor(ask.since);
  if (
    since === null ||
    moment.nowMs - versionMs(since) > mostAwayMs ||
    versionMs(since) > moment.nowMs + 60_000
  ) {
    return [...effects, resync(session, moment)];
  }
  return [...effects, beginCatchUp(state, session, since)];
}

/** Holds back what comes, until what was missed since then has been gathered. */
function beginCatchUp(state: UserState, session: Session, since: Version): UserEffect {
  session.held ??= [];
  session.since = since;
  const ticket = state.nextTicket++;
  state.catching = withOne(state.catching, ticket, session);
  return gatherMissed(state, ticket, since);
}

/**
 * Authors of other machines are heard only once those know that they are wanted: what they post before is gathered, for these sessions, and
 * what comes meanwhile is held back. To be called after a subscription.
 */
export function catchUpOf(state: UserState, sessions: readonly Session[], moment: Moment): UserEffect[] {
  if (moment.hasAll) return [];
  return sessions.map((session) => {
    for (const [ticket, catching] of state.catching)
      if (catching === session) state.catching = without(state.catching, ticket);
    return beginCatchUp(state, session, session.since ?? moment.watermark);
  });
}

/** Statuses carry a time at or above their version's, so those above the cursor are among those made since its time. */
function gatherMissed(state: UserState, ticket: number, since: Version): UserEffect {
  const directs = keyOf(state.account, viewKind.direct);
  const notifications = keyOf(state.account, viewKind.notification);
  const deletions = keyOf(serverAccount, viewKind.deletion);
  return {
    kind: 'gather',
    ticket,
    withFacts: true,
    recent: { authors: authorsOf(state), sinceMs: versionMs(since), most: mostMissed + 1 },
    ranges: [
      { from: directs + since.slice(0, 6), to: afterPrefix(directs), most: mostMissed + 1 },
      { from: notifications + since.slice(0, 8), to: afterPrefix(notifications), most: mostMissed + 1 },
      { from: deletions + since, to: afterPrefix(deletions), most: 10 * mostMissed },
      lateSince(since, 10 * mostMissed),
    ],
  };
}

function resync(session: Session, moment: Moment): UserEffect {
  return { kind: 'push', sessions: [session.number], item: { kind: 'resync', version: moment.watermark } };
}

/** The answer to `gatherMissed`: the missed and what was held back, oldest first, each once. */
export function catchUp(
  state: UserState,
  gathered: Gathered,
  moment: Moment,
  read: PointReader,
): UserEffect[] {
  const session = state.catching.get(gathered.ticket);
  state.catching = without(state.catching, gathered.ticket);
  if (session === undefined || session.since === null || !state.sessions.includes(session)) return [];
  const { since, held } = session;
  session.since = null;
  session.held = null;
  const [directs = [], notifications = [], deletions = [], late = []] = gathered.found;
  const tooMuch =
    gathered.failed !== null ||
    gathered.statuses.length > mostMissed ||
    directs.length > mostMissed ||
    notifications.length > mostMissed ||
    deletions.length >= 10 * mostMissed ||
    late.length >= 10 * mostMissed ||
    (held?.length ?? 0) > mostHeld;
  if (tooMuch) return [resync(session, moment)];

  const missed = new Map<string, Item>();
  const add = (item: Item | null): void => {
    if (item !== null && item.version > since && wants(state, item, moment.nowMs))
      missed.set(itemKey(item), item);
  };
  for (const id of gathered.statuses) add(statusItem(id, read));
  for (const { key } of directs) add(statusItem(restOf(key) as StatusId, read));
  const clearedMs = clearedUpToMs(state.account, read);
  for (const found of notifications) add(notificationItem(state.account, found, clearedMs, read));
  for (const { key, value } of deletions) {
    const id = String.fromCharCode(...(value as Uint8Array)) as StatusId;
    add({ kind: 'removed', version: restOf(key) as Version, id, author: statusAuthor(id), isMention: false });
  }
  for (const fact of late.map(lateFactOf)) {
    if (fact.version > since) continue;
    const items = lateItems(state, fact, read);
    if (items === null) return [resync(session, moment)];
    for (const item of items) if (wants(state, item, moment.nowMs)) missed.set(itemKey(item), item);
  }
  // Somebody may have been unfollowed since it was held back.
  for (const item of held ?? []) if (wants(state, item, moment.nowMs)) missed.set(itemKey(item), item);

  const items = [...missed.values()].sort((one, other) => descending(other.version, one.version));
  // What is gathered from other machines may be ahead of what they have sent: what a session was shown is at home, too.
  for (const item of items) if (item.kind === 'status') enter(state, item.id);
  const last = items.at(-1);
  if (last !== undefined) session.caught = { keys: new Set(missed.keys()), upTo: last.version };
  return items.map((item) => ({ kind: 'push', sessions: [session.number], item }));
}

/**
 * To every session that has not had it; held back where one is catching up. What a session has caught up on comes again by the logs of
 * other machines, each in its own time: until the watermark says that all of it has, whatever newer things came first.
 */
export function pushItem(state: UserState, item: Item, moment: Moment, effects: UserEffect[]): void {
  if (state.sessions.length === 0) return;
  const numbers: number[] = [];
  for (const session of state.sessions) {
    if (session.held !== null) {
      if (session.held.length <= mostHeld) session.held.push(item);
      continue;
    }
    if (session.caught !== null) {
      if (session.caught.keys.has(itemKey(item))) continue;
      if (versionMs(moment.watermark) > versionMs(session.caught.upTo) + saidAgainMs) session.caught = null;
    }
    numbers.push(session.number);
  }
  if (numbers.length > 0) effects.push({ kind: 'push', sessions: numbers, item });
}

export function detach(state: UserState, ask: Ask<'detach'>): void {
  state.sessions = state.sessions.filter(({ number }) => number !== ask.session);
  for (const [ticket, session] of state.catching)
    if (session.number === ask.session) state.catching = without(state.catching, ticket);
}
