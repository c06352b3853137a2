// Keys and versions on the wire: as bytes, for msgpack would spell their characters as UTF-8.
import { bytes, type Codec, MalformedError } from './codec.ts';
import { bytesOfLatin1, latin1OfBytes } from './status-id.ts';
import { type Version, versionBytes } from './version.ts';

/** Characters of one byte each, at most `most` of them. */
export function latin1(most: number): Codec<string> {
  const inner = bytes(most);
  return {
    encode: (characters) => inner.encode(bytesOfLatin1(characters)),
    decode(wire) {
      const read = inner.decode(wire);
      return latin1OfBytes(read, 0, read.length);
    },
  };
}

export const versionCodec: Codec<Version> = {
  encode: (version) => bytesOfLatin1(version),
  decode(wire) {
    const read = bytes(versionBytes).decode(wire);
    if (read.length !== versionBytes) throw new MalformedError('', 'a version');
    return latin1OfBytes(read, 0, versionBytes) as Version;
  },
};

const keyMost = 1024;
export const keyCodec = latin1(keyMost);
