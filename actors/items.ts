// Items: what the log's entries become on their way to actors, sessions and topics.
import type { AccountId } from '../runtime/account-id.ts';
import type { StatusId } from '../runtime/status-id.ts';
import type { Version } from '../runtime/version.ts';
import type { NotificationRow } from './messages.ts';

export type Item =
  /** A post, or a boost of `boostOf`. */
  | { kind: 'status'; version: Version; id: StatusId; author: AccountId; boostOf: StatusId | null }
  /** `isMention`: sent to somebody whom the deleted status named. */
  | { kind: 'removed'; version: Version; id: StatusId; author: AccountId; isMention: boolean }
  | { kind: 'notification'; version: Version; row: NotificationRow }
  /** Somebody blocked (or no longer blocks) the receiver. */
  | { kind: 'blocked'; version: Version; by: AccountId; on: boolean }
  /** Posts of before were brought in, among those that are there: nobody is told, but a timeline is to hold them. */
  | { kind: 'backfilled'; version: Version }
  /** What was missed is unknown: the session's client must read anew. */
  | { kind: 'resync'; version: Version };

/** What tells one item from another in a session's stream. */
export function itemKey(item: Item): string {
  switch (item.kind) {
    case 'status':
      return `s${item.id}`;
    case 'removed':
      return `r${item.id}`;
    case 'notification':
      return `n${item.row.id}`;
    case 'blocked':
      return `b${item.version}`;
    case 'backfilled':
    case 'resync':
      return item.kind;
  }
}
