// Facts: how they merge, and how they are stored.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeStored, type Fact, mergeFacts, storedValue, storedVersion } from '../../runtime/fact.ts';
import {
  factBytes,
  factOf,
  fourChars,
  logBytes,
  loggedCopyOf,
  loggedOf,
  numberAt,
  packWire,
  sixChars,
  unpackWire,
} from '../../runtime/wire-bytes.ts';
import { anyLatin1, anyVersion, anyWire } from './chance.ts';

/** Facts of one key. Equal versions are the same fact, so the value follows from the version. */
const anyFact = fc.option(
  anyVersion.map(
    (version): Fact => ({ key: 'k', version, value: version.endsWith('\0') ? null : Buffer.from(version) }),
  ),
);

test('merging is commutative', () => {
  fc.assert(
    fc.property(anyFact, anyFact, (a, b) => {
      expect(mergeFacts(a, b)).toEqual(mergeFacts(b, a));
    }),
  );
});

test('merging is associative', () => {
  fc.assert(
    fc.property(anyFact, anyFact, anyFact, (a, b, c) => {
      expect(mergeFacts(mergeFacts(a, b), c)).toEqual(mergeFacts(a, mergeFacts(b, c)));
    }),
  );
});

test('merging is idempotent', () => {
  fc.assert(
    fc.property(anyFact, anyFact, (a, b) => {
      expect(mergeFacts(a, a)).toEqual(a);
      expect(mergeFacts(mergeFacts(a, b), b)).toEqual(mergeFacts(a, b));
    }),
  );
});

test('merging keeps the highest version, whatever the order', () => {
  fc.assert(
    fc.property(fc.array(anyFact, { minLength: 1 }), (facts) => {
      const versions = facts.flatMap((fact) => (fact === null ? [] : [fact.version])).toSorted();
      const merged = facts.reduce((one, other) => mergeFacts(one, other), null);
      expect(merged?.version).toBe(versions.at(-1));
    }),
  );
});

test('a stored fact gives back its version and its value, and says when it is a tombstone', () => {
  fc.assert(
    fc.property(anyVersion, fc.option(fc.uint8Array()), (version, value) => {
      const stored = encodeStored(version, value);
      expect(storedVersion(stored)).toBe(version);
      expect(storedValue(stored)).toEqual(value);
    }),
  );
});

test('wire values are read as they were packed', () => {
  fc.assert(
    fc.property(anyWire, (wire) => {
      expect(plain(unpackWire(packWire(wire)))).toEqual(plain(wire));
    }),
    { numRuns: 500 },
  );
});

test('what the store writes for a fact is what fact.ts says, and is read back from a longer buffer', () => {
  fc.assert(
    fc.property(anyVersion, anyWire, (version, value) => {
      const packed = value === null ? null : packWire(value);
      const bytes = factBytes(version, packed, []);
      expect(bytes.equals(encodeStored(version, packed))).toBe(true);
      const read = factOf(Buffer.concat([bytes, Buffer.from('rest')]), bytes.length);
      expect({ ...read, value: plain(read.value) }).toEqual({ version, value: plain(value) });
    }),
  );
});

test('a log entry is the msgpack of version, key, value and live', () => {
  fc.assert(
    fc.property(anyVersion, anyLatin1, anyWire, fc.boolean(), (version, key, value, live) => {
      const packed = value === null ? null : packWire(value);
      const bytes = logBytes(version, key, { packed, live, to: [] });
      const expected = [Buffer.from(version, 'latin1'), Buffer.from(key, 'latin1'), value, live];
      expect(plain(unpackWire(bytes))).toEqual(plain(expected));
      const read = loggedOf(Buffer.concat([bytes, Buffer.from('rest')]), bytes.length);
      expect({ ...read, value: plain(read.value) }).toEqual({
        version,
        key,
        value: plain(value),
        live,
        to: [],
        size: bytes.length,
      });
    }),
  );
});

test('a log entry that is addressed elsewhere holds the partitions before its value; a tombstone keeps them, too', () => {
  const partitions = fc.uniqueArray(fc.nat({ max: 1023 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(anyVersion, anyLatin1, anyWire, partitions, (version, key, value, to) => {
      const packed = value === null ? null : packWire(value);
      const bytes = logBytes(version, key, { packed, live: true, to });
      expect(unpackWire(bytes)).toHaveLength(5);
      const longer = Buffer.concat([bytes, Buffer.from('rest')]);
      expect(plain(loggedOf(longer, bytes.length).value)).toEqual(plain(value));
      expect(loggedOf(longer, bytes.length)).toMatchObject({ version, key, to, live: true });
      const copy = loggedCopyOf(longer, bytes.length);
      expect(copy).toMatchObject({ version, key, to, live: true });
      expect(copy.packed === null ? null : Buffer.from(copy.packed)).toEqual(packed);
      const fact = factBytes(version, null, to);
      expect(factOf(fact, fact.length)).toEqual({ version, value: null, to });
    }),
  );
});

test('values outlive the buffer they were read from', () => {
  const bytes = packWire([new Uint8Array([1, 2, 3]), 'text']);
  const read = unpackWire(bytes);

  bytes.fill(0xff);

  expect(plain(read)).toEqual([[1, 2, 3], 'text']);
});

test('numbers in keys are ordered as numbers', () => {
  const anyPosition = fc.oneof(
    fc.nat(),
    fc.maxSafeNat().map((n) => n % 2 ** 48),
  );
  fc.assert(
    fc.property(anyPosition, anyPosition, (one, other) => {
      const [a, b] = [sixChars(one), sixChars(other)];
      expect(a).toHaveLength(6);
      expect(a < b).toBe(one < other);
      expect(numberAt(`xx${a}`, 2, 6)).toBe(one);
      const [c, d] = [one % 2 ** 32, other % 2 ** 32];
      expect(fourChars(c) < fourChars(d)).toBe(c < d);
      expect(numberAt(fourChars(c), 0, 4)).toBe(c);
    }),
  );
});

/** Bytes as lists of numbers: Buffer and Uint8Array are alike. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  return Array.isArray(value) ? value.map(plain) : value;
}
