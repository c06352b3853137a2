// Drawn pictures: real PNG files, the same for the same account.
import { inflateSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { drawAvatar, drawHeader } from '../../gateway/picture.ts';
import { accountIdOf } from '../../runtime/handle.ts';

/** The chunks of a PNG, each with its checksum verified by another way of counting than the writer's. */
function chunksOf(png: Uint8Array): Map<string, Uint8Array> {
  const bytes = Buffer.from(png);
  expect(bytes.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
  const chunks = new Map<string, Uint8Array>();
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const named = bytes.subarray(at + 4, at + 8 + length);
    expect(bytes.readUInt32BE(at + 8 + length)).toBe(bitwiseCrc(named));
    chunks.set(named.subarray(0, 4).toString('latin1'), named.subarray(4));
    at += length + 12;
  }
  return chunks;
}

function bitwiseCrc(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit++) {
      const low = (crc ^ (byte >> bit)) & 1;
      crc = (crc >>> 1) ^ (low ? 0xedb88320 : 0);
    }
  }
  return ~crc >>> 0;
}

it('an avatar is a square PNG of two colors, mirrored from left to right', () => {
  const chunks = chunksOf(drawAvatar(accountIdOf('alice')));
  const header = Buffer.from(chunks.get('IHDR') ?? []);
  const size = header.readUInt32BE(0);
  expect(header.readUInt32BE(4)).toBe(size);
  expect(chunks.get('PLTE')).toHaveLength(6);
  const lines = inflateSync(chunks.get('IDAT') ?? new Uint8Array(0));
  expect(lines).toHaveLength(size * (size + 1));
  for (let y = 0; y < size; y += 13) {
    const line = lines.subarray(y * (size + 1) + 1, (y + 1) * (size + 1));
    expect([...line].reverse()).toEqual([...line]);
  }
});

it('an account keeps its picture, and another has another', () => {
  expect(drawAvatar(accountIdOf('alice'))).toEqual(drawAvatar(accountIdOf('Alice')));
  expect(drawAvatar(accountIdOf('alice'))).not.toEqual(drawAvatar(accountIdOf('bob')));
});

it('the header that all have is a PNG, too', () => {
  expect([...chunksOf(drawHeader()).keys()]).toEqual(['IHDR', 'PLTE', 'IDAT', 'IEND']);
});
