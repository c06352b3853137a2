// The proofs both ends give that they have read core.link, or are of one cluster. No sockets here.
import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Challenge, type Introduction, nonceBytes, protocolFrom, protocolTo } from './link-messages.ts';

export function newNonce(): Uint8Array {
  return randomBytes(nonceBytes);
}

/**
 * HMAC-SHA256 with the link's key over everything both have said. Each side's nonce makes what the other proves fresh, so what
 * was heard once proves nothing later; the label keeps one side's proof from being the other's.
 */
export function proofOf(
  label: 'core' | 'visitor',
  key: Uint8Array,
  asked: Challenge,
  introduced: Omit<Introduction, 'proof'>,
): Uint8Array {
  const said = JSON.stringify([
    'murmuration link',
    label,
    asked.protocolFrom,
    asked.protocolTo,
    Buffer.from(asked.nonce).toString('hex'),
    introduced.protocolFrom,
    introduced.protocolTo,
    introduced.role,
    introduced.name,
    Buffer.from(introduced.nonce).toString('hex'),
  ]);
  return createHmac('sha256', key).update(said).digest();
}

/**
 * The key of the greeting between machines, from the cluster's id. No secret: who is at either end TLS has had proved by then, and this
 * only keeps clusters apart.
 */
export function linkKeyOf(cluster: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', cluster, '', 'murmuration link between machines', 32));
}

export function sameProof(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

/** The highest protocol version this program and the other end know; null when there is none. */
export function commonProtocol(other: { protocolFrom: number; protocolTo: number }): number | null {
  const highest = Math.min(protocolTo, other.protocolTo);
  return highest >= Math.max(protocolFrom, other.protocolFrom) ? highest : null;
}

/** Of gateways and operators, as it stands in logs and metrics. */
export function isLinkName(name: string): boolean {
  return /^[a-z0-9-]{1,40}$/.test(name);
}
