// SHA-1 of pieces. A long one is hashed off the event loop.
import { createHash, webcrypto } from 'node:crypto';

/** About half a millisecond on a slow machine. */
const atOnceMostBytes = 256 * 1024;

/** True when these bytes have this hash. They must not change meanwhile. */
export function hasHash(bytes: Buffer, hash: Uint8Array): boolean | Promise<boolean> {
  if (bytes.length <= atOnceMostBytes) return createHash('sha1').update(bytes).digest().equals(hash);
  return webcrypto.subtle.digest('SHA-1', bytes).then((digest) => Buffer.from(digest).equals(hash));
}
