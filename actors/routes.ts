// Where a committed fact goes: to the author's followers, to the account it is addressed to, to those who listen to a topic.
import type { AccountId } from '../runtime/account-id.ts';
import { isAccountId } from '../runtime/account-id.ts';
import type { Entry, Route, Touched } from '../runtime/behaviours.ts';
import { accountAt, type Key, kindOf, restOf } from '../runtime/key.ts';
import { type StatusId, statusAuthor } from '../runtime/status-id.ts';
import type { Version } from '../runtime/version.ts';
import { factKind, followRecord } from './facts.ts';
import type { Item } from './items.ts';
import type { NotificationRow } from './messages.ts';
import { notificationVersion, orderMs, printOrder } from './notifications.ts';
import { type StatusRecord, statusOfWire } from './status-record.ts';
import { tagsOf } from './text.ts';
import { orderOf, statusOfKey } from './views.ts';

type To = Route<Item>;

function notify(
  account: AccountId,
  version: Version,
  about: { kind: NotificationRow['kind']; from: AccountId; status: StatusId | null },
): To[] {
  if (account === about.from) return [];
  const order = orderOf(version);
  const row: NotificationRow = { id: printOrder(order), createdMs: orderMs(order), ...about };
  return [
    { kind: 'account', account, item: { kind: 'notification', version: notificationVersion(order), row } },
  ];
}

/** The topics of a status: `public`, and `tag:name` for each of its tags. None unless it is a public post. */
export function topicsOf(id: StatusId, status: StatusRecord): string[] {
  if (status.kind === 'boost' || status.visibility !== 'public') return [];
  const topics = tagsOf(status.text).map((tag) => `tag:${tag}`);
  if (status.replyTo === null || statusAuthor(status.replyTo) === statusAuthor(id)) topics.push('public');
  return topics;
}

function routeStatus(entry: Entry): To[] {
  const id = statusOfKey(entry.key);
  const author = statusAuthor(id);
  const { version } = entry;
  if (entry.value === null) return routeRemoved(entry, id);
  const status = statusOfWire(entry.value);
  const item: Item = {
    kind: 'status',
    version,
    id,
    author,
    boostOf: status.kind === 'boost' ? status.of : null,
  };
  const routes: To[] = [];
  if (status.kind === 'boost') {
    routes.push({ kind: 'followers', author, item });
    routes.push(
      ...notify(statusAuthor(status.of), version, { kind: 'reblog', from: author, status: status.of }),
    );
    return routes;
  }
  const mentioned = new Set(status.mentions.map(({ account }) => account));
  if (status.visibility === 'direct') {
    for (const account of new Set([author, ...mentioned])) routes.push({ kind: 'account', account, item });
  } else {
    routes.push({ kind: 'followers', author, item });
  }
  for (const account of mentioned)
    routes.push(...notify(account, version, { kind: 'mention', from: author, status: id }));
  const topics = topicsOf(id, status);
  if (topics.length > 0) routes.push({ kind: 'topics', topics, item });
  return routes;
}

function routeRemoved({ version, before }: Entry, id: StatusId): To[] {
  const author = statusAuthor(id);
  const item: Item = { kind: 'removed', version, id, author, isMention: false };
  const routes: To[] = [{ kind: 'followers', author, item }];
  // Of other machines' authors nobody here knows what it was. Whom it named has it as a guest.
  if (before === null) return routes;
  if (before.value === null) return [];
  const status = statusOfWire(before.value);
  if (status.kind === 'boost') return routes;
  for (const { account } of status.mentions) {
    if (account !== author) routes.push({ kind: 'account', account, item: { ...item, isMention: true } });
  }
  const topics = topicsOf(id, status);
  if (topics.length > 0) routes.push({ kind: 'topics', topics, item });
  return routes;
}

export function route(entry: Entry): To[] {
  const account = accountAt(entry.key);
  if (!entry.live) {
    if (kindOf(entry.key) !== factKind.status) return [];
    return [{ kind: 'followers', author: account, item: { kind: 'backfilled', version: entry.version } }];
  }
  switch (kindOf(entry.key)) {
    case factKind.status:
      return routeStatus(entry);
    case factKind.follow:
      if (entry.value === null || followRecord.decode(entry.value).quiet || entry.before?.value) return [];
      return notify(accountAt(restOf(entry.key)), entry.version, {
        kind: 'follow',
        from: account,
        status: null,
      });
    case factKind.favourite: {
      if (entry.value === null) return [];
      const id = restOf(entry.key) as StatusId;
      return notify(statusAuthor(id), entry.version, { kind: 'favourite', from: account, status: id });
    }
    case factKind.block: {
      const item: Item = { kind: 'blocked', version: entry.version, by: account, on: entry.value !== null };
      return [{ kind: 'account', account: accountAt(restOf(entry.key)), item }];
    }
    default:
      return [];
  }
}

/** Whose rows a fact changes, for caches that hold them. */
export function touched(entry: Entry): Touched {
  const account = accountAt(entry.key);
  switch (kindOf(entry.key)) {
    case factKind.status: {
      const id = statusOfKey(entry.key);
      const about = statusAbout(entry);
      return { statuses: about === null ? [id] : [id, about], accounts: [account] };
    }
    case factKind.favourite:
      return { statuses: [restOf(entry.key) as StatusId], accounts: [] };
    case factKind.follow:
      return { statuses: [], accounts: [account, accountAt(restOf(entry.key))] };
    case factKind.block:
      return { statuses: [], accounts: [account, accountAt(restOf(entry.key))] };
    case factKind.account:
      return { statuses: [], accounts: [account] };
    default:
      return { statuses: [], accounts: [] };
  }
}

/** The status that this one answers or boosts: its counts change. */
function statusAbout(entry: Entry): StatusId | null {
  const wire = entry.value ?? entry.before?.value ?? null;
  if (wire === null) return null;
  const status = statusOfWire(wire);
  return status.kind === 'boost' ? status.of : status.replyTo;
}

/** The id of a status that an author's followers may see; direct ones are found by those they name. */
export function listed(key: Key, value: unknown): StatusId | null {
  if (kindOf(key) !== factKind.status || value === null || !isAccountId(accountAt(key))) return null;
  return statusOfWire(value).visibility === 'direct' ? null : statusOfKey(key);
}
