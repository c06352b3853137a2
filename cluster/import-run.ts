// The import itself: accounts, follows and posts through a core, many requests at once, and safe to run again.
import type { AccountRow, Answer, Ask, RequestKind } from '../actors/messages.ts';
import type { AccountId } from '../runtime/account-id.ts';
import { accountIdOf } from '../runtime/handle.ts';
import { CommandFault } from './command-fault.ts';
import type { CoreClient } from './core-client.ts';
import { type Graph, targetsOf } from './import-graph.ts';
import {
  type ImportedPost,
  importedSinceMs,
  isImported,
  postCount,
  postsOf,
  type TextOf,
} from './import-posts.ts';

export interface ImportPlan {
  graph: Graph;
  /** Of an account by its number; null: no posts. */
  textsOf: ((account: number) => TextOf) | null;
  /** How many an account posts, on average. */
  meanPosts: number;
  /** Null: none is set. */
  displayNameOf: ((account: number) => string) | null;
}

export interface Tally {
  /** In the plan. */
  asked: number;
  /** Made by this run. */
  made: number;
  /** Could not be: the account is gone, or has blocked, or follows too many. */
  refused: number;
}

export interface ImportReport {
  accounts: Tally;
  follows: Tally;
  posts: Tally;
  /** Accounts that had signed up by themselves and so got no posts. */
  ownWords: number;
  seconds: number;
}

export interface ImportOptions {
  /** The day of the import; accounts that exist already keep theirs. */
  todayMs: number;
  onProgress(progress: { done: number; total: number; doing: string }): void;
}

const handlesARequest = 1_000;
const accountsAQuestion = 400;
const followsARequest = 10_000;
const postsARequest = 200;
/** Enough to fill the group commits, few enough that no queue of the core is ever full. */
const requestsAtOnce = 64;
/** Who follows more than any account may is followed by as many: their followers come first. */
const followLimit = 5_000;

export async function runImport(
  core: Pick<CoreClient, 'call'>,
  plan: ImportPlan,
  { todayMs, onProgress }: ImportOptions,
): Promise<ImportReport> {
  const startMs = performance.now();
  const { graph } = plan;
  const { handles } = graph;
  const ids = handles.map(accountIdOf);
  const accounts: Tally = { asked: handles.length, made: 0, refused: 0 };
  const follows: Tally = { asked: graph.targets.length, made: 0, refused: 0 };
  const posts: Tally = { asked: 0, made: 0, refused: 0 };
  let ownWords = 0;
  let done = 0;
  let total = 2 * handles.length + graph.targets.length;
  if (plan.textsOf !== null) for (const handle of handles) total += postCount(handle, plan.meanPosts);
  const advance = (by: number, doing: string): void => {
    done += by;
    onProgress({ done, total, doing });
  };

  await atOnce(batches(handles, handlesARequest), async (batch) => {
    const { made } = await ask(core, 'adoptAccounts', {
      handles: batch,
      createdMs: importedSinceMs(todayMs),
    });
    accounts.made += made;
    advance(batch.length, 'accounts');
  });

  const rows: (AccountRow | null)[] = [];
  const places = batches([...ids.keys()], accountsAQuestion);
  await atOnce(places, async (batch) => {
    const wanted = batch.map((place) => ids[place]).filter((id) => id !== undefined);
    const found = (await ask(core, 'accounts', { ids: wanted })).rows;
    for (const [at, place] of batch.entries()) rows[place] = found[at] ?? null;
    advance(batch.length, 'accounts');
  });

  async function adopt(account: number): Promise<void> {
    const id = ids[account];
    const row = rows[account] ?? null;
    const handle = handles[account] ?? '';
    if (id === undefined) return;
    const targets = Array.from(targetsOf(graph, account), (target) => ids[target]).filter(
      (target) => target !== undefined,
    );
    const planned = plan.textsOf === null ? 0 : postCount(handle, plan.meanPosts);
    if (row === null) {
      // A deleted account stays deleted.
      accounts.refused++;
      follows.refused += targets.length;
      posts.asked += planned;
      posts.refused += planned;
      advance(targets.length + planned, 'follows and posts');
      return;
    }
    const { createdMs } = row;
    const isOwn = !isImported(createdMs);
    const written =
      plan.textsOf === null || isOwn
        ? []
        : postsOf({ handle, createdMs, mean: plan.meanPosts, textOf: plan.textsOf(account) });
    if (isOwn && planned > 0) ownWords++;
    posts.asked += written.length;
    advance(planned - written.length, 'follows and posts');
    await nameOnce(core, id, row, plan.displayNameOf?.(account) ?? null);
    for (const part of parts(targets, written)) {
      const answer = await tryAsk(core, 'adopt', { account: id, ...part });
      if (answer === null) {
        follows.refused += part.follows.length;
        posts.refused += part.posts.length;
      } else {
        follows.made += answer.follows;
        posts.made += answer.posts;
        follows.refused += answer.refused;
      }
      advance(part.follows.length + part.posts.length, 'follows and posts');
    }
  }

  const followsOf = (account: number): number => targetsOf(graph, account).length;
  const order = [...ids.keys()].sort((a, b) => followsOf(a) - followsOf(b));
  await atOnce(
    order.filter((account) => followsOf(account) <= followLimit),
    adopt,
  );
  for (const account of order) if (followsOf(account) > followLimit) await adopt(account);

  return { accounts, follows, posts, ownWords, seconds: (performance.now() - startMs) / 1000 };
}

/** Gives a name to an account that has none of its own. */
async function nameOnce(
  core: Pick<CoreClient, 'call'>,
  account: AccountId,
  row: AccountRow,
  displayName: string | null,
): Promise<void> {
  const hasOwn = row.displayName !== '' && row.displayName !== row.handle;
  if (displayName === null || hasOwn || row.displayName === displayName) return;
  await tryAsk(core, 'editProfile', {
    account,
    displayName,
    note: null,
    bot: null,
    locked: null,
    discoverable: null,
    fields: null,
    visibility: null,
    sensitive: null,
    language: null,
  });
}

function parts(
  targets: AccountId[],
  posts: ImportedPost[],
): { follows: AccountId[]; posts: ImportedPost[] }[] {
  const cut: { follows: AccountId[]; posts: ImportedPost[] }[] = [];
  for (const follows of batches(targets, followsARequest)) cut.push({ follows, posts: [] });
  for (const [n, batch] of batches(posts, postsARequest).entries()) {
    const first = cut[0];
    // Most accounts need one request for everything.
    if (n === 0 && first !== undefined && cut.length === 1) first.posts = batch;
    else cut.push({ follows: [], posts: batch });
  }
  return cut;
}

function batches<T>(all: readonly T[], size: number): T[][] {
  const cut: T[][] = [];
  for (let at = 0; at < all.length; at += size) cut.push(all.slice(at, at + size));
  return cut;
}

/** Works through all items, a bounded number at a time. The first fault ends it. */
async function atOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  let failed = false;
  const worker = async (): Promise<void> => {
    while (next < items.length && !failed) {
      const item = items[next++];
      if (item === undefined) return;
      try {
        await work(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: requestsAtOnce }, worker));
}

/** The core may be starting again: what was asked is asked again, for so long. Every request of an import can be. */
const patienceMs = 60_000;
const pauseMs = 200;

/** Throws a `CommandFault` for every rejection. */
async function ask<K extends RequestKind>(
  core: Pick<CoreClient, 'call'>,
  kind: K,
  asked: Ask<K>,
): Promise<Answer<K>> {
  const answer = await tryAsk(core, kind, asked);
  if (answer === null) throw new CommandFault(`The server refuses "${kind}".`);
  return answer;
}

/** Null: refused for this account. Throws a `CommandFault` when nothing more can be done now. */
async function tryAsk<K extends RequestKind>(
  core: Pick<CoreClient, 'call'>,
  kind: K,
  asked: Ask<K>,
): Promise<Answer<K> | null> {
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    const answer = await core.call(kind, asked);
    if (answer.ok) return answer.value;
    const { code, message } = answer.rejection;
    if (code === 'read-only') {
      throw new CommandFault(
        'The disk is nearly full, so the server takes nothing new: make room, then run the import again. What is imported stays.',
      );
    }
    if (code !== 'unavailable' && code !== 'busy') return null;
    if (performance.now() > untilMs) {
      throw new CommandFault(
        `The server does not answer (${message}). Run the import again when it does: what is imported stays.`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
