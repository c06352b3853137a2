// Codecs: what was declared goes there and back, and nothing else gets in.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bool,
  bytes,
  type Codec,
  float,
  list,
  MalformedError,
  oneOf,
  optional,
  struct,
  text,
  uint,
  union,
} from '../../runtime/codec.ts';
import { packWire, unpackWire } from '../../runtime/wire-bytes.ts';
import { anyWire } from './chance.ts';

const person = struct({ name: text(10), age: optional(uint), tags: list(text(5), 3), secret: bytes(4) });
const shape = union({
  dot: struct({}),
  circle: struct({ radius: float }),
  group: struct({ people: list(person, 2), on: bool }),
});
const colour = oneOf('red', 'green');

const anyPerson = fc.record({
  name: fc.string({ maxLength: 10 }),
  age: fc.option(fc.maxSafeNat()),
  tags: fc.array(fc.string({ maxLength: 5 }), { maxLength: 3 }),
  secret: fc.uint8Array({ maxLength: 4 }).map((array) => Buffer.from(array)),
});
/** msgpack does not tell -0 from 0. */
const anyRadius = fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0);
const anyShape = fc.oneof(
  fc.constant({ kind: 'dot' as const }),
  fc.record({
    kind: fc.constant('circle' as const),
    radius: anyRadius,
  }),
  fc.record({
    kind: fc.constant('group' as const),
    people: fc.array(anyPerson, { maxLength: 2 }),
    on: fc.boolean(),
  }),
);

function roundTrip<T>(codec: Codec<T>, value: T): T {
  return codec.decode(unpackWire(packWire(codec.encode(value))));
}

test('records and unions are read from bytes as they were encoded', () => {
  fc.assert(
    fc.property(anyPerson, (value) => {
      expect(roundTrip(person, value)).toEqual(value);
    }),
  );
  fc.assert(
    fc.property(anyShape, (value) => {
      expect(roundTrip(shape, value)).toEqual(value);
    }),
  );
});

test('whatever comes is either decoded to what encodes again, or refused with the place of the fault', () => {
  const codecs: Codec<unknown>[] = [
    person,
    shape,
    colour,
    list(shape, 3),
    optional(person),
  ] as Codec<unknown>[];
  fc.assert(
    fc.property(anyWire, fc.constantFrom(...codecs), (wire, codec) => {
      let decoded: unknown;
      try {
        decoded = codec.decode(wire);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedError);
        expect((error as Error).message).toMatch(/: expected ./);
        return;
      }
      expect(codec.decode(codec.encode(decoded))).toEqual(decoded);
    }),
    { numRuns: 2_000 },
  );
});

test('a single wrong place is named', () => {
  const group = {
    kind: 'group' as const,
    people: [{ name: 'ada', age: 3, tags: ['a'], secret: new Uint8Array(1) }],
    on: true,
  };
  const wire = shape.encode(group) as [string, [[string, unknown, unknown[], unknown][], boolean]];
  const placed: Array<[string, () => void]> = [
    ['group.people.[0].tags.[0]: expected a string of at most 5', () => wire[1][0][0]?.[2].splice(0, 1, 7)],
    [
      'group.people.[0].name: expected a string of at most 10',
      () => wire[1][0][0]?.splice(0, 1, 'x'.repeat(11)),
    ],
    ['group.people: expected a list of at most 2', () => wire[1].splice(0, 1, [[], [], []] as never)],
    ['value: expected one of dot, circle, group', () => wire.splice(0, 1, 'square')],
  ];
  for (const [message, spoil] of placed) {
    spoil();
    expect(() => shape.decode(wire)).toThrow(message);
  }
});

test('a list without fields at its end is an older writer: they read as null', () => {
  const younger = struct({ name: text(10), nick: optional(text(10)) });

  expect(younger.decode(['ada'])).toEqual({ name: 'ada', nick: null });
  expect(person.decode(['ada', null, [], new Uint8Array(0), 'from a newer writer'])).toMatchObject({
    name: 'ada',
  });
});

describe('refused', () => {
  const cases: Array<[string, Codec<unknown>, unknown[]]> = [
    ['a whole number', uint, [-1, 1.5, Number.NaN, 2 ** 53, '1', null, true, 1n, [1]]],
    ['a number', float, [Number.NaN, Number.POSITIVE_INFINITY, '1', null]],
    ['true or false', bool, [0, 1, 'true', null]],
    ['a string of at most 3', text(3), ['four', 1, null, ['a']]],
    ['at most 2 bytes', bytes(2), [new Uint8Array(3), 'ab', [1, 2], null]],
    ['red or green', colour, ['blue', '', null, 'toString', ['red']]],
    ['a list of at most 1', list(uint, 1), [[1, 2], 'a', null, { length: 0 }]],
    ['a record', person, [null, {}, 'x', 3]],
    ['one of dot, circle, group', shape, [[], ['constructor', []], ['__proto__', []], [1, []], 'dot', null]],
  ];
  test.each(cases)('%s', (expected, codec, wires) => {
    for (const wire of wires) expect(() => codec.decode(wire)).toThrow(`expected ${expected}`);
  });
});
