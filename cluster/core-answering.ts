// Answers of a core that is one of several: only for what it serves, only while it does, and only of what enough machines have.
import type { Ask, RequestKind } from '../actors/messages.ts';
import { type AccountId, partitionOf } from '../runtime/account-id.ts';
import type { Outcome } from '../runtime/behaviours.ts';
import type { CoreCluster } from './core-cluster.ts';
import { inTime } from './in-time.ts';
import { routings } from './routing-requests.ts';

export const moved = {
  ok: false,
  rejection: { code: 'moved', message: 'This account is served elsewhere' },
} as const satisfies Outcome<never>;

const unknown = {
  ok: false,
  rejection: {
    code: 'unavailable',
    message: 'Too few machines can be reached. Whether the request was done is not known: ask again.',
  },
} as const satisfies Outcome<never>;

const unstored = {
  ok: false,
  rejection: { code: 'unavailable', message: 'Too few machines have what was written last. Try again soon.' },
} as const satisfies Outcome<never>;

/** What was written too few machines have in time: whether they ever will is not known. */
class UnstoredError extends Error {
  override readonly name = 'UnstoredError';
}

/** Other owners of a partition may live and still not get to write, with a full disk, say. */
const storedWithinMs = 5000;

/** Pages are complete up to so long ago, or say so. */
const completeWithinMs = 1000;

export interface UnderTerms {
  cluster: CoreCluster;
  /** All must be served here. */
  accounts: readonly AccountId[];
  /** It can be asked again elsewhere. */
  isRead: boolean;
  nowMs: number;
  /** Up to when everything has come, before anything is read: what comes meanwhile may be missing. */
  completeThroughMs: number;
  answer(): Outcome<unknown> | Promise<Outcome<unknown>>;
}

/** The accounts that must be served here for an answer to count. Detaching harms nobody, wherever it is asked for. */
export function accountsAsked<K extends RequestKind>(kind: K, ask: Ask<K>): readonly AccountId[] {
  if (kind === 'detach') return [];
  const target = routings[kind].target(ask, undefined);
  return target.to === 'account' ? [target.account] : target.to === 'accounts' ? target.accounts : [];
}

/** Nobody sees what too few machines have, nor what a server says that is none any more. */
export async function answerUnderTerms(options: UnderTerms): Promise<Outcome<unknown>> {
  const { cluster, accounts } = options;
  const terms = new Map<number, number>();
  for (const account of accounts) {
    const partition = partitionOf(account);
    const term = cluster.isOpen(partition) ? cluster.term(partition) : null;
    if (term === null) return moved;
    terms.set(partition, term);
  }
  return cluster.underWay.during([...terms.keys()], () => answered(options, terms));
}

async function answered(options: UnderTerms, terms: ReadonlyMap<number, number>): Promise<Outcome<unknown>> {
  const { cluster, isRead, nowMs, completeThroughMs } = options;
  const outcome = await outcomeOf(options);
  // It tells nothing of what is here, and may have waited for that already.
  if (!outcome.ok && outcome.rejection.code === 'unavailable') return outcome;
  const storing = cluster.stored(terms.keys());
  if (storing !== null && !(await isStoredInTime(storing))) return isRead ? unstored : unknown;
  for (const [partition, term] of terms)
    if (cluster.term(partition) !== term) return isRead ? moved : unknown;
  return dated(outcome, completeThroughMs, nowMs);
}

async function outcomeOf({ answer }: UnderTerms): Promise<Outcome<unknown>> {
  try {
    return await answer();
  } catch (error) {
    if (error instanceof UnstoredError) return unknown;
    throw error;
  }
}

/** A page of statuses says since when it may lack some, if that is longer than people would notice. */
function dated(outcome: Outcome<unknown>, completeThroughMs: number, nowMs: number): Outcome<unknown> {
  if (!outcome.ok || !isPage(outcome.value) || nowMs - completeThroughMs <= completeWithinMs) return outcome;
  return { ok: true, value: { ...outcome.value, completeThroughMs } };
}

function isPage(value: unknown): value is { completeThroughMs: number | null } {
  return typeof value === 'object' && value !== null && 'completeThroughMs' in value;
}

/** Rejects with an `UnstoredError` when too few machines have it in time. */
export async function storedInTime(storing: Promise<void> | null): Promise<void> {
  if (storing !== null && !(await isStoredInTime(storing)))
    throw new UnstoredError(unknown.rejection.message);
}

function isStoredInTime(storing: Promise<void>): Promise<boolean> {
  return inTime(
    storing.then(() => true),
    storedWithinMs,
    false,
  );
}
