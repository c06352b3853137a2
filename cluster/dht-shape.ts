// Shapes of bencoded dictionaries: which fields there must and may be, and how each is looked at. Which shapes there are is decided
// by dht-message.ts for members, and by dht-door-message.ts for everybody else.
import type { Bencoded } from './dht-bencode.ts';

export type Fields = ReadonlyMap<string, Bencoded>;
export type Check = (value: Bencoded) => boolean;
export interface Shape {
  must: readonly string[];
  may: readonly string[];
}

/** A field that the shape names and `checks` does not is refused; one that the shape does not name is left out: others may send more. */
export function shaped(
  given: Bencoded | undefined,
  shape: Shape,
  checks: ReadonlyMap<string, Check>,
): Map<string, Bencoded> | null {
  if (!(given instanceof Map)) return null;
  const fields = new Map<string, Bencoded>();
  for (const name of [...shape.must, ...shape.may]) {
    const value = given.get(name);
    if (value === undefined) continue;
    if (checks.get(name)?.(value) !== true) return null;
    fields.set(name, value);
  }
  return shape.must.every((name) => fields.has(name)) ? fields : null;
}

export function ofLength(length: number): Check {
  return (value) => Buffer.isBuffer(value) && value.length === length;
}

/** BEP 5's: a number and a few words. */
export function isError(error: Bencoded): boolean {
  if (!Array.isArray(error) || error.length !== 2) return false;
  const [code, text] = error;
  return typeof code === 'number' && Buffer.isBuffer(text) && text.length <= 500;
}
