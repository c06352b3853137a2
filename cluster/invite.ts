// The invite: one line of text that lets a machine find a cluster and join it. Whoever has the line can join until it expires or is
// revoked. What a newcomer shows by it is invite-admission.ts's.
import { createHash, type KeyObject, randomBytes } from 'node:crypto';
import { type Infer, list, MalformedError, optional, struct, text, uint } from '../runtime/codec.ts';
import { newKeyPair, publicKeyBytes, publicKeyOf, seedBytes, seedOf } from './ed25519.ts';
import { certifyInvite, inviteCertificate, inviteLifeMostMs } from './invite-certificate.ts';
import { dhtKeyBytes, hashBytes, inviteIdBytes, type Manifest, type Role } from './manifest.ts';
import { fixedBytes, packed, sameBytes, unpacked } from './packed.ts';

const prefix = 'mur1-';
const checkBytes = 4;
const lineMost = 8192;
export const contactsMost = 8;

const contact = struct({
  /** A name or an address. */
  host: text(253),
  /** Where its core takes links, and where its agent takes packets of the DHT; null when it does not. */
  linkPort: optional(uint),
  dhtPort: optional(uint),
});
export type InviteContact = Infer<typeof contact>;

const inviteCodec = struct({
  cluster: fixedBytes(hashBytes),
  keeper: fixedBytes(publicKeyBytes),
  dhtKey: fixedBytes(dhtKeyBytes),
  contacts: list(contact, contactsMost),
  certificate: inviteCertificate,
  /** Of the key the certificate names. */
  seed: fixedBytes(seedBytes),
});
export type Invite = Infer<typeof inviteCodec>;

export interface InviteTerms {
  manifest: Manifest;
  /** The keeper's private key. */
  keeper: KeyObject;
  roles: Role[];
  contacts: InviteContact[];
  nowMs: number;
  /** At most 30 days. */
  holdsForMs: number;
}

export type InviteFault =
  | 'not-the-keeper'
  | 'no-roles'
  | 'no-contacts'
  | 'too-many-contacts'
  | 'holds-too-long';

/** Made by the keeper alone. */
export function newInvite(
  terms: InviteTerms,
): { kind: 'made'; invite: Invite } | { kind: 'rejected'; code: InviteFault; reason: string } {
  const { manifest, keeper, roles, contacts, nowMs, holdsForMs } = terms;
  const dhtKey = manifest.dhtKeys[0];
  if (!sameBytes(publicKeyOf(keeper), manifest.keeper) || dhtKey === undefined)
    return rejected('not-the-keeper', 'this key is not the keeper’s: only the keeper invites');
  if (roles.length === 0) return rejected('no-roles', 'an invite is for a gateway, a core, or both');
  if (contacts.length === 0) return rejected('no-contacts', 'an invite needs an address to begin with');
  if (contacts.length > contactsMost)
    return rejected('too-many-contacts', `an invite holds at most ${contactsMost} addresses`);
  if (!(holdsForMs > 0 && holdsForMs <= inviteLifeMostMs))
    return rejected('holds-too-long', 'an invite holds for at most 30 days');
  const pair = newKeyPair();
  const { cluster } = manifest;
  const certificate = certifyInvite(
    {
      id: randomBytes(inviteIdBytes),
      cluster,
      keeper: manifest.keeper,
      inviteKey: pair.publicKey,
      roles: [...new Set(roles)],
      issuedMs: Math.floor(nowMs),
      expiresMs: Math.floor(nowMs + holdsForMs),
    },
    keeper,
  );
  const seed = seedOf(pair.privateKey);
  return {
    kind: 'made',
    invite: { cluster, keeper: manifest.keeper, dhtKey, contacts, certificate, seed },
  };
}

/** One line without spaces, that can be copied by a double click. */
export function inviteLine(invite: Invite): string {
  const said = packed(inviteCodec, invite);
  return `${prefix}${Buffer.concat([said, checkOf(said)]).toString('base64url')}`;
}

export type InviteLine =
  | { kind: 'invite'; invite: Invite }
  /** `reason` is for the person who pasted the line. */
  | { kind: 'rejected'; code: 'no-invite' | 'newer' | 'mistyped' | 'expired'; reason: string };

/** Spaces and line breaks that a terminal or a mail has put in are overlooked. */
export function readInvite(line: string, nowMs: number): InviteLine {
  const tidy = line.replace(/\s+/g, '');
  const body = /^mur(\d+)-(.*)$/.exec(tidy);
  if (body === null || tidy.length > lineMost)
    return unreadable('no-invite', `that is no invite: an invite begins with "${prefix}"`);
  if (body[1] !== '1')
    return unreadable('newer', 'that invite was made by a newer release: update this one first');
  const mistyped = unreadable('mistyped', 'the invite is mistyped or cut short: copy the whole line again');
  const text = body[2] ?? '';
  const content = Buffer.from(text, 'base64url');
  // Node skips what is no base64url, so the text must be what these bytes give.
  if (content.toString('base64url') !== text || content.length <= checkBytes) return mistyped;
  const said = content.subarray(0, -checkBytes);
  if (!sameBytes(checkOf(said), content.subarray(-checkBytes))) return mistyped;
  let invite: Invite;
  try {
    invite = unpacked(inviteCodec, said);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return mistyped;
  }
  const { expiresMs } = invite.certificate;
  if (expiresMs <= nowMs)
    return unreadable(
      'expired',
      `the invite expired at ${new Date(expiresMs).toISOString()}: ask for another one`,
    );
  return { kind: 'invite', invite };
}

function checkOf(said: Uint8Array): Uint8Array {
  return createHash('sha256').update('murmuration invite').update(said).digest().subarray(0, checkBytes);
}

function unreadable(code: 'no-invite' | 'newer' | 'mistyped' | 'expired', reason: string) {
  return { kind: 'rejected', code, reason } as const;
}

function rejected(code: InviteFault, reason: string) {
  return { kind: 'rejected', code, reason } as const;
}
