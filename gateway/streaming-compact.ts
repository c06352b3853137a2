// The subprotocol `murmuration.compact.v1`: events as msgpack lists, about a tenth of their JSON. Only the server speaks it; clients send text.
//
//   [1, stream, cursor, status]        an update
//   [2, stream, cursor, id]            a delete
//   [3, stream, cursor, notification]  a notification
//   [4, stream, cursor]                a resync: read the timeline anew
//   [5, code, message]                 a refused command
//   [6, stream, cursor]                the start of a stream that was asked for with an empty `since`
//
//   stream        ["user"], ["hashtag", "x"]: as in the JSON form
//   cursor        what to resume from; nil on streams that cannot be resumed
//   status        [id, account, createdMs, text, visibility, spoiler, sensitive, language, inReplyToId, mentions, boosted]
//                 text as written, not HTML; mentions [[id, handle], ...]; boosted is a status or nil
//   notification  [id, type, createdMs, account, status]
//   account       [id, handle, displayName, note, bot, locked, createdMs] the first time on a socket, its id alone from then on
//                 (a socket that has had 2,000 is sent them anew, and so is an account that changes)
//
// Ids are decimal strings, as everywhere. New fields are added at the end of a list.
import { Packr } from 'msgpackr';
import type { AccountRow, StatusRow } from '../actors/messages.ts';
import { printStatusId, statusMs } from '../runtime/status-id.ts';
import type { Refusal } from './streaming-protocol.ts';
import type { NotificationRows, StatusRows, Told } from './streaming-told.ts';

const packr = new Packr({ useRecords: false });

const code = { update: 1, deleted: 2, notified: 3, resync: 4, refused: 5, start: 6 } as const;

export interface CompactEvent {
  told: Told;
  cursor: string | null;
  /** The stream's name as JSON. */
  label: string;
}

/** `brief`: the accounts in it are known to the socket, and named by id alone. */
export function compactFrame({ told, cursor, label }: CompactEvent, brief: boolean): Uint8Array {
  const head = [code[told.kind], JSON.parse(label), cursor];
  switch (told.kind) {
    case 'update':
      return packr.pack([...head, compactStatus(told, brief)]);
    case 'deleted':
      return packr.pack([...head, printStatusId(told.id)]);
    case 'notified':
      return packr.pack([...head, compactNotification(told, brief)]);
    case 'resync':
      return packr.pack(head);
  }
}

export function compactStart(label: string, cursor: string): Uint8Array {
  return packr.pack([code.start, JSON.parse(label), cursor]);
}

export function compactRefusal({ status, error }: Refusal): Uint8Array {
  return packr.pack([code.refused, status, error]);
}

function compactStatus({ row, author, boosted, boostedAuthor }: StatusRows, brief: boolean): unknown[] {
  const mentions = row.mentions.map(({ account, handle }) => [String(account), handle]);
  const original = boosted !== null && boostedAuthor !== null ? plainRows(boosted, boostedAuthor) : null;
  return [
    printStatusId(row.id),
    compactAccount(author, brief),
    statusMs(row.id),
    row.text,
    row.visibility,
    row.spoiler,
    row.sensitive,
    row.language,
    row.replyTo === null ? null : printStatusId(row.replyTo),
    mentions,
    original === null ? null : compactStatus(original, brief),
  ];
}

function compactNotification(
  { notification, account, status, author }: NotificationRows,
  brief: boolean,
): unknown[] {
  return [
    notification.id,
    notification.kind,
    notification.createdMs,
    compactAccount(account, brief),
    status === null || author === null ? null : compactStatus(plainRows(status, author), brief),
  ];
}

function compactAccount(row: AccountRow, brief: boolean): unknown {
  const id = String(row.id);
  if (brief) return id;
  return [id, row.handle, row.displayName, row.note, row.bot, row.locked, row.createdMs];
}

function plainRows(row: StatusRow, author: AccountRow): StatusRows {
  return { row, author, boosted: null, boostedAuthor: null };
}
