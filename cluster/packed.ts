// A value as the bytes its codec makes of it, and back with suspicion: for what is signed, hashed or carried by hand.
import { bytes, type Codec, MalformedError } from '../runtime/codec.ts';
import { scanMsgpack } from '../runtime/scan-msgpack.ts';
import { packWire, unpackWire } from '../runtime/wire-bytes.ts';

const scanBounds = { depth: 16, values: 100_000 };

/** The same value gives the same bytes. They are the caller's own: no piece of a larger buffer. */
export function packed<T>(codec: Codec<T>, value: T): Uint8Array {
  return Uint8Array.from(packWire(codec.encode(value)));
}

/** Throws `MalformedError` for everything but one value of this codec. */
export function unpacked<T>(codec: Codec<T>, from: Uint8Array): T {
  const wrong = scanMsgpack(from, scanBounds);
  if (wrong !== null) throw new MalformedError('', `plain values, not ${wrong}`);
  let wire: unknown;
  try {
    wire = unpackWire(from);
  } catch (error) {
    throw new MalformedError('', `msgpack (${String(error)})`);
  }
  return codec.decode(wire);
}

/** Bytes of exactly this length. */
export function fixedBytes(length: number): Codec<Uint8Array> {
  const bounded = bytes(length);
  return {
    encode: (value) => value,
    decode(wire) {
      const value = bounded.decode(wire);
      if (value.length !== length) throw new MalformedError('', `${length} bytes`);
      return value;
    },
  };
}

export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
