// What a session has missed, as items: statuses, notifications, and what came late, with a version below the session's cursor.
import type { AccountId } from '../runtime/account-id.ts';
import type { FoundView, PointReader, StoredFact } from '../runtime/behaviours.ts';
import { keyOf, kindOf, restOf } from '../runtime/key.ts';
import type { LateFact } from '../runtime/late-facts.ts';
import { type StatusId, statusAuthor } from '../runtime/status-id.ts';
import { factKind, statusFact } from './facts.ts';
import type { Item } from './items.ts';
import { clearedUpToMs, isDismissed, notificationOf, notificationVersion } from './notifications.ts';
import { listed } from './routes.ts';
import { statusOf } from './status-record.ts';
import type { UserState } from './user-state.ts';
import { statusOfKey, viewKind } from './views.ts';

/** Many sessions miss the same status when a core starts anew: they share one item, so that its rows travel once a tick. */
const shared = new WeakMap<StoredFact, Item>();

export function statusItem(id: StatusId, read: PointReader): Item | null {
  const fact = read.fact(statusFact(id));
  const status = statusOf(fact);
  if (fact === null || status === null) return null;
  const known = shared.get(fact);
  if (known !== undefined) return known;
  const item: Item = {
    kind: 'status',
    version: fact.version,
    id,
    author: statusAuthor(id),
    boostOf: status.kind === 'boost' ? status.of : null,
  };
  shared.set(fact, item);
  return item;
}

/** Null when it was cleared (`clearedMs`: up to when those are) or dismissed. */
export function notificationItem(
  account: AccountId,
  found: FoundView,
  clearedMs: number,
  read: PointReader,
): Item | null {
  const row = notificationOf(found);
  if (row.createdMs <= clearedMs || isDismissed(account, row.id, read)) return null;
  return { kind: 'notification', version: notificationVersion(restOf(found.key)), row };
}

/** What follows from it for this user. Null: it is not here to look at, and may concern the user. */
export function lateItems(state: UserState, { key, version }: LateFact, read: PointReader): Item[] | null {
  const { account, followees } = state;
  const items: Item[] = [];
  const notification = keyOf(account, viewKind.notification, version);
  const value = read.view(notification) ?? null;
  if (value !== null) {
    const clearedMs = clearedUpToMs(account, read);
    const notified = notificationItem(account, { key: notification, value }, clearedMs, read);
    if (notified !== null) items.push(notified);
  }
  if (kindOf(key) !== factKind.status) return items;
  const id = statusOfKey(key);
  const fact = read.fact(key);
  if (fact === null) return followees.has(statusAuthor(id)) ? null : items;
  if (fact.value === null) {
    items.push({ kind: 'removed', version: fact.version, id, author: statusAuthor(id), isMention: false });
    return items;
  }
  const isForUser =
    listed(key, fact.value) !== null || read.view(keyOf(account, viewKind.direct, id)) !== undefined;
  const item = isForUser ? statusItem(id, read) : null;
  if (item !== null) items.push(item);
  return items;
}
