// What a stream tells: a core's push, without the sessions it is for. How it is written is streaming-event.ts's part.
import type { AccountRow, NotificationRow, Pushed, StatusRow } from '../actors/messages.ts';
import type { StatusId } from '../runtime/status-id.ts';
import { type Mark, markOf } from './session-had.ts';

export interface StatusRows {
  row: StatusRow;
  author: AccountRow;
  /** For a boost. */
  boosted: StatusRow | null;
  boostedAuthor: AccountRow | null;
}

export interface NotificationRows {
  notification: NotificationRow;
  account: AccountRow;
  status: StatusRow | null;
  author: AccountRow | null;
}

export type Told =
  | ({ kind: 'update' } & StatusRows)
  | { kind: 'deleted'; id: StatusId }
  | ({ kind: 'notified' } & NotificationRows)
  /** What was missed is unknown: read anew. */
  | { kind: 'resync' };

/** With the cursor that its client may resume from, and what tells it from others; a resync has the tick's cursor. */
export function toldBy(item: Pushed, tickCursor: string): { told: Told; cursor: string; mark: Mark | null } {
  if (item.kind === 'resync') return { told: { kind: 'resync' }, cursor: tickCursor, mark: null };
  const { cursor, version } = item;
  return { told: item, cursor, mark: markOf(keyOf(item), version ?? cursor, version != null) };
}

function keyOf(told: Exclude<Told, { kind: 'resync' }>): string {
  switch (told.kind) {
    case 'update':
      return told.row.id;
    case 'deleted':
      return `-${told.id}`;
    case 'notified':
      return `!${told.notification.id}`;
  }
}

/** The statuses that are shown in it. */
export function statusesIn(told: Told): StatusId[] {
  switch (told.kind) {
    case 'update':
      return told.boosted === null ? [told.row.id] : [told.row.id, told.boosted.id];
    case 'notified':
      return told.status === null ? [] : [told.status.id];
    case 'deleted':
    case 'resync':
      return [];
  }
}

/** Whose accounts are shown in it. */
export function accountsIn(told: Told): AccountRow[] {
  switch (told.kind) {
    case 'update':
      return told.boostedAuthor === null ? [told.author] : [told.author, told.boostedAuthor];
    case 'notified':
      return told.author === null ? [told.account] : [told.account, told.author];
    case 'deleted':
    case 'resync':
      return [];
  }
}
