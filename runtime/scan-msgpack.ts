// Looks over msgpack bytes from outside before they are decoded: plain values only, bounded. What they mean is the codecs' concern.

export interface ScanBounds {
  /** Lists within lists. At most 64. */
  depth: number;
  /** Values altogether, lists included. */
  values: number;
}

const deepest = 64;
/** How many values each open list still lacks. One for the whole process: a scan does not wait. */
const lacking = new Uint32Array(deepest + 1);

/**
 * Null when the bytes are exactly one value made of nil, booleans, numbers, strings, bytes and lists; else what is wrong.
 * Maps, extensions (dates, records, typed arrays) and 64-bit integers are refused: nothing here sends them, and decoders make
 * objects of the sender's choice from them. Whether a string is UTF-8 is not looked at.
 */
export function scanMsgpack(bytes: Uint8Array, bounds: ScanBounds): string | null {
  const end = bytes.length;
  const depthBound = Math.min(bounds.depth, deepest);
  let at = 0;
  let depth = 0;
  let values = 0;
  lacking[0] = 1;
  for (;;) {
    while (lacking[depth] === 0) {
      if (depth === 0) return at === end ? null : 'bytes behind the value';
      depth--;
    }
    lacking[depth] = (lacking[depth] ?? 0) - 1;
    if (at >= end) return 'cut short';
    if (++values > bounds.values) return `more than ${bounds.values} values`;
    const token = bytes[at++] ?? 0;
    if (token < 0x80 || token >= 0xe0) continue;
    let length = 0;
    let isList = false;
    if (token < 0x90) return 'a map';
    if (token < 0xa0) {
      length = token & 0x0f;
      isList = true;
    } else if (token < 0xc0) {
      length = token & 0x1f;
    } else {
      const shape = shapes[token - 0xc0] ?? refused;
      if (shape === refused) return `a value of type 0x${token.toString(16)}`;
      if (shape <= fixedMost) {
        length = shape;
      } else {
        const width = shape & 7;
        if (at + width > end) return 'cut short';
        for (let step = 0; step < width; step++) length = length * 256 + (bytes[at++] ?? 0);
        isList = shape >= listOf;
      }
    }
    // Every value takes at least a byte, so a list longer than what is left is as wrong as a string that is.
    if (length > end - at) return 'cut short';
    if (!isList) {
      at += length;
    } else {
      if (depth === depthBound) return `lists deeper than ${depthBound}`;
      lacking[++depth] = length;
    }
  }
}

/** What follows a type byte from 0xc0 to 0xdf: so many bytes; or a length of so many bytes, then its bytes or its values. */
const fixedMost = 8;
const bytesOf = 16;
const listOf = 32;
const refused = 255;
// biome-ignore format: one row for each group of types
const shapes = Uint8Array.from([
  0, refused, 0, 0, // nil, never used, false, true
  bytesOf + 1, bytesOf + 2, bytesOf + 4, // bytes
  refused, refused, refused, // extensions with a length
  4, 8, // floats
  1, 2, 4, refused, // unsigned
  1, 2, 4, refused, // signed
  refused, refused, refused, refused, refused, // extensions of fixed length
  bytesOf + 1, bytesOf + 2, bytesOf + 4, // strings
  listOf + 2, listOf + 4,
  refused, refused, // maps
]);
