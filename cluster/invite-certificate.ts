// What the keeper says of an invite's key: for which cluster, which roles, until when. Signed, so that every node can check it.
import type { KeyObject } from 'node:crypto';
import { type Infer, struct, uint } from '../runtime/codec.ts';
import { isSignedUnder, publicKeyBytes, signatureBytes, signUnder } from './ed25519.ts';
import { hashBytes, inviteIdBytes, roles } from './manifest.ts';
import { fixedBytes, packed } from './packed.ts';

const dayMs = 24 * 60 * 60_000;
/** No invite holds for longer: the manifest need not remember for longer which were revoked. */
export const inviteLifeMostMs = 30 * dayMs;

const statement = {
  id: fixedBytes(inviteIdBytes),
  cluster: fixedBytes(hashBytes),
  keeper: fixedBytes(publicKeyBytes),
  /** Whoever holds its private half was invited. */
  inviteKey: fixedBytes(publicKeyBytes),
  /** What the newcomer may be. */
  roles,
  issuedMs: uint,
  expiresMs: uint,
};
const statementCodec = struct(statement);
type Statement = Infer<typeof statementCodec>;

export const inviteCertificate = struct({ ...statement, signature: fixedBytes(signatureBytes) });
export type InviteCertificate = Infer<typeof inviteCertificate>;

export function certifyInvite(said: Statement, keeper: KeyObject): InviteCertificate {
  return { ...said, signature: signUnder('invite', packed(statementCodec, said), keeper) };
}

/** Whether the keeper it names has signed it. Which keeper counts, and until when it holds, is looked at by who admits. */
export function isCertified(certificate: InviteCertificate): boolean {
  const said = packed(statementCodec, certificate);
  return isSignedUnder('invite', said, {
    signature: certificate.signature,
    publicKey: certificate.keeper,
  });
}
