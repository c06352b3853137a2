// Rows for pushes: what a gateway needs to show an item, read from what is committed.
import type { Item } from '../actors/items.ts';
import type { AccountRow, Answer, Pushed, StatusRow } from '../actors/messages.ts';
import type { AccountId } from '../runtime/account-id.ts';
import type { Outcome, Reader } from '../runtime/behaviours.ts';
import { type StatusId, statusAuthor } from '../runtime/status-id.ts';

/** The product's two queries for rows, typed. */
export interface RowQueries {
  statuses(reader: Reader, ask: { ids: StatusId[] }): Outcome<Answer<'statuses'>>;
  accounts(reader: Reader, ask: { ids: AccountId[] }): Outcome<Answer<'accounts'>>;
}

/** What one gateway gets of an item, from the sessions and topics it is for there. */
export type PushRenderer = (share: {
  sessions: Uint8Array;
  topics: string[];
  cursor: string;
  version: string | null;
}) => Pushed;

export class CoreRows {
  readonly #reader: Reader;
  readonly #queries: () => RowQueries;

  constructor(reader: Reader, queries: () => RowQueries) {
    this.#reader = reader;
    this.#queries = queries;
  }

  /** The same of another reader. */
  over(reader: Reader): CoreRows {
    return new CoreRows(reader, this.#queries);
  }

  status(id: StatusId): StatusRow | null {
    const found = this.#queries().statuses(this.#reader, { ids: [id] });
    return found.ok ? (found.value.rows[0] ?? null) : null;
  }

  account(id: AccountId): AccountRow | null {
    const found = this.#queries().accounts(this.#reader, { ids: [id] });
    return found.ok ? (found.value.rows[0] ?? null) : null;
  }

  /** The answer to `publish` with its rows: what its author is shown next. */
  published(outcome: Outcome<unknown>): Outcome<unknown> {
    if (!outcome.ok) return outcome;
    const { id, repeated } = outcome.value as Answer<'publish'>;
    const value: Answer<'publish'> = {
      id,
      repeated,
      row: this.status(id),
      author: this.account(statusAuthor(id)),
    };
    return { ok: true, value };
  }

  /** Null when there is nothing to show any more. */
  push(item: Item): PushRenderer | null {
    switch (item.kind) {
      case 'status':
        return this.#update(item.id);
      case 'removed':
        return (share) => ({ kind: 'deleted', id: item.id, ...share });
      case 'notification':
        return this.#notified(item);
      case 'resync':
        return ({ sessions }) => ({ kind: 'resync', sessions });
      case 'blocked':
      case 'backfilled':
        return null;
    }
  }

  #update(id: StatusId): PushRenderer | null {
    const row = this.status(id);
    const author = this.account(statusAuthor(id));
    if (row === null || author === null) return null;
    if (row.boostOf === null) {
      return (share) => ({ kind: 'update', row, author, boosted: null, boostedAuthor: null, ...share });
    }
    const boosted = this.status(row.boostOf);
    const boostedAuthor = this.account(statusAuthor(row.boostOf));
    if (boosted === null || boostedAuthor === null) return null;
    return (share) => ({ kind: 'update', row, author, boosted, boostedAuthor, ...share });
  }

  #notified({ row: notification }: Extract<Item, { kind: 'notification' }>): PushRenderer | null {
    const account = this.account(notification.from);
    if (account === null) return null;
    const status = notification.status === null ? null : this.status(notification.status);
    if (notification.status !== null && status === null) return null;
    const author = status === null ? null : this.account(statusAuthor(status.id));
    return ({ sessions, cursor, version }) => ({
      kind: 'notified',
      notification,
      account,
      status,
      author,
      sessions,
      cursor,
      version,
    });
  }
}
