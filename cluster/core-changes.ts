// Which rows entries change, and which statuses they delete: what gateways must drop before anybody hears that it is done.
import type { Ask, Changed } from '../actors/messages.ts';
import type { AccountId } from '../runtime/account-id.ts';
import type { Entry } from '../runtime/behaviours.ts';
import { statusAuthor } from '../runtime/status-id.ts';
import type { Product } from './core-behaviours.ts';

type StatusIds = Ask<'statuses'>['ids'];

/**
 * Empty for nothing. Who is named beside a status may only have posted, so that pages keep what they show of them (`page-cache.ts`): whose account
 * changes otherwise in the same breath is named once more, by itself.
 */
export function changedBy(entries: readonly Entry[], product: Product): Changed[] {
  const statuses = new Set<StatusIds[number]>();
  const accounts = new Set<AccountId>();
  const others = new Set<AccountId>();
  const deleted: StatusIds = [];
  for (const entry of entries) {
    const touched = product.touched(entry);
    for (const id of touched.statuses) {
      statuses.add(id);
      if (entry.value === null && product.statusKey(id) === entry.key) deleted.push(id);
    }
    for (const id of touched.accounts) {
      accounts.add(id);
      if (touched.statuses.length === 0) others.add(id);
    }
  }
  if (statuses.size === 0 && accounts.size === 0) return [];
  const changed = { statuses: [...statuses], accounts: [...accounts], tokens: [], deleted };
  const authors = new Set(changed.statuses.map(statusAuthor));
  const again = [...others].filter((account) => authors.has(account));
  return again.length === 0
    ? [changed]
    : [changed, { statuses: [], accounts: again, tokens: [], deleted: [] }];
}
