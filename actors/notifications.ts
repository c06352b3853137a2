// Notifications: rows made from the views that follow from follows, mentions, favourites and boosts.
import { type AccountId, accountIdCodec } from '../runtime/account-id.ts';
import type { FoundView, PointReader } from '../runtime/behaviours.ts';
import { optional } from '../runtime/codec.ts';
import { keyOf, restOf } from '../runtime/key.ts';
import { statusIdCodec } from '../runtime/status-id.ts';
import type { Version } from '../runtime/version.ts';
import { clearedRecord, factKind } from './facts.ts';
import { type NotificationRow, notificationKind } from './messages.ts';

const status = optional(statusIdCodec);

/** 8 characters (ms, counter) as the decimal number clients see. */
export function printOrder(order: string): string {
  let value = 0n;
  for (let at = 0; at < 8; at++) value = (value << 8n) | BigInt(order.charCodeAt(at));
  return value.toString();
}

/** Null when the text is no number of 64 bits. */
export function parseOrder(decimal: string): string | null {
  if (!/^[0-9]{1,20}$/.test(decimal)) return null;
  const value = BigInt(decimal);
  if (value >> 64n !== 0n) return null;
  let order = '';
  for (let shift = 56n; shift >= 0n; shift -= 8n)
    order += String.fromCharCode(Number((value >> shift) & 255n));
  return order;
}

export function orderMs(order: string): number {
  let ms = 0;
  for (let at = 0; at < 6; at++) ms = ms * 256 + order.charCodeAt(at);
  return ms;
}

export function notificationOf({ key, value }: FoundView): NotificationRow {
  const [kind, from, about] = value as unknown[];
  const order = restOf(key).slice(0, 8);
  return {
    id: printOrder(order),
    kind: notificationKind.decode(kind),
    from: accountIdCodec.decode(from),
    status: status.decode(about),
    createdMs: orderMs(order),
  };
}

/**
 * The version a notification's item carries: just below that of the fact that caused it, which may be a status for the same
 * session. So each has a place of its own in the stream, and a cursor can stand between them.
 */
export function notificationVersion(order: string): Version {
  return `${order.slice(0, 8)}\0\0\0\0` as Version;
}

/** Notifications up to this time have been cleared; -1: none ever. */
export function clearedUpToMs(account: AccountId, read: PointReader): number {
  const fact = read.fact(keyOf(account, factKind.cleared));
  return fact === null || fact.value === null ? -1 : clearedRecord.decode(fact.value).upToMs;
}

export function isDismissed(account: AccountId, id: string, read: PointReader): boolean {
  const fact = read.fact(keyOf(account, factKind.dismissed, id));
  return fact !== null && fact.value !== null;
}
