// Handovers of the release key: each key may name its successor, once. Which key is to be believed follows from the first and these.
import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { isSignedUnder, publicKeyBytes, publicKeyOf, signatureBytes, signUnder } from './ed25519.ts';
import { bytesOf, hexDigits, hexOf } from './hex.ts';
import { sameBytes } from './packed.ts';

/** `from` says that `to` signs from now on, and that it does not any more. */
export interface ReleaseHandover {
  from: Uint8Array;
  to: Uint8Array;
  signature: Uint8Array;
}

export const handoversMost = 100;

export function signHandover(to: Uint8Array, privateKey: KeyObject): ReleaseHandover {
  if (to.length !== publicKeyBytes) throw new RangeError(`a public key has ${publicKeyBytes} bytes`);
  const from = publicKeyOf(privateKey);
  return { from, to, signature: signUnder('release-handover', said(from, to), privateKey) };
}

export function isHandover({ from, to, signature }: ReleaseHandover): boolean {
  return (
    from.length === publicKeyBytes &&
    to.length === publicKeyBytes &&
    isSignedUnder('release-handover', said(from, to), { signature, publicKey: from })
  );
}

function said(from: Uint8Array, to: Uint8Array): Uint8Array {
  return Buffer.concat([from, to]);
}

/** What a node knows of release keys. */
export interface ReleaseTrust {
  /** As the cluster's manifest names it. */
  first: Uint8Array;
  /** In the order in which they came. */
  handovers: readonly ReleaseHandover[];
}

/**
 * The key at the end of the chain, and no other: a key that has been handed over is believed no more. Where two say they come after one
 * key, the one that stands first in the list is meant.
 */
export function trustedKey({ first, handovers }: ReleaseTrust): Uint8Array {
  let key = first;
  const passed = new Set<string>();
  for (;;) {
    passed.add(hexOf(key));
    const next = handovers.find((one) => sameBytes(one.from, key) && isHandover(one));
    // Round and back again: whoever holds a former key must not become the successor of its successors.
    if (next === undefined || passed.has(hexOf(next.to))) return key;
    key = next.to;
  }
}

export function isTrusted(key: Uint8Array, trust: ReleaseTrust): boolean {
  return sameBytes(trustedKey(trust), key);
}

/** `conflict`: another successor of the same key was heard of before. */
export type HandoverRefusal = 'wrong-signature' | 'unknown-key' | 'conflict' | 'circle' | 'too-many';

export type HandoverTaken =
  | { kind: 'taken'; handovers: ReleaseHandover[] }
  | { kind: 'known' }
  | { kind: 'refused'; code: HandoverRefusal; reason: string };

/** What a node knows, with one more: only ever a successor of the key that is trusted now. */
export function takeHandover(handover: ReleaseHandover, trust: ReleaseTrust): HandoverTaken {
  const { first, handovers } = trust;
  if (!isHandover(handover)) return refused('wrong-signature', 'the signature of the handover is wrong');
  const same = handovers.find(({ from }) => sameBytes(from, handover.from));
  if (same !== undefined && sameBytes(same.to, handover.to)) return { kind: 'known' };
  if (same !== undefined) return refused('conflict', 'that key has been handed over to another one already');
  if (!isTrusted(handover.from, trust))
    return refused('unknown-key', 'it is handed over by a key that this cluster does not trust');
  const former = [first, ...handovers.map(({ to }) => to)];
  if (former.some((key) => sameBytes(key, handover.to)))
    return refused('circle', 'it would hand over to a key that was in use before');
  if (handovers.length >= handoversMost) return refused('too-many', `${handoversMost} handovers at most`);
  return { kind: 'taken', handovers: [...handovers, handover] };
}

function refused(code: HandoverRefusal, reason: string): HandoverTaken {
  return { kind: 'refused', code, reason };
}

/** As it stands in a file, beside the key. */
export const handoverJson = z.strictObject({
  from: hexDigits(publicKeyBytes),
  to: hexDigits(publicKeyBytes),
  signature: hexDigits(signatureBytes),
});

export function handoverToJson({ from, to, signature }: ReleaseHandover): z.infer<typeof handoverJson> {
  return { from: hexOf(from), to: hexOf(to), signature: hexOf(signature) };
}

export function handoverFromJson(json: z.infer<typeof handoverJson>): ReleaseHandover {
  return { from: bytesOf(json.from), to: bytesOf(json.to), signature: bytesOf(json.signature) };
}
