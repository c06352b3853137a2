// What passes the scan decodes; what a decoder could be harmed by does not pass.
import fc from 'fast-check';
import { Packr, Unpackr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { scanMsgpack } from '../../runtime/scan-msgpack.ts';

const bounds = { depth: 32, values: 10_000 };
const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });

function nested(depth: number): Uint8Array {
  return new Uint8Array([...new Array(depth).fill(0x91), 0xc0]);
}

describe('plain values', () => {
  const leaf = fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 5 }, leaf, fc.array(tie('value'), { maxLength: 20 })),
  }));

  test('pass, whatever they are', () => {
    fc.assert(
      fc.property(value, (plain) => {
        expect(scanMsgpack(packr.pack(plain), { depth: 32, values: 1_000_000 })).toBeNull();
      }),
    );
  });

  test('of every length class pass', () => {
    for (const length of [0, 15, 16, 31, 32, 255, 256, 65_535, 65_536]) {
      expect(scanMsgpack(packr.pack('x'.repeat(length)), bounds)).toBeNull();
      expect(scanMsgpack(packr.pack(Buffer.alloc(length)), bounds)).toBeNull();
      expect(scanMsgpack(packr.pack(new Array(length).fill(1)), { depth: 32, values: 100_000 })).toBeNull();
    }
  });

  test('cut short anywhere do not pass', () => {
    const packed = packr.pack(['text', 3.5, [Buffer.alloc(300), 'y'.repeat(70_000)], -70_000, [[null]]]);
    for (let length = 0; length < packed.length; length += length < 700 ? 1 : 997) {
      expect(scanMsgpack(packed.subarray(0, length), bounds), `${length} bytes`).toBe('cut short');
    }
  });

  test('with something behind them do not pass', () => {
    expect(scanMsgpack(new Uint8Array([...packr.pack([1]), 0xc0]), bounds)).toBe('bytes behind the value');
  });
});

describe('what is refused', () => {
  test.each([
    ['a map', packr.pack({ a: 1 })],
    ['a large map', packr.pack(new Map(Array.from({ length: 70_000 }, (_, key) => [key, key])))],
    ['a key named __proto__', packr.pack(JSON.parse('{"__proto__": 1}'))],
    ['a date', packr.pack([new Date()])],
    ['undefined', packr.pack([undefined])],
    ['a 64-bit integer', packr.pack([2n ** 60n])],
    ['a negative 64-bit integer', packr.pack([-(2n ** 60n)])],
    [
      'typed arrays and sets',
      new Packr({ useRecords: false, moreTypes: true }).pack([new Set([1]), new Float64Array(2)]),
    ],
    ['a record', new Packr().pack([{ a: 1 }])],
    ['the type that is never used', new Uint8Array([0xc1])],
    ['nothing at all', new Uint8Array()],
  ])('%s', (_what, packed) => {
    expect(scanMsgpack(packed, bounds)).not.toBeNull();
  });

  test('lists deeper than the bound, and not those at it', () => {
    expect(scanMsgpack(nested(32), bounds)).toBeNull();
    expect(scanMsgpack(nested(33), bounds)).toBe('lists deeper than 32');
    expect(scanMsgpack(nested(1_000_000), bounds)).toBe('lists deeper than 32');
    expect(scanMsgpack(nested(65), { depth: 1000, values: 10_000 })).toBe('lists deeper than 64');
  });

  test('more values than the bound, and not those at it', () => {
    expect(scanMsgpack(packr.pack(new Array(9999).fill(0)), bounds)).toBeNull();
    expect(scanMsgpack(packr.pack(new Array(10_000).fill(0)), bounds)).toBe('more than 10000 values');
  });

  test('a list that claims more than there can be', () => {
    expect(scanMsgpack(new Uint8Array([0xdd, 0xff, 0xff, 0xff, 0xff, 0xc0]), bounds)).toBe('cut short');
  });
});

test('whatever bytes pass, the decoder takes', () => {
  // Bytes that look like msgpack more often than chance would have it.
  const token = fc.constantFrom(
    0x00,
    0x7f,
    0x90,
    0x91,
    0x92,
    0xa0,
    0xa1,
    0xc0,
    0xc2,
    0xc4,
    0xca,
    0xcc,
    0xd0,
    0xd9,
    0xdc,
    0xe0,
    1,
    2,
  );
  const soup = fc.array(fc.oneof({ weight: 4, arbitrary: token }, { weight: 1, arbitrary: fc.nat(255) }), {
    maxLength: 40,
  });
  let passed = 0;
  fc.assert(
    fc.property(soup, (bytes) => {
      const packed = Buffer.from(bytes);
      if (scanMsgpack(packed, bounds) !== null) return;
      passed++;
      unpackr.unpack(packed);
    }),
    { numRuns: 20_000 },
  );
  expect(passed).toBeGreaterThan(500);
});
