// Which manifest to believe: whether one is sound and signed by whom it should be, and what it is to the one a node has.
import { MalformedError } from '../runtime/codec.ts';
import { isSignedUnder } from './ed25519.ts';
import {
  clusterOf,
  handoverBytes,
  hashOf,
  type Manifest,
  manifestCodec,
  manifestMostBytes,
  noHash,
  type SignedManifest,
  type VerifiedManifest,
} from './manifest.ts';
import { nodeNumberMost, nodeNumberOf } from './node-number.ts';
import { sameBytes, unpacked } from './packed.ts';

export interface Trust {
  cluster: Uint8Array;
  /** A keeper that is known: the present one, or any before it. */
  keeper: Uint8Array;
}

export interface InvalidManifest {
  kind: 'invalid';
  code: 'malformed' | 'wrong-cluster' | 'unsound' | 'unknown-keeper' | 'forged';
  reason: string;
}

export type Verdict =
  /** The next one, or a later one that follows on. Take it. */
  | { kind: 'newer'; verified: VerifiedManifest }
  /**
   * Later, with manifests between that were not seen, so the chain of hashes says nothing. Take it all the same: the one keeper
   * signed it, and it says all there is, not a difference. A node that was away would otherwise have to ask for every one. The
   * price: a keeper that went two ways (a restored backup) is found out by the nodes that were there, not by this one.
   */
  | { kind: 'gap'; verified: VerifiedManifest }
  | { kind: 'same' }
  /** Not looked at any closer. Who offered it lacks ours. */
  | { kind: 'older' }
  /** The keeper has signed two histories. Keep the one that came first, and say so loudly: only the keeper's holder can mend it. */
  | { kind: 'conflict'; verified: VerifiedManifest; reason: string }
  | InvalidManifest;

/**
 * Sound, of this cluster, and signed by the keeper known or by one to whom it handed over. The bytes are not held against the
 * codec's own form: a later release may have written fields that this one does not know.
 */
export function verifyManifest(
  signed: SignedManifest,
  trust: Trust,
): { kind: 'verified'; verified: VerifiedManifest } | InvalidManifest {
  const manifest = readManifest(signed);
  if (manifest === null) return invalid('malformed', 'its bytes are no manifest');
  if (!sameBytes(manifest.cluster, trust.cluster))
    return invalid('wrong-cluster', 'it is another cluster’s manifest');
  const flaw = flawOf(manifest);
  if (flaw !== null) return invalid('unsound', flaw);
  const signer = signerOf(manifest);
  const line = [firstKeeperOf(manifest), ...manifest.handovers.map(({ to }) => to)];
  const knownAt = line.findIndex((key) => sameBytes(key, trust.keeper));
  const signerAt = line.findIndex((key) => sameBytes(key, signer));
  if (knownAt < 0) return invalid('unknown-keeper', 'the keeper that is known never was its keeper');
  if (signerAt < knownAt)
    return invalid('unknown-keeper', 'its keeper had handed over before it signed this manifest');
  if (!isSignedUnder('manifest', signed.bytes, { signature: signed.signature, publicKey: signer }))
    return invalid('forged', 'the signature is not its keeper’s');
  return { kind: 'verified', verified: { manifest, hash: hashOf(signed), signed } };
}

/** What to do with a manifest that somebody offers, given the one this node goes by. */
export function judgeManifest(current: VerifiedManifest, offered: SignedManifest): Verdict {
  if (sameBytes(hashOf(offered), current.hash)) return { kind: 'same' };
  const { cluster, epoch, keeper } = current.manifest;
  const read = readManifest(offered);
  if (read === null) return invalid('malformed', 'its bytes are no manifest');
  if (!sameBytes(read.cluster, cluster)) return invalid('wrong-cluster', 'it is another cluster’s manifest');
  if (read.epoch < epoch) return { kind: 'older' };
  const known = read.epoch === epoch ? signerOf(current.manifest) : keeper;
  const result = verifyManifest(offered, { cluster, keeper: known });
  if (result.kind === 'invalid') return result;
  const { verified } = result;
  if (read.epoch === epoch)
    return { kind: 'conflict', verified, reason: `two manifests of epoch ${epoch} are signed` };
  if (read.epoch > epoch + 1) return { kind: 'gap', verified };
  if (!sameBytes(read.previous, current.hash))
    return {
      kind: 'conflict',
      verified,
      reason: `epoch ${read.epoch} does not follow on this node’s epoch ${epoch}`,
    };
  return { kind: 'newer', verified };
}

/** The keeper of the manifest before it: who must have signed this one. */
export function signerOf(manifest: Manifest): Uint8Array {
  const before = manifest.handovers.filter(({ epoch }) => epoch < manifest.epoch);
  return before.at(-1)?.to ?? firstKeeperOf(manifest);
}

/** What is wrong with a manifest whoever signed it; null when it is sound. Who signs one looks here first. */
export function flawOf(manifest: Manifest): string | null {
  const { epoch, members, ring, revokedKeys } = manifest;
  if (epoch < 1) return 'epochs begin with 1';
  if ((epoch === 1) !== sameBytes(manifest.previous, noHash)) return 'only the first has none before it';
  if (manifest.dhtKeys.length < 1) return 'it has no key for the DHT';
  const keys = new Set(members.map(({ key }) => hex(key)));
  if (keys.size !== members.length) return 'two members have one key';
  if (members.some(({ node, key }) => node !== nodeNumberOf(key)))
    return 'a member’s number is not its key’s';
  if (!ascends(members.map(({ node }) => node))) return 'its members are not in order';
  if (members.some((one) => one.roles.length === 0 || new Set(one.roles).size !== one.roles.length))
    return 'a member’s roles are none, or twice the same';
  if (revokedKeys.some((key) => keys.has(hex(key)))) return 'a member’s key is revoked';
  if (members.some(({ weight }) => weight < 1)) return 'a member weighs nothing';
  for (const cores of [ring.cores, ...(ring.next === null ? [] : [ring.next])]) {
    if (cores.length === 0) return 'its ring is empty';
    if (!ascends(cores) || cores.some((node) => node < 1 || node > nodeNumberMost))
      return 'its ring is not in order';
  }
  return flawOfDeparted(manifest) ?? flawOfHandovers(manifest);
}

/** Without all that places them in the ring, nodes would not agree on who owns what. */
function flawOfDeparted({ members, departed, ring }: Manifest): string | null {
  const inRing = new Set([...ring.cores, ...(ring.next ?? [])]);
  const cores = new Set(members.filter((one) => one.roles.includes('core')).map(({ node }) => node));
  if (departed.some(({ node, weight }) => !inRing.has(node) || cores.has(node) || weight < 1))
    return 'a core has departed that is a member, or not in its ring';
  if (!ascends(departed.map(({ node }) => node))) return 'its departed cores are not in order';
  const known = new Set([...cores, ...departed.map(({ node }) => node)]);
  return [...inRing].every((node) => known.has(node)) ? null : 'a core of its ring is unknown';
}

function flawOfHandovers(manifest: Manifest): string | null {
  const { cluster, handovers } = manifest;
  if (!sameBytes(clusterOf(firstKeeperOf(manifest)), cluster))
    return 'its first keeper did not found the cluster';
  let from = firstKeeperOf(manifest);
  let since = 1;
  for (const handover of handovers) {
    if (!sameBytes(handover.from, from)) return 'its handovers do not follow on each other';
    if (handover.epoch <= since || handover.epoch > manifest.epoch) return 'its handovers are not in order';
    const by = { signature: handover.signature, publicKey: from };
    if (!isSignedUnder('handover', handoverBytes(cluster, handover), by)) return 'a handover is forged';
    from = handover.to;
    since = handover.epoch;
  }
  if (!sameBytes(from, manifest.keeper)) return 'its keeper is not the last one handed over to';
  const line = new Set([hex(firstKeeperOf(manifest)), ...handovers.map(({ to }) => hex(to))]);
  return line.size === handovers.length + 1 ? null : 'a keeper came back';
}

function firstKeeperOf({ handovers, keeper }: Manifest): Uint8Array {
  return handovers[0]?.from ?? keeper;
}

function readManifest({ bytes }: SignedManifest): Manifest | null {
  if (bytes.length > manifestMostBytes) return null;
  try {
    return unpacked(manifestCodec, bytes);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return null;
  }
}

function invalid(code: InvalidManifest['code'], reason: string): InvalidManifest {
  return { kind: 'invalid', code, reason };
}

function ascends(numbers: number[]): boolean {
  return numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? 0));
}

function hex(key: Uint8Array): string {
  return Buffer.from(key).toString('hex');
}
