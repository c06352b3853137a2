// A set of partitions as it travels: one bit each.

export function bitsOf(partitions: Iterable<number>, count: number): Uint8Array {
  const bits = new Uint8Array(Math.ceil(count / 8));
  for (const partition of partitions)
    bits[partition >> 3] = (bits[partition >> 3] ?? 0) | (1 << (partition & 7));
  return bits;
}

export function hasBit(bits: Uint8Array, partition: number): boolean {
  return ((bits[partition >> 3] ?? 0) & (1 << (partition & 7))) !== 0;
}

export function sameBits(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
