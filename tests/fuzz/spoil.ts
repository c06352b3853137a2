// Spoils bytes: flips, cuts, doubles and moves parts of what was right before.
import type { Chance } from './chance.ts';

/** Bytes that mean something to parsers. */
const telling: readonly [number, ...number[]] = [
  0x00, 0x0a, 0x0d, 0x20, 0x22, 0x25, 0x3a, 0x5b, 0x7b, 0x7f, 0x80, 0xc0, 0xed, 0xf5, 0xff,
];

/** The same bytes with one to `most` of them, or stretches of them, changed. May be empty, and may happen to change nothing. */
export function spoil(bytes: Uint8Array, chance: Chance, most = 4): Buffer {
  let spoiled = Buffer.from(bytes);
  for (let count = 1 + chance.below(most); count > 0; count--) spoiled = spoilOnce(spoiled, chance);
  return spoiled;
}

function spoilOnce(bytes: Buffer<ArrayBuffer>, chance: Chance): Buffer<ArrayBuffer> {
  const at = chance.below(bytes.length + 1);
  const to = Math.min(bytes.length, at + 1 + chance.below(16));
  const [before, part, after] = [bytes.subarray(0, at), bytes.subarray(at, to), bytes.subarray(to)];
  switch (chance.below(7)) {
    case 0:
      bytes[Math.min(at, bytes.length - 1)] = chance.below(256);
      return bytes;
    case 1:
      bytes[Math.min(at, bytes.length - 1)] = chance.pick(telling);
      return bytes;
    case 2:
      return Buffer.concat([before, after]);
    case 3:
      return Buffer.concat([before, part, part, after]);
    case 4:
      return Buffer.concat([before, chance.bytes(1 + chance.below(8)), part, after]);
    case 5:
      return Buffer.concat([after, before, part]);
    default:
      return Buffer.from(before);
  }
}
