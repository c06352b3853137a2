// To whom a fact is addressed: the accounts, beside the one it belongs to, whose views it changes. Their machines hold it as a guest.
import type { AccountId } from '../runtime/account-id.ts';
import type { Addressing } from '../runtime/behaviours.ts';
import type { Wire } from '../runtime/fact.ts';
import { accountAt, type Key, kindOf, restOf } from '../runtime/key.ts';
import { type StatusId, statusAuthor } from '../runtime/status-id.ts';
import { factKind } from './facts.ts';
import { statusOfWire } from './status-record.ts';

/** Shared, because most statuses are addressed to nobody. */
const nobody: readonly AccountId[] = Object.freeze([]);

export function addressed({ key, value, before }: Addressing): readonly AccountId[] {
  switch (kindOf(key)) {
    case factKind.follow:
    case factKind.block:
      return [accountAt(restOf(key))];
    case factKind.favourite:
      return othersThan(accountAt(key), statusAuthor(restOf(key) as StatusId));
    case factKind.status: {
      const now = value === null ? nobody : namedBy(key, value);
      const former = before?.value ?? null;
      if (former === null) return now;
      const then = namedBy(key, former);
      return then.length === 0 ? now : now.length === 0 ? then : [...new Set([...now, ...then])];
    }
    default:
      return nobody;
  }
}

/** Those a status answers, boosts or mentions. */
function namedBy(key: Key, value: Wire): readonly AccountId[] {
  const author = accountAt(key);
  const status = statusOfWire(value);
  if (status.kind === 'boost') return othersThan(author, statusAuthor(status.of));
  const parent = status.replyTo === null ? nobody : othersThan(author, statusAuthor(status.replyTo));
  if (status.mentions.length === 0) return parent;
  const named = new Set(parent);
  for (const { account } of status.mentions) if (account !== author) named.add(account);
  return [...named];
}

function othersThan(own: AccountId, account: AccountId): readonly AccountId[] {
  return account === own ? nobody : [account];
}
