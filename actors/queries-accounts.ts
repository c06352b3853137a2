// Reads about accounts: rows, relationships, lists of followers and of those who liked something, notifications, search by name.
import type { AccountId } from '../runtime/account-id.ts';
import { firstAccountOf, partitionCount, serverAccount } from '../runtime/account-id.ts';
import type { Outcome, Reader } from '../runtime/behaviours.ts';
import { accountAt, accountKey, afterPrefix, type Key, keyOf, restOf } from '../runtime/key.ts';
import { descending, type StatusId, statusAuthor } from '../runtime/status-id.ts';
import { factKind, followFact, followRecord, statusRest } from './facts.ts';
import { type Answer, type Ask, hiddenFlag, relationBit } from './messages.ts';
import {
  clearedUpToMs,
  isDismissed,
  notificationOf,
  orderMs,
  parseOrder,
  printOrder,
} from './notifications.ts';
import { type Bounds, pageOf } from './pages.ts';
import { accountRowOf, followsNow, judge, mutesNow } from './rows.ts';
import { blocksNow } from './user-home.ts';
import { countsOf, orderOf, totalCount, totalsKey, utf8Key, viewKind, weekOf } from './views.ts';
import { wordsOf } from './words.ts';

const mostOfPage = 80;
/** Marks that are asked of other machines at once. */
const mostAhead = 1000;

function ok<T>(value: T): Outcome<T> {
  return { ok: true, value };
}

interface VersionPage {
  maxId: string | null;
  sinceId: string | null;
  minId: string | null;
}

/** A bound that is no number bounds nothing. */
function boundsOf({ maxId, sinceId, minId }: VersionPage): Bounds {
  const order = (id: string | null): string | null => (id === null ? null : parseOrder(id));
  return { max: order(maxId), since: order(sinceId), min: order(minId) };
}

interface Listed {
  order: string;
  account: AccountId;
}

function accountsPage(listed: Listed[]): Answer<'followers'> {
  return {
    accounts: listed.map(({ account }) => account),
    last: printed(listed.at(-1)),
    first: printed(listed[0]),
  };
}

function printed(of: { order: string } | undefined): string | null {
  return of === undefined ? null : printOrder(of.order);
}

/** Cuts a page out of records already in memory. */
function cut<T extends { order: string }>(records: T[], { max, since, min }: Bounds, limit: number): T[] {
  const above = min ?? since;
  const inside = records
    .filter(({ order }) => (max === null || order < max) && (above === null || order > above))
    .sort((one, other) => descending(one.order, other.order));
  return min === null ? inside.slice(0, limit) : inside.slice(-limit);
}

/** Facts of one kind about other accounts, in order of time. */
function relations(
  reader: Reader,
  ask: Ask<'following'>,
  kind: string,
  keep: (other: AccountId) => boolean,
): Answer<'following'> {
  const from = keyOf(ask.id, kind);
  const listed: Listed[] = [];
  for (const { key, version, value } of reader.facts({ from, to: afterPrefix(from), most: 1_000_000 })) {
    const account = accountAt(restOf(key));
    if (value !== null && keep(account)) listed.push({ order: orderOf(version), account });
  }
  return accountsPage(cut(listed, boundsOf(ask), Math.min(ask.limit, mostOfPage)));
}

function isThere(reader: Reader, id: AccountId): boolean {
  return accountRowOf(reader, id) !== null;
}

export function accounts(reader: Reader, ask: Ask<'accounts'>): Outcome<Answer<'accounts'>> {
  return ok({ rows: ask.ids.map((id) => accountRowOf(reader, id)) });
}

export function relationships(
  reader: Reader,
  { viewer, ids }: Ask<'relationships'>,
  nowMs: number,
): Outcome<Answer<'relationships'>> {
  const bitsOf = (id: AccountId): number => {
    let bits = 0;
    if (followsNow(viewer, id, reader)) {
      bits |= relationBit.following;
      const follow = reader.fact(followFact(viewer, id));
      if (follow !== null && followRecord.decode(follow.value).boosts) bits |= relationBit.showingBoosts;
    }
    if (followsNow(id, viewer, reader)) bits |= relationBit.followedBy;
    if (blocksNow(viewer, id, reader)) bits |= relationBit.blocking;
    if (blocksNow(id, viewer, reader)) bits |= relationBit.blockedBy;
    const mute = mutesNow(viewer, id, reader, nowMs);
    if (mute !== null)
      bits |= relationBit.muting | (mute.notifications ? relationBit.mutingNotifications : 0);
    return bits;
  };
  return ok({ bits: Uint8Array.from(ids.map(bitsOf)) });
}

export function followers(reader: Reader, ask: Ask<'followers'>): Outcome<Answer<'followers'>> {
  const prefix = keyOf(ask.id, viewKind.followerByTime);
  const listed = pageOf(reader, prefix, boundsOf(ask), Math.min(ask.limit, mostOfPage), ({ key }) => {
    const rest = restOf(key);
    const account = accountAt(rest, 8);
    return isThere(reader, account) ? { order: rest.slice(0, 8), account } : null;
  });
  return ok(accountsPage(listed));
}

export function following(reader: Reader, ask: Ask<'following'>): Outcome<Answer<'following'>> {
  return ok(
    relations(
      reader,
      ask,
      factKind.follow,
      (other) => followsNow(ask.id, other, reader) && isThere(reader, other),
    ),
  );
}

export function blocked(reader: Reader, ask: Ask<'blocked'>): Outcome<Answer<'blocked'>> {
  return ok(relations(reader, ask, factKind.block, (other) => isThere(reader, other)));
}

export function muted(reader: Reader, ask: Ask<'muted'>, nowMs: number): Outcome<Answer<'muted'>> {
  return ok(
    relations(
      reader,
      ask,
      factKind.mute,
      (other) => mutesNow(ask.id, other, reader, nowMs) !== null && isThere(reader, other),
    ),
  );
}

export function favouritedBy(reader: Reader, ask: Ask<'favouritedBy'>): Outcome<Answer<'favouritedBy'>> {
  const prefix = keyOf(statusAuthor(ask.id), viewKind.favouritedBy, statusRest(ask.id));
  const listed = pageOf(reader, prefix, boundsOf(ask), Math.min(ask.limit, mostOfPage), ({ key }) => {
    const rest = key.slice(prefix.length);
    const account = accountAt(rest, 8);
    if (ask.viewer !== null && isBlockBetween(reader, ask.viewer, account)) return null;
    return isThere(reader, account) ? { order: rest.slice(0, 8), account } : null;
  });
  return ok(accountsPage(listed));
}

function isBlockBetween(reader: Reader, one: AccountId, other: AccountId): boolean {
  return blocksNow(one, other, reader) || blocksNow(other, one, reader);
}

export function boostedBy(
  reader: Reader,
  ask: Ask<'boostedBy'>,
  nowMs: number,
): Outcome<Answer<'boostedBy'>> {
  const prefix = keyOf(statusAuthor(ask.id), viewKind.boostedBy, statusRest(ask.id));
  const listed = pageOf(reader, prefix, boundsOf(ask), Math.min(ask.limit, mostOfPage), ({ key }) => {
    const boost = key.slice(prefix.length) as StatusId;
    // A boost is for fewer than its post, or for other people.
    if (judge(reader, ask.viewer, boost, nowMs) === hiddenFlag) return null;
    return { order: boost.slice(0, 8), account: statusAuthor(boost) };
  });
  return ok(accountsPage(listed));
}

export function marked(reader: Reader, ask: Ask<'marked'>, nowMs: number): Outcome<Answer<'marked'>> {
  const from = keyOf(ask.viewer, ask.mark === 'favourite' ? factKind.favourite : factKind.bookmark);
  const listed: { order: string; id: StatusId }[] = [];
  for (const { key, version, value } of reader.facts({ from, to: afterPrefix(from), most: 1_000_000 })) {
    if (value !== null) listed.push({ order: orderOf(version), id: restOf(key) as StatusId });
  }
  const bounds = boundsOf(ask);
  const limit = Math.min(ask.limit, mostOfPage);
  const within = cut(listed, bounds, listed.length);
  const page: typeof listed = [];
  let lookedAt = 0;
  let known = 0;
  // From the end that the page is at, and no more than it takes.
  for (const one of bounds.min === null ? within : within.reverse()) {
    if (reader.lacks !== true) known = lookedAt;
    // Of other machines each run asks for as many more as were known before it: few runs are enough.
    else if (lookedAt > Math.max(2 * limit, Math.min(2 * known, known + mostAhead))) break;
    if (page.length === limit && reader.lacks !== true) break;
    lookedAt++;
    if (judge(reader, ask.viewer, one.id, nowMs) !== hiddenFlag && page.length < limit) page.push(one);
  }
  if (bounds.min !== null) page.reverse();
  return ok({ ids: page.map(({ id }) => id), last: printed(page.at(-1)), first: printed(page[0]) });
}

export function notifications(
  reader: Reader,
  ask: Ask<'notifications'>,
  nowMs: number,
): Outcome<Answer<'notifications'>> {
  const { viewer } = ask;
  const upToMs = clearedUpToMs(viewer, reader);
  const rows = pageOf(
    reader,
    keyOf(viewer, viewKind.notification),
    boundsOf(ask),
    Math.min(ask.limit, mostOfPage),
    (found) => {
      const row = notificationOf(found);
      if (orderMs(restOf(found.key)) <= upToMs) return null;
      if (ask.kinds.length > 0 && !ask.kinds.includes(row.kind)) return null;
      if (ask.from !== null && row.from !== ask.from) return null;
      if (isDismissed(viewer, row.id, reader)) return null;
      if (isBlockBetween(reader, viewer, row.from)) return null;
      if (mutesNow(viewer, row.from, reader, nowMs)?.notifications === true || !isThere(reader, row.from))
        return null;
      return row.status !== null && judge(reader, viewer, row.status, nowMs) === hiddenFlag ? null : row;
    },
  );
  return ok({ rows });
}

/** Names looked at for one search. */
const mostNames = 2000;

export function searchAccounts(
  reader: Reader,
  ask: Ask<'searchAccounts'>,
): Outcome<Answer<'searchAccounts'>> {
  const [first, ...others] = wordsOf(ask.q);
  if (first === undefined) return ok({ accounts: [] });
  const prefix = keyOf(serverAccount, viewKind.accountWord, utf8Key(first));
  const scores = new Map<AccountId, number>();
  for (const { key } of reader.views({ from: prefix, to: afterPrefix(prefix), most: mostNames })) {
    const account = accountAt(key, key.length - accountKey(serverAccount).length);
    const row = scores.has(account) ? null : accountRowOf(reader, account);
    if (row === null) continue;
    const handle = row.handle.toLowerCase();
    const words = [handle, ...wordsOf(row.displayName)];
    if (!others.every((other) => words.some((word) => word.startsWith(other)))) continue;
    if (ask.following && ask.viewer !== null && !followsNow(ask.viewer, account, reader)) continue;
    const rank = handle === first ? 2e15 : handle.startsWith(first) ? 1e15 : 0;
    scores.set(account, rank + row.followers);
  }
  const ranked = [...scores].sort(([one, high], [other, low]) => low - high || one - other);
  return ok({
    accounts: ranked
      .slice(ask.offset, ask.offset + Math.min(ask.limit, mostOfPage))
      .map(([account]) => account),
  });
}

const activeWeeks = 4;
const weekMs = 7 * 24 * 3600 * 1000;

export function instance(reader: Reader, _ask: Ask<'instance'>, nowMs: number): Outcome<Answer<'instance'>> {
  let users = 0;
  let statuses = 0;
  const serves = (account: AccountId): boolean => reader.serves?.(account) ?? true;
  for (let partition = 0; partition < partitionCount; partition++) {
    if (!serves(firstAccountOf(partition))) continue;
    const totals = countsOf(reader.view(totalsKey(partition)));
    users += totals[totalCount.users] ?? 0;
    statuses += totals[totalCount.statuses] ?? 0;
  }
  const active = new Set<AccountId>();
  for (let week = 0; week < activeWeeks; week++) {
    const from: Key = keyOf(serverAccount, viewKind.week, weekOf(nowMs - week * weekMs));
    for (const { key } of reader.views({ from, to: afterPrefix(from), most: 1_000_000 })) {
      const account = accountAt(restOf(key), 2);
      if (serves(account)) active.add(account);
    }
  }
  return ok({ users, statuses, activeMonth: active.size });
}
