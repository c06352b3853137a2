// Keys: they sort as what they name does, and prefixes are ranges.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  accountIdCodec,
  accountIdLimit,
  isAccountId,
  parseAccountId,
  partitionCount,
  partitionOf,
  serverAccount,
} from '../../runtime/account-id.ts';
import { MalformedError } from '../../runtime/codec.ts';
import { accountIdOf, handleForm } from '../../runtime/handle.ts';
import {
  accountAt,
  accountKey,
  accountKeyLength,
  afterPrefix,
  keyOf,
  kindOf,
  partitionOfKey,
  partitionStart,
  restOf,
} from '../../runtime/key.ts';
import { anyAccount, anyLatin1, order } from './chance.ts';

test('keys of accounts are ordered as their numbers are', () => {
  fc.assert(
    fc.property(anyAccount, anyAccount, (one, other) => {
      expect(order(accountKey(one), accountKey(other))).toBe(order(one, other));
      expect(accountKey(one)).toHaveLength(accountKeyLength);
    }),
  );
});

test('a key is in the partition of its account, between the starts of this one and the next', () => {
  fc.assert(
    fc.property(anyAccount, anyLatin1, (account, rest) => {
      const key = keyOf(account, 's', rest);
      const partition = partitionOf(account);
      expect(partitionOfKey(key)).toBe(partition);
      expect(key >= partitionStart(partition) && key < partitionStart(partition + 1)).toBe(true);
    }),
  );
});

test('a key gives back its account, its kind and its rest', () => {
  fc.assert(
    fc.property(anyAccount, anyAccount, anyLatin1, (account, other, rest) => {
      const key = keyOf(account, 'f', accountKey(other) + rest);
      expect(accountAt(key)).toBe(account);
      expect(kindOf(key)).toBe('f');
      expect(restOf(key)).toBe(accountKey(other) + rest);
      expect(accountAt(restOf(key))).toBe(other);
    }),
  );
});

test('the end of a prefix is above all that begin with it and below nothing else', () => {
  fc.assert(
    fc.property(
      anyLatin1.filter((prefix) => /[^\u00ff]/.test(prefix)),
      anyLatin1,
      anyLatin1,
      (prefix, rest, other) => {
        const end = afterPrefix(prefix);
        expect(prefix + rest < end).toBe(true);
        expect(prefix < end).toBe(true);
        if (other > prefix && !other.startsWith(prefix)) expect(other >= end).toBe(true);
      },
    ),
    { numRuns: 1_000 },
  );
});

test('accounts of a partition are one range, and partitions are equally wide', () => {
  fc.assert(
    fc.property(anyAccount, anyAccount, (one, other) => {
      expect(partitionOf(one)).toBe(Math.floor(one / 2 ** 42));
      expect(partitionOf(one)).toBeLessThan(partitionCount);
      if (one <= other) expect(partitionOf(one)).toBeLessThanOrEqual(partitionOf(other));
    }),
  );
});

test('an account id is read as it was printed', () => {
  fc.assert(
    fc.property(anyAccount, (account) => {
      expect(parseAccountId(String(account))).toBe(account);
      expect(accountIdCodec.decode(accountIdCodec.encode(account))).toBe(account);
    }),
  );
});

test.each(['', '-1', '1.5', '1e3', ' 1', String(accountIdLimit), '9'.repeat(17), 'x'])(
  '%j is no account id',
  (text) => {
    expect(parseAccountId(text)).toBeNull();
  },
);

test.each([-1, 1.5, accountIdLimit, Number.NaN, '1', null, 1n])('%s is no account id on the wire', (wire) => {
  expect(isAccountId(wire)).toBe(false);
  expect(() => accountIdCodec.decode(wire)).toThrow(MalformedError);
});

test('an account id is the first 52 bits of the hash of the handle in small letters', () => {
  fc.assert(
    fc.property(fc.stringMatching(handleForm), (handle) => {
      const id = accountIdOf(handle);
      expect(isAccountId(id)).toBe(true);
      expect(id).not.toBe(serverAccount);
      expect(accountIdOf(handle.toUpperCase())).toBe(id);
    }),
  );
  // printf alice | sha256sum: 2bd806c97f0e0...
  expect(accountIdOf('Alice')).toBe(0x2bd806c97f0e0);
});
