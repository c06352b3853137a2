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
import { type AccountId, partitionOf } from '../runtime/account-id.ts';
import { type StatusId, statusAuthor } from '../runtime/status-id.ts';
import type { CacheMetrics } from './cache-metrics.ts';
import type { DeletedPosts } from './deleted-posts.ts';
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
  /** Null: there is no such account (any more). Throws an `unavailable` refusal when it has to ask and no core answers. */
  accounts(ids: readonly AccountId[], origin: string): Promise<(AccountFragment | null)[]>;
  /** Null: deleted, or its author is gone. Nobody has judged yet whether the viewer may see them. */
  statuses(ids: readonly StatusId[], origin: string): Promise<(StatusFragment | null)[]>;
  /** Counts how often something was lost. */
  readonly losses: number;
  /**
   * Takes in rows that a core's answer carried: at once, before any other wait. `losses` as it was when that was asked: who answered may
   * have been somebody else's predecessor by the time the answer came.
   */
  hold(rows: { status: StatusRow; author: AccountRow; losses: number }): void;
  /** Drops what changed. Hand it every `changed` of the core. */
  changed(changed: Pick<Changed, 'statuses' | 'accounts'>): void;
  /** Forgets the accounts of these partitions: hand it every `lost`. */
  lost(partitions: ReadonlySet<number>): void;
}

export interface FragmentsOptions {
  client: Pick<CoreClient, 'call' | 'covered'>;
  deleted: Pick<DeletedPosts, 'has'>;
  metrics: CacheMetrics;
  /** Held in rows with their fragments, about. */
  mostBytes: number;
}

interface ShownAccount extends AccountFragment {
  origin: string;
}

interface ShownStatus extends StatusFragment {
  origin: string;
  by: HeldAccount;
}

/** One use of the cache. */
interface Showing {
  origin: string;
  isCovered: (account: AccountId) => boolean;
}

type HeldAccount = Held<AccountRow, ShownAccount>;
type HeldStatus = Held<StatusRow, ShownStatus>;

/** Of the memory: what posts have. The rest is their authors', and other people's. */
const shareOfStatuses = 8 / 11;

export function createFragments(options: FragmentsOptions): Fragments {
  const { client, deleted, metrics, mostBytes } = options;
  const accountRows = new RowCache<AccountId, AccountRow, ShownAccount>({
    load: async (ids) => (await call('accounts', { ids })).rows,
    mostAsked: mostAccounts,
    mostBytes: Math.ceil(mostBytes * (1 - shareOfStatuses)),
    sizeOf: ({ note, fields }) => 2000 + 3 * note.length + 800 * fields.length,
  });
  const statusRows = new RowCache<StatusId, StatusRow, ShownStatus>({
    load: async (ids) => (await call('statuses', { ids })).rows,
    mostAsked: mostStatuses,
    mostBytes: Math.ceil(mostBytes * shareOfStatuses),
    sizeOf: ({ text, spoiler, mentions }) =>
      1500 + 3 * text.length + 2 * spoiler.length + 250 * mentions.length,
  });
  const counts = { hits: 0, misses: 0 };
  let losses = 0;
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

  function showAccount(held: HeldAccount, origin: string): ShownAccount {
    if (held.shown?.origin === origin) {
      counts.hits++;
      return held.shown;
    }
    counts.misses++;
    const json = Buffer.from(JSON.stringify(renderAccount(held.row, origin)));
    held.shown = { row: held.row, json, origin };
    return held.shown;
  }

  function showStatus(held: HeldStatus, by: HeldAccount, origin: string): ShownStatus {
    const author = showAccount(by, origin);
    const { row, shown } = held;
    if (shown?.origin === origin) {
      counts.hits++;
      // The post is as it was; its author is not.
      held.shown = { ...shown, author, by };
    } else {
      counts.misses++;
      held.shown = { row, ...renderHead(row, by.row, origin), author, by, origin };
    }
    return held.shown;
  }

  /** What is there to show at once: the hottest path of all reads. */
  function remembered(id: StatusId, { origin, isCovered }: Showing): ShownStatus | null {
    if (!isCovered(statusAuthor(id))) return null;
    const shown = statusRows.get(id)?.shown ?? null;
    if (shown === null || shown.origin !== origin || !shown.by.isKept) return null;
    accountRows.hits++;
    counts.hits += 2;
    return shown;
  }

  async function lookUp(
    ids: readonly StatusId[],
    { origin, isCovered }: Showing,
  ): Promise<Map<StatusId, ShownStatus>> {
    const posts = new Map<StatusId, HeldStatus | undefined>();
    for (const id of ids) posts.set(id, isCovered(statusAuthor(id)) ? statusRows.peek(id) : undefined);
    const authors = new Map<AccountId, HeldAccount | undefined>();
    for (const author of new Set(ids.map(statusAuthor)))
      authors.set(author, isCovered(author) ? accountRows.get(author) : undefined);
    const [fetchedPosts, fetchedAuthors] = await Promise.all([
      statusRows.fetch(absent(posts)),
      accountRows.fetch(absent(authors)),
    ]);
    const found = new Map<StatusId, ShownStatus>();
    for (const [id, known] of posts) {
      const author = statusAuthor(id);
      const held = known ?? fetchedPosts.get(id);
      const by = authors.get(author) ?? fetchedAuthors.get(author);
      if (held !== undefined && by !== undefined) found.set(id, showStatus(held, by, origin));
    }
    return found;
  }

  return {
    async accounts(ids, origin) {
      const isCovered = client.covered();
      const known = new Map<AccountId, HeldAccount | undefined>();
      for (const id of ids) known.set(id, isCovered(id) ? accountRows.get(id) : undefined);
      const missing = absent(known);
      const fetched = missing.length === 0 ? null : await accountRows.fetch(missing);
      return ids.map((id) => {
        const held = known.get(id) ?? fetched?.get(id);
        return held === undefined ? null : showAccount(held, origin);
      });
    },

    async statuses(ids, origin) {
      const showing = { origin, isCovered: client.covered() };
      const shown = ids.map((id) => remembered(id, showing));
      const missing = ids.filter((id, index) => shown[index] === null && !deleted.has(id));
      if (missing.length === 0) return shown;
      const found = await lookUp(missing, showing);
      // Some may have been deleted while others were waited for.
      return ids.map((id, index) => (deleted.has(id) ? null : (shown[index] ?? found.get(id) ?? null)));
    },

    get losses() {
      return losses;
    },

    hold({ status, author, losses: before }) {
      if (before !== losses) return;
      statusRows.hold(status.id, status);
      accountRows.hold(author.id, author);
    },

    changed({ statuses, accounts }) {
      statusRows.forget(statuses);
      accountRows.forget(accounts);
    },

    lost(partitions) {
      losses++;
      statusRows.forgetWhere((id) => partitions.has(partitionOf(statusAuthor(id))));
      accountRows.forgetWhere((id) => partitions.has(partitionOf(id)));
    },
  };
}

function renderHead(
  row: StatusRow,
  author: AccountRow,
  origin: string,
): Pick<StatusFragment, 'head' | 'bodyAt'> {
  if (row.boostOf !== null) return { head: Buffer.from(renderBoostHead(row, author, origin)), bodyAt: 0 };
  const { json, bodyAt } = renderStatusHead(row, author, origin);
  return { head: Buffer.from(json), bodyAt: Buffer.byteLength(json.slice(0, bodyAt)) };
}

function absent<Id>(known: ReadonlyMap<Id, unknown>): Id[] {
  return [...known].filter(([, held]) => held === undefined).map(([id]) => id);
}
