// Plain data in a trial: whether two pieces are the same, and whether there is nothing in it but data.

/** As the structured clone algorithm has it, of what products use: records, lists, maps, sets, bytes and numbers. */
export function isSameData(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one))
    return (
      Array.isArray(other) &&
      one.length === other.length &&
      one.every((item, place) => isSameData(item, other[place]))
    );
  if (ArrayBuffer.isView(one)) return ArrayBuffer.isView(other) && isSameData(bytesOf(one), bytesOf(other));
  if (one instanceof Map) return other instanceof Map && isSameData([...one], [...other]);
  if (one instanceof Set) return other instanceof Set && isSameData([...one], [...other]);
  if (Array.isArray(other) || other instanceof Map || other instanceof Set) return false;
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length &&
    names.every(
      (name) =>
        Object.hasOwn(other, name) &&
        isSameData(one[name as keyof typeof one], other[name as keyof typeof other]),
    )
  );
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): number[] {
  return [...new Uint8Array(buffer, byteOffset, byteLength)];
}

/** The place of the first thing that is no data (a function, an object of a class); null: there is none. */
export function foreignPlace(value: unknown, seen = new Set<unknown>(), place = ''): string | null {
  if (typeof value === 'function' || typeof value === 'symbol') return place;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || seen.has(value))
    return null;
  seen.add(value);
  if (value instanceof Map || value instanceof Set || Array.isArray(value)) {
    for (const item of value) {
      const found = foreignPlace(item, seen, `${place}[]`);
      if (found !== null) return found;
    }
    return null;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return place;
  for (const [name, inner] of Object.entries(value)) {
    const found = foreignPlace(inner, seen, `${place}.${name}`);
    if (found !== null) return found;
  }
  return null;
}
