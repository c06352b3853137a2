// A node's certificate: its Ed25519 key in the X.509 form that TLS asks for. Keys are pinned, so names and dates in it mean nothing.
//
// Written out here because the packages that make certificates use WebCrypto, whose Ed25519 warns on Node before 20.19.3 and 22.13.
import { createHash, sign, X509Certificate } from 'node:crypto';
import { type KeyPair, publicKeyOf } from './ed25519.ts';
import { nodeNumberOf } from './node-number.ts';

const tag = { integer: 0x02, bits: 0x03, oid: 0x06, text: 0x0c, time: 0x18, sequence: 0x30, set: 0x31 };

/** The same key always gives the same bytes (DER), so it is made anew at each start and kept nowhere. */
export function certificateOf({ publicKey, privateKey }: KeyPair): Uint8Array {
  const algorithm = der(tag.sequence, oid(1, 3, 101, 112));
  const commonName = der(tag.text, Buffer.from(`murmuration node ${nodeNumberOf(publicKey)}`));
  const name = der(tag.sequence, der(tag.set, der(tag.sequence, oid(2, 5, 4, 3), commonName)));
  const statement = der(
    tag.sequence,
    // [0]: version 3, which is written as 2.
    der(0xa0, der(tag.integer, Buffer.from([2]))),
    serialOf(publicKey),
    algorithm,
    name,
    // RFC 5280: 9999-12-31 stands for no end.
    der(tag.sequence, time('20000101000000Z'), time('99991231235959Z')),
    name,
    der(tag.sequence, algorithm, der(tag.bits, Buffer.from([0]), publicKey)),
  );
  const signature = sign(null, statement, privateKey);
  return der(tag.sequence, statement, algorithm, der(tag.bits, Buffer.from([0]), signature));
}

export function pemOf(certificate: Uint8Array): string {
  const lines =
    Buffer.from(certificate)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/**
 * The raw key in a certificate (DER) that a peer has shown; null when it is no certificate or has another kind of key.
 * Only the key counts: TLS 1.3 has the peer prove that it holds it, and the manifest says whose it is.
 */
export function publicKeyOfCertificate(raw: Uint8Array): Uint8Array | null {
  try {
    return publicKeyOf(new X509Certificate(raw).publicKey);
  } catch {
    return null;
  }
}

function serialOf(publicKey: Uint8Array): Buffer {
  const serial = createHash('sha256').update(publicKey).digest().subarray(0, 16);
  // Positive, and with no needless zero in front.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return der(tag.integer, serial);
}

function time(text: string): Buffer {
  return der(tag.time, Buffer.from(text, 'latin1'));
}

/** Each part below 128, but for the first two, which share a byte. */
function oid(first: number, second: number, ...rest: number[]): Buffer {
  return der(tag.oid, Buffer.from([first * 40 + second, ...rest]));
}

function der(kind: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([kind, ...size]), content]);
}
