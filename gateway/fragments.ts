// Rendered accounts and statuses, without what depends on the viewer: made once, shown to everybody, dropped when the core says so.
import {
  type AccountRow,
  type Answer,
  type Ask,
  type Changed,
  mostAccounts,
  mostStatuses,
  type RequestKind,
  type StatusRow,
} from '../actors/messages.ts';
import type { CoreClient } from '../cluster/core-client.ts';
import type { AccountId } from '../runtime/account-id.ts';
import { type StatusId, statusAuthor } from '../runtime/status-id.ts';
import type { CacheMetrics } from './cache-metrics.ts';
import { Refusal } from './refusal.ts';
import { renderAccount } from './render-account.ts';
import { renderBoostHead, renderStatusHead } from './render-status.ts';
import { type Held, RowCache } from './row-cache.ts';

/** An account and its JSON. */
export interface AccountFragment {
  row: AccountRow;
  json: Uint8Array;
}

/** A status, its JSON up to the account, and the account. */
export interface StatusFragment {
  row: StatusRow;
  head: Uint8Array;
  /** Where in `head` the part begins that a boost of it repeats. */
  bodyAt: number;
  author: AccountFragment;
}

export interface Fragments {
  /** Null: there is no such account (any more). Throws an `unavailable` refusal without a core. */
  accounts(ids: readonly AccountId[], origin: string): Promise<(AccountFragment | null)[]>;
  /** Null: deleted, or its author is gone. Nobody has judged yet whether the viewer may see them. */
  statuses(ids: readonly StatusId[], origin: string): Promise<(StatusFragment | null)[]>;
  /** Drops what changed. Hand it every `changed` of the core. */
  changed(changed: Pick<Changed, 'statuses' | 'accounts'>): void;
  /** Forgets all: hand it every `down`. */
  clear(): void;
}

export interface FragmentsOptions {
  client: Pick<CoreClient, 'call' | 'isUp'>;
  metrics: CacheMetrics;
  /** About. */
  mostStatusBytes?: number;
  /** About. */
  mostAccountBytes?: number;
}

const mebibyte = 1024 * 1024;

export function createFragments(options: FragmentsOptions): Fragments {
  const { client, metrics, mostStatusBytes = 128 * mebibyte, mostAccountBytes = 48 * mebibyte } = options;
  const accountRows = new RowCache<AccountId, AccountRow>({
    load: async (ids) => (await call('accounts', { ids })).rows,
    mostAsked: mostAccounts,
    mostBytes: mostAccountBytes,
    sizeOf: ({ note, fields }) => 2000 + 3 * note.length + 800 * fields.length,
  });
  const statusRows = new RowCache<StatusId, StatusRow>({
    load: async (ids) => (await call('statuses', { ids })).rows,
    mostAsked: mostStatuses,
    mostBytes: mostStatusBytes,
    sizeOf: ({ text, spoiler, mentions }) =>
      2000 + 4 * text.length + 2 * spoiler.length + 250 * mentions.length,
  });
  const counts = { hits: 0, misses: 0 };
  metrics.lookups('row', accountRows);
  metrics.lookups('row', statusRows);
  metrics.lookups('fragment', counts);
  metrics.bytes('accounts', () => accountRows.bytes);
  metrics.bytes('statuses', () => statusRows.bytes);

  /** Not counted against anybody's limit: one answer serves many. */
  async function call<K extends RequestKind>(kind: K, ask: Ask<K>): Promise<Answer<K>> {
    const answered = await client.call(kind, ask);
    if (!answered.ok) throw new Refusal(answered.rejection);
    return answered.value;
  }

  function demandLease(): void {
    if (!client.isUp) throw new Refusal({ code: 'unavailable', message: 'The core cannot be reached' });
  }

  function rendered<Row>(held: Held<Row>, origin: string, render: () => { json: string; at: number }): void {
    if (held.origin === origin) {
      counts.hits++;
      return;
    }
    counts.misses++;
    const { json, at } = render();
    held.bytes = Buffer.from(json);
    held.at = at === 0 ? 0 : Buffer.byteLength(json.slice(0, at));
    held.origin = origin;
  }

  function accountFragment(held: Held<AccountRow>, origin: string): AccountFragment {
    rendered(held, origin, () => ({ json: JSON.stringify(renderAccount(held.row, origin)), at: 0 }));
    return { row: held.row, json: held.bytes };
  }

  function statusFragment(held: Held<StatusRow>, author: Held<AccountRow>, origin: string): StatusFragment {
    rendered(held, origin, () => {
      if (held.row.boostOf !== null) return { json: renderBoostHead(held.row, author.row, origin), at: 0 };
      const { json, bodyAt } = renderStatusHead(held.row, author.row, origin);
      return { json, at: bodyAt };
    });
    return { row: held.row, head: held.bytes, bodyAt: held.at, author: accountFragment(author, origin) };
  }

  return {
    async accounts(ids, origin) {
      demandLease();
      const found = ids.map((id) => accountRows.get(id));
      const missing = ids.filter((_, index) => found[index] === undefined);
      const fetched = missing.length === 0 ? null : await accountRows.fetch(missing);
      return ids.map((id, index) => {
        const held = found[index] ?? fetched?.get(id);
        return held === undefined ? null : accountFragment(held, origin);
      });
    },

    async statuses(ids, origin) {
      demandLease();
      const found = ids.map((id) => statusRows.get(id));
      const authors = ids.map((id) => accountRows.get(statusAuthor(id)));
      const missing = ids.filter((_, index) => found[index] === undefined);
      const missingAuthors = ids.map(statusAuthor).filter((_, index) => authors[index] === undefined);
      const [fetched, fetchedAuthors] =
        missing.length + missingAuthors.length === 0
          ? [null, null]
          : await Promise.all([statusRows.fetch(missing), accountRows.fetch(missingAuthors)]);
      return ids.map((id, index) => {
        const held = found[index] ?? fetched?.get(id);
        const author = authors[index] ?? fetchedAuthors?.get(statusAuthor(id));
        return held === undefined || author === undefined ? null : statusFragment(held, author, origin);
      });
    },

    changed({ statuses, accounts }) {
      statusRows.forget(statuses);
      accountRows.forget(accounts);
    },

    clear() {
      statusRows.clear();
      accountRows.clear();
    },
  };
}
