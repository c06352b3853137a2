// The rules by which the keeper changes the manifest: each gives the manifest as it would be, or says why not. Pure; several may
// be applied one after the other, and `signNext` makes the outcome the next epoch.
import type { KeyObject } from 'node:crypto';
import { publicKeyBytes, publicKeyOf, signUnder } from './ed25519.ts';
import { inviteLifeMostMs } from './invite-certificate.ts';
import {
  dhtKeyBytes,
  handoverBytes,
  handoversMost,
  type Manifest,
  type Member,
  manifestMostBytes,
  membersMost,
  type Ring,
  revokedMost,
  type SignedManifest,
  signManifest,
  type VerifiedManifest,
} from './manifest.ts';
import { flawOf, verifyManifest } from './manifest-judgement.ts';
import { nodeNumberOf } from './node-number.ts';
import { sameBytes } from './packed.ts';

export type ChangeRejectionCode =
  | 'member-already'
  | 'number-taken'
  | 'key-revoked'
  | 'not-a-member'
  | 'not-a-core'
  | 'revoked-already'
  | 'under-way'
  | 'not-under-way'
  | 'in-ring-already'
  | 'not-in-ring'
  | 'last-core'
  | 'two-keys-already'
  | 'one-key-only'
  | 'key-known'
  | 'not-the-keeper'
  | 'unsound'
  | 'full';

export interface ChangeRejected {
  kind: 'rejected';
  code: ChangeRejectionCode;
  reason: string;
}
export type Change = { kind: 'changed'; manifest: Manifest } | ChangeRejected;

/** Takes a newcomer in. It is in no ring yet. */
export function admit(manifest: Manifest, newcomer: Member): Change {
  const { members, revokedKeys } = manifest;
  if (newcomer.node !== nodeNumberOf(newcomer.key))
    return rejected('unsound', `${newcomer.node} is not the number of the newcomer’s key`);
  const holder = members.find(({ node }) => node === newcomer.node);
  if (holder !== undefined && sameBytes(holder.key, newcomer.key))
    return rejected('member-already', `node ${newcomer.node} is a member already`);
  if (holder !== undefined)
    return rejected(
      'number-taken',
      `node ${newcomer.node} is ${holder.name}: the newcomer needs another key (remove its node.key)`,
    );
  if (revokedKeys.some((key) => sameBytes(key, newcomer.key)))
    return rejected('key-revoked', `the key of node ${newcomer.node} was revoked`);
  if (members.length >= membersMost) return rejected('full', `a cluster has at most ${membersMost} members`);
  return changed({ ...manifest, members: [...members, newcomer].sort((a, b) => a.node - b.node) });
}

/**
 * Throws a node out and its key with it, for ever. A core stays in the ring as one that is away until `beginRing` takes it out:
 * who owns what never changes in one step. It knows the keys of the DHT: rotate them next.
 */
export function revoke(manifest: Manifest, node: number): Change {
  const found = manifest.members.find((member) => member.node === node);
  if (found === undefined) return rejected('not-a-member', `node ${node} is no member`);
  if (manifest.revokedKeys.length >= revokedMost)
    return rejected('full', `at most ${revokedMost} keys can be revoked`);
  const { machine, weight } = found;
  const away = new Set([node, ...manifest.departed.map((core) => core.node)]);
  if (manifest.ring.cores.every((core) => away.has(core)))
    return rejected('last-core', `node ${node} is the last core of the ring: nobody else has what it holds`);
  return changed({
    ...manifest,
    members: manifest.members.filter((member) => member !== found),
    revokedKeys: [...manifest.revokedKeys, found.key],
    departed: stillInRing([...manifest.departed, { node, machine, weight }], manifest.ring),
  });
}

/** An invite that has gone astray. Those revoked so long ago that they have expired are forgotten on the way. */
export function revokeInvite(manifest: Manifest, id: Uint8Array, nowMs: number): Change {
  const still = manifest.revokedInvites.filter(({ revokedMs }) => revokedMs + inviteLifeMostMs > nowMs);
  if (still.some((revoked) => sameBytes(revoked.id, id)))
    return rejected('revoked-already', 'that invite is revoked already');
  if (still.length >= revokedMost) return rejected('full', `at most ${revokedMost} invites can be revoked`);
  return changed({ ...manifest, revokedInvites: [...still, { id, revokedMs: nowMs }] });
}

/** The first of the two steps of a change of the ring: from here on writes need a majority of both. */
export function beginRing(
  manifest: Manifest,
  step: { kind: 'addCore' | 'removeCore'; node: number },
): Change {
  const { ring, members } = manifest;
  const { node } = step;
  if (ring.next !== null)
    return rejected('under-way', 'a change of the ring is under way: finish or abort it');
  if (step.kind === 'removeCore') {
    if (!ring.cores.includes(node)) return rejected('not-in-ring', `node ${node} is not in the ring`);
    if (ring.cores.length === 1) return rejected('last-core', 'the last core cannot leave the ring');
    return changed({ ...manifest, ring: { ...ring, next: ring.cores.filter((core) => core !== node) } });
  }
  const found = members.find((member) => member.node === node);
  if (found === undefined) return rejected('not-a-member', `node ${node} is no member`);
  if (!found.roles.includes('core')) return rejected('not-a-core', `node ${node} (${found.name}) is no core`);
  if (ring.cores.includes(node)) return rejected('in-ring-already', `node ${node} is in the ring already`);
  return changed({ ...manifest, ring: { ...ring, next: [...ring.cores, node].sort((a, b) => a - b) } });
}

/** The second step. Only when the new owners have caught up and a majority of the old ones hold the first step: the caller's to see. */
export function finishRing(manifest: Manifest): Change {
  const { next } = manifest.ring;
  if (next === null) return rejected('not-under-way', 'no change of the ring is under way');
  return changed(withRing(manifest, { cores: next, next: null }));
}

/** Calls a change off: the ring is as it was. */
export function abortRing(manifest: Manifest): Change {
  if (manifest.ring.next === null) return rejected('not-under-way', 'no change of the ring is under way');
  return changed(withRing(manifest, { ...manifest.ring, next: null }));
}

/** From now on releases are believed that this key has signed, or one it hands over to. */
export function trustRelease(manifest: Manifest, key: Uint8Array): Change {
  if (key.length !== publicKeyBytes) return rejected('unsound', `a release key has ${publicKeyBytes} bytes`);
  if (manifest.releaseKey !== null && sameBytes(manifest.releaseKey, key))
    return rejected('key-known', 'that is the release key already');
  return changed({ ...manifest, releaseKey: key });
}

/** A new key for the DHT. The former one still opens packets, until `retireDhtKey`. */
export function rotateDhtKey(manifest: Manifest, key: Uint8Array): Change {
  const { dhtKeys } = manifest;
  if (key.length !== dhtKeyBytes) return rejected('unsound', `a key of the DHT has ${dhtKeyBytes} bytes`);
  if (dhtKeys.length > 1) return rejected('two-keys-already', 'retire the former key of the DHT first');
  if (dhtKeys.some((known) => sameBytes(known, key)))
    return rejected('key-known', 'that is the key of the DHT already');
  return changed({ ...manifest, dhtKeys: [key, ...dhtKeys] });
}

/** When every member has had the time to learn the new key. Who was away that long finds its way by links. */
export function retireDhtKey(manifest: Manifest): Change {
  const [first, former] = manifest.dhtKeys;
  if (first === undefined || former === undefined)
    return rejected('one-key-only', 'there is no former key of the DHT');
  return changed({ ...manifest, dhtKeys: [first] });
}

/** Hands the keeper's office over. This manifest is still signed by the old key, which then signs nothing more. */
export function moveKeeper(manifest: Manifest, newKeeper: Uint8Array, keeper: KeyObject): Change {
  const { cluster, handovers } = manifest;
  if (!sameBytes(publicKeyOf(keeper), manifest.keeper))
    return rejected('not-the-keeper', 'only the keeper’s own key can hand over');
  const line = [handovers[0]?.from ?? manifest.keeper, ...handovers.map(({ to }) => to)];
  if (line.some((key) => sameBytes(key, newKeeper)))
    return rejected('key-known', 'that key is, or was, the keeper: make a new one');
  if (handovers.length >= handoversMost)
    return rejected('full', `the keeper can move at most ${handoversMost} times`);
  const handover = { from: manifest.keeper, to: newKeeper, epoch: manifest.epoch + 1 };
  const signature = signUnder('handover', handoverBytes(cluster, handover), keeper);
  return changed({
    ...manifest,
    keeper: newKeeper,
    handovers: [...handovers, { ...handover, signature }],
  });
}

/**
 * What the changes have made of the current manifest's body, as the manifest that follows it: signed by its keeper. Rejected
 * when the key is not the keeper's, or when the body is not sound.
 */
export function signNext(
  current: VerifiedManifest,
  body: Manifest,
  keeper: KeyObject,
): { kind: 'signed'; verified: VerifiedManifest; signed: SignedManifest } | ChangeRejected {
  const { cluster, epoch, keeper: known } = current.manifest;
  if (!sameBytes(publicKeyOf(keeper), known))
    return rejected('not-the-keeper', 'this key is not the keeper’s of the current manifest');
  const next = { ...body, cluster, epoch: epoch + 1, previous: current.hash };
  const flaw = flawOf(next);
  if (flaw !== null) return rejected('unsound', flaw);
  const signed = signManifest(next, keeper);
  if (signed.bytes.length > manifestMostBytes)
    return rejected('full', `a manifest has at most ${manifestMostBytes} bytes`);
  // What nobody would take is not sent out: read as others read it.
  const result = verifyManifest(signed, { cluster, keeper: known });
  if (result.kind === 'invalid') return rejected('unsound', result.reason);
  return { kind: 'signed', verified: result.verified, signed };
}

function withRing(manifest: Manifest, ring: Ring): Manifest {
  return { ...manifest, ring, departed: stillInRing(manifest.departed, ring) };
}

function stillInRing(departed: Manifest['departed'], { cores, next }: Ring): Manifest['departed'] {
  return departed
    .filter(({ node }) => cores.includes(node) || next?.includes(node) === true)
    .sort((a, b) => a.node - b.node);
}

function changed(manifest: Manifest): Change {
  return { kind: 'changed', manifest };
}

function rejected(code: ChangeRejectionCode, reason: string): ChangeRejected {
  return { kind: 'rejected', code, reason };
}
