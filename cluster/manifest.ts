// The manifest: what the keeper says of the cluster, signed, numbered by epoch, chained by hash. How the next one comes about is
// manifest-change.ts's, and which of two to believe manifest-judgement.ts's.
import { createHash, type KeyObject } from 'node:crypto';
import { bytes, type Infer, list, oneOf, optional, struct, text, uint } from '../runtime/codec.ts';
import { publicKeyBytes, signatureBytes, signUnder } from './ed25519.ts';
import { fixedBytes, packed } from './packed.ts';
import type { RingCore } from './ring.ts';

export const hashBytes = 32;
export const dhtKeyBytes = 32;
export const inviteIdBytes = 16;
/** Over these a change is refused as `full`. Together they keep a manifest within half a frame of a link. */
export const membersMost = 1024;
export const revokedMost = 4096;
export const handoversMost = 64;
export const manifestMostBytes = 512 * 1024;

const publicKey = fixedBytes(publicKeyBytes);
const hash = fixedBytes(hashBytes);

export const role = oneOf('gateway', 'core');
export type Role = Infer<typeof role>;
export const roles = list(role, 2);
export const nameMost = 40;
export const machineMost = 64;

export const member = struct({
  /** Its number: `nodeNumberOf` its key. */
  node: uint,
  key: publicKey,
  name: text(nameMost),
  /** Owners of a partition are on distinct machines. */
  machine: text(machineMost),
  roles,
  /** Its share of the ring beside the others', 100 unless told. */
  weight: uint,
  admittedMs: uint,
});
export type Member = Infer<typeof member>;

/** Who owns what follows from these and from what `ringCoresOf` knows of them. */
const ring = struct({
  cores: list(uint, membersMost),
  /** While a change is under way: the cores as they will be. Writes then need a majority of both. */
  next: optional(list(uint, membersMost)),
});
export type Ring = Infer<typeof ring>;

/** `from` says: from the manifest after `epoch` on, `to` signs. Kept for ever, so that who knows one keeper can find the present one. */
const handover = struct({
  from: publicKey,
  to: publicKey,
  epoch: uint,
  signature: fixedBytes(signatureBytes),
});
export type Handover = Infer<typeof handover>;

export const manifestCodec = struct({
  /** SHA-256 of the first keeper's public key: the name of the cluster, for good. */
  cluster: hash,
  /** 1, 2, 3 ... */
  epoch: uint,
  /** Hash of the manifest before; zeros in the first. */
  previous: hash,
  /** Signs the next manifest. This one is signed by the keeper of the one before. */
  keeper: publicKey,
  handovers: list(handover, handoversMost),
  /** By node, ascending. */
  members: list(member, membersMost),
  revokedKeys: list(publicKey, revokedMost),
  /** Forgotten once no invite of that time can still hold. */
  revokedInvites: list(struct({ id: fixedBytes(inviteIdBytes), revokedMs: uint }), revokedMost),
  /** One or two. The first seals what is sent, each opens what comes in. */
  dhtKeys: list(fixedBytes(dhtKeyBytes), 2),
  ring,
  /** Cores that are revoked and still in the ring: they count as away until a change of the ring takes them out. */
  departed: list(struct({ node: uint, machine: text(machineMost), weight: uint }), membersMost),
  /** Signs releases, or has handed that over; null: nobody does. */
  releaseKey: optional(publicKey),
});
export type Manifest = Infer<typeof manifestCodec>;

/** As it travels and is kept. */
export const signedManifest = struct({
  bytes: bytes(manifestMostBytes),
  signature: fixedBytes(signatureBytes),
});
export type SignedManifest = Infer<typeof signedManifest>;

/** One whose signature has been looked at: the only kind that anything is done by. */
export interface VerifiedManifest {
  manifest: Manifest;
  hash: Uint8Array;
  signed: SignedManifest;
}

export const noHash: Uint8Array = new Uint8Array(hashBytes);

/** The first manifest of a cluster: its only member serves all of it, and its key's holder is the keeper. */
export function foundingManifest(founding: {
  keeper: Uint8Array;
  member: Member;
  dhtKey: Uint8Array;
}): Manifest {
  return {
    cluster: clusterOf(founding.keeper),
    epoch: 1,
    previous: noHash,
    keeper: founding.keeper,
    handovers: [],
    members: [founding.member],
    revokedKeys: [],
    revokedInvites: [],
    dhtKeys: [founding.dhtKey],
    ring: { cores: [founding.member.node], next: null },
    departed: [],
    releaseKey: null,
  };
}

/** The ring with all that `ownersOf` needs, of a sound manifest. */
export function ringCoresOf(manifest: Manifest): { cores: RingCore[]; next: RingCore[] | null } {
  const known = new Map<number, RingCore>();
  for (const { node, machine, weight } of [...manifest.departed, ...manifest.members])
    known.set(node, { node, machine, weight });
  const coresOf = (nodes: number[]): RingCore[] => nodes.flatMap((node) => known.get(node) ?? []);
  const { cores, next } = manifest.ring;
  return { cores: coresOf(cores), next: next === null ? null : coresOf(next) };
}

/** By the keeper of the manifest before this one. That the body is sound is `verifyManifest`'s to say. */
export function signManifest(manifest: Manifest, keeper: KeyObject): SignedManifest {
  const said = packed(manifestCodec, manifest);
  return { bytes: said, signature: signUnder('manifest', said, keeper) };
}

/** Of the bytes alone: another signature of the same bytes is the same manifest. */
export function hashOf(signed: SignedManifest): Uint8Array {
  return sha256(signed.bytes);
}

/** The cluster that was founded with this keeper. */
export function clusterOf(firstKeeper: Uint8Array): Uint8Array {
  return sha256(firstKeeper);
}

export function handoverBytes(
  cluster: Uint8Array,
  { from, to, epoch }: Omit<Handover, 'signature'>,
): Uint8Array {
  return packed(struct({ cluster: hash, from: publicKey, to: publicKey, epoch: uint }), {
    cluster,
    from,
    to,
    epoch,
  });
}

function sha256(content: Uint8Array): Uint8Array {
  return createHash('sha256').update(content).digest();
}
