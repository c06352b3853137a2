// Arbitrary ids, versions and wire values, for the properties of the runtime.
import fc from 'fast-check';
import { type AccountId, accountIdLimit } from '../../runtime/account-id.ts';
import type { Wire } from '../../runtime/fact.ts';
import { makeStatusId } from '../../runtime/status-id.ts';
import { makeVersion } from '../../runtime/version.ts';

export const anyMs = fc.oneof(
  fc.integer({ min: 0, max: 9 }),
  fc.maxSafeNat().map((n) => n % 2 ** 48),
  fc.constant(2 ** 48 - 1),
);
export const anyAccount = fc
  .oneof(
    fc.integer({ min: 0, max: 9 }),
    fc.maxSafeNat().map((n) => n % accountIdLimit),
    fc.constant(accountIdLimit - 1),
  )
  .map((n) => n as AccountId);
export const anySalt = fc.integer({ min: 0, max: 4095 });
export const anyStatusId = fc
  .tuple(anyMs, anyAccount, anySalt)
  .map(([ms, author, salt]) => makeStatusId(ms, author, salt));
export const anyNode = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
export const anyCounter = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 65_535 }));
export const anyVersion = fc
  .tuple(anyMs, anyCounter, anyNode)
  .map(([ms, counter, node]) => makeVersion(ms, counter, node));
/** Characters 0 to 255. */
export const anyLatin1 = fc.uint8Array({ maxLength: 60 }).map((bytes) => String.fromCharCode(...bytes));

/** What codecs encode to. */
export const anyWire: fc.Arbitrary<Wire> = fc.letrec<{ wire: Wire }>((tie) => ({
  wire: fc.oneof(
    { maxDepth: 3 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }).map((n) => n + 0),
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array(),
    fc.array(tie('wire'), { maxLength: 5 }),
  ),
})).wire;

/** Order of strings and numbers alike, as -1, 0 or 1. */
export function order<T extends string | number>(one: T, other: T): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
