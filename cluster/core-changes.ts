// Which rows entries change, and which statuses they delete: what gateways must drop before anybody hears that it is done.
import type { Ask, Changed } from '../actors/messages.ts';
import type { AccountId } from '../runtime/account-id.ts';
import type { Entry } from '../runtime/behaviours.ts';
import type { Product } from './core-behaviours.ts';

type StatusIds = Ask<'statuses'>['ids'];

/** Null for nothing. */
export function changedBy(entries: readonly Entry[], product: Product): Changed | null {
  const statuses = new Set<StatusIds[number]>();
  const accounts = new Set<AccountId>();
  const deleted: StatusIds = [];
  for (const entry of entries) {
    const touched = product.touched(entry);
    for (const id of touched.statuses) {
      statuses.add(id);
      if (entry.value === null && product.statusKey(id) === entry.key) deleted.push(id);
    }
    for (const id of touched.accounts) accounts.add(id);
  }
  if (statuses.size === 0 && accounts.size === 0) return null;
  return { statuses: [...statuses], accounts: [...accounts], tokens: [], deleted };
}
