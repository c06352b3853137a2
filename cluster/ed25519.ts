// Ed25519 keys and signatures as bytes: 32-byte public keys, 32-byte seeds, labelled signatures. Where keys are kept is key-file.ts's.
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';

export const publicKeyBytes = 32;
export const seedBytes = 32;
export const signatureBytes = 64;

/** What stands before the 32 bytes in the two standard forms (RFC 8410). */
const spkiHead = Buffer.from('302a300506032b6570032100', 'hex');
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');

/** What a signature is for. It is signed along, so that none can stand in for another. */
export type SignatureLabel =
  | 'manifest'
  | 'handover'
  | 'invite'
  | 'admission'
  | 'release'
  | 'release-handover';

export interface KeyPair {
  publicKey: Uint8Array;
  privateKey: KeyObject;
}

export function newKeyPair(): KeyPair {
  const { privateKey } = generateKeyPairSync('ed25519');
  return { publicKey: publicKeyOf(privateKey), privateKey };
}

/** Throws a `RangeError` for a seed of another length. */
export function keyPairOf(seed: Uint8Array): KeyPair {
  if (seed.length !== seedBytes) throw new RangeError(`a seed has ${seedBytes} bytes, not ${seed.length}`);
  const privateKey = createPrivateKey({
    key: Buffer.concat([pkcs8Head, seed]),
    format: 'der',
    type: 'pkcs8',
  });
  return { publicKey: publicKeyOf(privateKey), privateKey };
}

export function seedOf(privateKey: KeyObject): Uint8Array {
  return privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(pkcs8Head.length);
}

/** The raw key within an Ed25519 key of Node's. Throws for a key of another kind. */
export function publicKeyOf(key: KeyObject): Uint8Array {
  if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('not an Ed25519 key');
  const spki = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'der', type: 'spki' });
  return spki.subarray(spkiHead.length);
}

export function signUnder(label: SignatureLabel, said: Uint8Array, privateKey: KeyObject): Uint8Array {
  return sign(null, labelled(label, said), privateKey);
}

/** False for everything that is not this key's signature of these bytes under this label, wrong lengths included. */
export function isSignedUnder(
  label: SignatureLabel,
  said: Uint8Array,
  by: { signature: Uint8Array; publicKey: Uint8Array },
): boolean {
  return isSigned(labelled(label, said), by);
}

/** Without a label, as BEP 44 signs. */
export function isSigned(said: Uint8Array, by: { signature: Uint8Array; publicKey: Uint8Array }): boolean {
  if (by.publicKey.length !== publicKeyBytes || by.signature.length !== signatureBytes) return false;
  try {
    const key = createPublicKey({
      key: Buffer.concat([spkiHead, by.publicKey]),
      format: 'der',
      type: 'spki',
    });
    return verify(null, said, key, by.signature);
  } catch {
    // Bytes that are no point of the curve.
    return false;
  }
}

function labelled(label: SignatureLabel, said: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`murmuration ${label} 1\0`), said]);
}
