// Swapping behaviours under test: a core on a release's behaviours, somebody to read what is posted, and variants to swap to.
import type { Pushed } from '../../actors/messages.ts';
import { loadBehaviours } from '../../cluster/core-behaviours.ts';
import type { CoreOptions } from '../../cluster/core-options.ts';
import type { Swapped } from '../../cluster/core-swap.ts';
import type { AccountId } from '../../runtime/account-id.ts';
import type { Outcome, Rejection } from '../../runtime/behaviours.ts';
import { accountIdOf } from '../../runtime/handle.ts';
import { type StatusId, statusAuthor } from '../../runtime/status-id.ts';
import { openTestCore, type TestCore, wholePage } from './core.ts';
import { until } from './until.ts';
import { evenAuthorsOnly, openVariants, type Variants } from './variants.ts';

export interface Swapping {
  variants: Variants;
  /** The source as it is. */
  plain: string;
  /** With `evenAuthorsOnly`. */
  evenOnly: string;
  /** As it is, with other bytes. */
  plainAgain: string;
  /** On `plain`. Closed by `closeCores`. */
  opened(options?: Partial<CoreOptions>): Promise<TestCore>;
  closeCores(): Promise<void>;
}

export async function openSwapping(): Promise<Swapping> {
  const variants = openVariants();
  const plain = await variants.built('plain');
  const open: TestCore[] = [];
  return {
    variants,
    plain,
    evenOnly: await variants.built('even-only', evenAuthorsOnly),
    plainAgain: variants.rewritten('plain-again', plain, (script) => `${script}\n// again\n`),
    async opened(options = {}) {
      const tested = await openTestCore({ product: await loadBehaviours(plain), ...options });
      open.push(tested);
      return tested;
    },
    async closeCores() {
      for (const tested of open.splice(0)) await tested.close();
    },
  };
}

/** Handles whose accounts have odd ids (1) or even ones (0). */
function handles(parity: 0 | 1, count: number): string[] {
  const found: string[] = [];
  for (let n = 0; found.length < count; n++)
    if (accountIdOf(`user${n}`) % 2 === parity) found.push(`user${n}`);
  return found;
}

/** Two authors. */
export async function pair(tested: TestCore): Promise<[odd: AccountId, even: AccountId]> {
  const [odd, even] = await tested.accounts(...handles(1, 1), ...handles(0, 1));
  if (odd === undefined || even === undefined) throw new Error('nobody was made');
  return [odd, even];
}

/** Somebody with a home of what these post. */
export async function reader(
  tested: TestCore,
  handle: string,
  authors: readonly AccountId[],
): Promise<AccountId> {
  const [account] = await tested.accounts(handle);
  if (account === undefined) throw new Error('nobody was made');
  for (const target of authors) await tested.ask('follow', { account, target, boosts: true });
  await tested.home(account);
  return account;
}

export function accepted(outcome: Outcome<Swapped>): Swapped {
  if (!outcome.ok) throw new Error(outcome.rejection.message);
  return outcome.value;
}

export async function refusedSwap(tested: TestCore, folder: string): Promise<Rejection> {
  const outcome = await tested.core.swap(folder);
  if (outcome.ok) throw new Error('it was not refused');
  return outcome.rejection;
}

export function allOver(tested: TestCore): Promise<boolean> {
  return until(() => tested.core.behaviours.pending === 0, { what: 'all actors have gone over' });
}

/** What `evenAuthorsOnly` counts; null by the rule of before. */
export async function keptOut(tested: TestCore, account: AccountId): Promise<number | null> {
  return (await tested.ask('home', { account, ...wholePage })).completeThroughMs;
}

export function statusesIn(items: readonly Pushed[]): StatusId[] {
  return items.map((item) => {
    if (item.kind !== 'update') throw new Error(`${item.kind} was pushed`);
    return item.row.id;
  });
}

export function isOdd(id: StatusId): boolean {
  return statusAuthor(id) % 2 === 1;
}
