// What a newcomer shows on links: that it was invited, and for which key. Making it needs the invite; checking it, the manifest.
import { type Infer, optional, struct, text, uint } from '../runtime/codec.ts';
import { isSignedUnder, keyPairOf, publicKeyBytes, signatureBytes, signUnder } from './ed25519.ts';
import type { Invite } from './invite.ts';
import { inviteCertificate, inviteLifeMostMs, isCertified } from './invite-certificate.ts';
import { type Manifest, type Member, machineMost, nameMost, roles } from './manifest.ts';
import { nodeNumberOf } from './node-number.ts';
import { fixedBytes, packed, sameBytes } from './packed.ts';

export const weightUnlessTold = 100;
export const weightMost = 10_000;
/** A newcomer's clock may be behind by this much when an invite was just made. */
const clocksApartMs = 5 * 60_000;

const request = {
  node: fixedBytes(publicKeyBytes),
  name: text(nameMost),
  machine: text(machineMost),
  roles,
  /** Its share beside the other cores'; null: `weightUnlessTold`. */
  weight: optional(uint),
};
const requestCodec = struct(request);
export type AdmissionRequest = Infer<typeof requestCodec>;

/** No secret: it admits the key it names and no other, and a link proves who holds that. */
export const admission = struct({
  certificate: inviteCertificate,
  ...request,
  signature: fixedBytes(signatureBytes),
});
export type Admission = Infer<typeof admission>;

/** `wanted.node` is the newcomer's public key. */
export function admissionOf(invite: Invite, wanted: AdmissionRequest): Admission {
  const { privateKey } = keyPairOf(invite.seed);
  const signature = signUnder('admission', packed(requestCodec, wanted), privateKey);
  return { ...wanted, certificate: invite.certificate, signature };
}

export type AdmissionRejectionCode =
  | 'wrong-cluster'
  | 'wrong-keeper'
  | 'forged'
  | 'not-yet'
  | 'expired'
  | 'invite-revoked'
  | 'key-revoked'
  | 'roles-not-granted'
  | 'no-name'
  | 'no-weight';

export type AdmissionVerdict =
  /** Not admitted yet: `admit` and the keeper's signature do that. */
  { kind: 'member'; member: Member } | { kind: 'rejected'; code: AdmissionRejectionCode; reason: string };

/** Every node can tell, by its manifest. Names that cannot be read by people are refused here too. */
export function verifyAdmission(
  shown: Admission,
  { manifest, nowMs }: { manifest: Manifest; nowMs: number },
): AdmissionVerdict {
  const { certificate, signature, ...wanted } = shown;
  if (!sameBytes(certificate.cluster, manifest.cluster))
    return rejected('wrong-cluster', 'the invite is for another cluster');
  if (!sameBytes(certificate.keeper, manifest.keeper))
    return rejected('wrong-keeper', 'the invite is not by the keeper as it is now: ask for another one');
  const by = { signature, publicKey: certificate.inviteKey };
  if (!isCertified(certificate) || !isSignedUnder('admission', packed(requestCodec, wanted), by))
    return rejected('forged', 'a signature is not what it should be');
  if (certificate.issuedMs > nowMs + clocksApartMs)
    return rejected('not-yet', 'the invite is from the future: the clocks of the machines differ');
  if (certificate.expiresMs <= nowMs || certificate.expiresMs - certificate.issuedMs > inviteLifeMostMs)
    return rejected('expired', 'the invite has expired: ask for another one');
  if (manifest.revokedInvites.some(({ id }) => sameBytes(id, certificate.id)))
    return rejected('invite-revoked', 'the invite was revoked');
  if (manifest.revokedKeys.some((key) => sameBytes(key, wanted.node)))
    return rejected('key-revoked', 'the node was thrown out of the cluster');
  const granted: ReadonlySet<string> = new Set(certificate.roles);
  if (wanted.roles.length === 0 || wanted.roles.some((role) => !granted.has(role)))
    return rejected('roles-not-granted', `the invite is for ${certificate.roles.join(' and ')} only`);
  if (!isName(wanted.name) || !isName(wanted.machine))
    return rejected(
      'no-name',
      'the names of a node and of its machine are letters, digits, ".", "_" and "-"',
    );
  const { node: key, name, machine, weight } = wanted;
  if (weight !== null && (weight < 1 || weight > weightMost))
    return rejected('no-weight', `the capacity of a node is 1 to ${weightMost}`);
  return {
    kind: 'member',
    member: {
      node: nodeNumberOf(key),
      key,
      name,
      machine,
      roles: [...new Set(wanted.roles)],
      weight: weight ?? weightUnlessTold,
      admittedMs: Math.floor(nowMs),
    },
  };
}

/** Fit for logs, metrics and command lines. */
export function isName(name: string): boolean {
  return /^[A-Za-z0-9._-]{1,64}$/.test(name);
}

function rejected(code: AdmissionRejectionCode, reason: string): AdmissionVerdict {
  return { kind: 'rejected', code, reason };
}
