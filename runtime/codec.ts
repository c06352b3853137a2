// Codecs: one declaration gives a record's type, its encoder and its checking decoder. Bytes are msgpackr's concern.

/** Turns a value into a plain msgpack-able form and back. `decode` throws `MalformedError` on anything else. */
export interface Codec<T> {
  encode(value: T): unknown;
  decode(wire: unknown): T;
}

export type Infer<C> = C extends Codec<infer T> ? T : never;

/** The sender's bytes are not what was declared. `path` names the place, e.g. `publish.text`. */
export class MalformedError extends Error {
  path: string;
  constructor(path: string, expected: string) {
    super(`${path === '' ? 'value' : path}: expected ${expected}`);
    this.name = 'MalformedError';
    this.path = path;
  }
}

function within<T>(step: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    const nested = new MalformedError(error.path === '' ? step : `${step}.${error.path}`, '');
    nested.message = `${nested.path}${error.message.slice(error.message.indexOf(': expected'))}`;
    throw nested;
  }
}

function same<T>(expected: string, test: (wire: unknown) => wire is T): Codec<T> {
  return {
    encode: (value) => value,
    decode(wire) {
      if (!test(wire)) throw new MalformedError('', expected);
      return wire;
    },
  };
}

/** A whole number from 0 to 2^53-1. */
export const uint: Codec<number> = same(
  'a whole number',
  (wire): wire is number => Number.isSafeInteger(wire) && Number(wire) >= 0,
);

/** Any finite number. */
export const float: Codec<number> = same('a number', (wire): wire is number => Number.isFinite(wire));

export const bool: Codec<boolean> = same(
  'true or false',
  (wire): wire is boolean => typeof wire === 'boolean',
);

/** A string of at most `most` UTF-16 units. */
export function text(most: number): Codec<string> {
  return same(
    `a string of at most ${most}`,
    (wire): wire is string => typeof wire === 'string' && wire.length <= most,
  );
}

/** Bytes, at most `most`. */
export function bytes(most: number): Codec<Uint8Array> {
  return same(
    `at most ${most} bytes`,
    (wire): wire is Uint8Array => wire instanceof Uint8Array && wire.length <= most,
  );
}

/** One of the given strings. */
export function oneOf<const T extends readonly string[]>(...values: T): Codec<T[number]> {
  const known: ReadonlySet<unknown> = new Set(values);
  return same(values.join(' or '), (wire): wire is T[number] => known.has(wire));
}

/** A value or null. */
export function optional<T>(codec: Codec<T>): Codec<T | null> {
  return {
    encode: (value) => (value === null ? null : codec.encode(value)),
    decode: (wire) => (wire === null || wire === undefined ? null : codec.decode(wire)),
  };
}

/** A list of at most `most` items. */
export function list<T>(codec: Codec<T>, most: number): Codec<T[]> {
  return {
    encode: (values) => values.map((value) => codec.encode(value)),
    decode(wire) {
      if (!Array.isArray(wire) || wire.length > most)
        throw new MalformedError('', `a list of at most ${most}`);
      return wire.map((item, index) => {
        try {
          return codec.decode(item);
        } catch (error) {
          return within(`[${index}]`, () => {
            throw error;
          });
        }
      });
    },
  };
}

export type Fields = Record<string, Codec<unknown>>;
export type StructOf<F extends Fields> = { [K in keyof F]: Infer<F[K]> };

/**
 * A record, encoded as a list of its fields in the order of declaration.
 * Fields are only ever added at the end and then `optional`: an older writer's shorter list reads as null there.
 */
export function struct<F extends Fields>(fields: F): Codec<StructOf<F>> {
  const names = Object.keys(fields);
  const codecs = Object.values(fields);
  return {
    encode(value) {
      const wire: unknown[] = new Array(names.length);
      for (let index = 0; index < names.length; index++) {
        wire[index] = codecs[index]?.encode(value[names[index] as keyof F]);
      }
      return wire;
    },
    decode(wire) {
      if (!Array.isArray(wire)) throw new MalformedError('', 'a record');
      const value: Record<string, unknown> = {};
      for (let index = 0; index < names.length; index++) {
        const name = names[index] ?? '';
        try {
          value[name] = codecs[index]?.decode(wire[index]);
        } catch (error) {
          within(name, () => {
            throw error;
          });
        }
      }
      return value as StructOf<F>;
    },
  };
}

export type Cases = Record<string, Codec<unknown>>;
export type UnionOf<C extends Cases> = { [K in keyof C]: { kind: K } & Infer<C[K]> }[keyof C];

/** One of several records, told apart by `kind`: encoded as `[kind, record]`. */
export function union<C extends Cases>(cases: C): Codec<UnionOf<C>> {
  return {
    encode: (value) => [value.kind, cases[value.kind]?.encode(value)],
    decode(wire) {
      if (!Array.isArray(wire) || typeof wire[0] !== 'string' || !Object.hasOwn(cases, wire[0])) {
        throw new MalformedError('', `one of ${Object.keys(cases).join(', ')}`);
      }
      const kind = wire[0];
      const record = within(kind, () => cases[kind]?.decode(wire[1]));
      return { kind, ...(record as object) } as UnionOf<C>;
    },
  };
}
