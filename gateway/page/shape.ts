// Decoders for JSON from outside: each names the form it expects and keeps only what it knows. What the forms are is entities.ts's.

/** Returns the value in its type, or throws `Misshapen`. */
export type Shape<T> = (value: unknown, path: string) => T;
export type Shaped<S> = S extends Shape<infer T> ? T : never;

export class Misshapen extends Error {
  constructor(path: string, wanted: string) {
    super(`${path || 'the answer'} is not ${wanted}`);
    this.name = 'Misshapen';
  }
}

export const string: Shape<string> = (value, path) => {
  if (typeof value !== 'string') throw new Misshapen(path, 'a string');
  return value;
};

export const number: Shape<number> = (value, path) => {
  if (typeof value !== 'number') throw new Misshapen(path, 'a number');
  return value;
};

export const boolean: Shape<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw new Misshapen(path, 'true or false');
  return value;
};

/** Whatever it is: the answer itself does not matter. */
export const nothing: Shape<null> = () => null;

/** Missing and null are the same: the fallback. */
export function otherwise<T>(shape: Shape<T>, fallback: T): Shape<T> {
  return (value, path) => (value === undefined || value === null ? fallback : shape(value, path));
}

export function orNull<T>(shape: Shape<T>): Shape<T | null> {
  return (value, path) => (value === undefined || value === null ? null : shape(value, path));
}

export function list<T>(shape: Shape<T>): Shape<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw new Misshapen(path, 'a list');
    return value.map((entry, index) => shape(entry, `${path}[${index}]`));
  };
}

export function record<F extends Record<string, Shape<unknown>>>(
  fields: F,
): Shape<{ readonly [K in keyof F]: Shaped<F[K]> }> {
  const names = Object.entries(fields);
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new Misshapen(path, 'an object');
    const found = new Map<string, unknown>(Object.entries(value));
    const made = names.map(([name, shape]) => [
      name,
      shape(found.get(name), path ? `${path}.${name}` : name),
    ]);
    // Each field was just made by its own shape, which is what the type says.
    return Object.fromEntries(made) as { readonly [K in keyof F]: Shaped<F[K]> };
  };
}

/** A string of these and no other; any other becomes the fallback, so that a newer server does not empty the page. */
export function oneOf<T extends string>(known: readonly T[], fallback: T): Shape<T> {
  return (value) => known.find((word) => word === value) ?? fallback;
}
