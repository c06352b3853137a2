// Account ids: 52 bits of a hash of the handle, so that no index is needed to find an account by name.
import { type Codec, MalformedError } from './codec.ts';

declare const accountId: unique symbol;
/** 0..2^52-1, a safe integer; outside a decimal string. Its top 10 bits are its partition. */
export type AccountId = number & { readonly [accountId]: true };

export const accountIdLimit = 2 ** 52;
export const partitionCount = 1024;

/** Apps, and all that belongs to no user, live under this account. No handle has it: see `accountIdOf`. */
export const serverAccount = 0 as AccountId;

export function partitionOf(account: AccountId): number {
  return Math.floor(account / (accountIdLimit / partitionCount));
}

/** What is kept of a partition as a whole stands under this account. No handle has it: see `accountIdOf`. */
export function firstAccountOf(partition: number): AccountId {
  return (partition * (accountIdLimit / partitionCount)) as AccountId;
}

export function isAccountId(value: unknown): value is AccountId {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) < accountIdLimit;
}

/** Null when the text is no account id. */
export function parseAccountId(decimal: string): AccountId | null {
  if (!/^[0-9]{1,16}$/.test(decimal)) return null;
  const value = Number(decimal);
  return isAccountId(value) ? value : null;
}

export const accountIdCodec: Codec<AccountId> = {
  encode: (id) => id,
  decode(wire) {
    if (!isAccountId(wire)) throw new MalformedError('', 'an account id');
    return wire;
  },
};
