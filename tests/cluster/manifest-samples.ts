// Manifests to test with: a cluster founded by keys that are the same in every run.
import { type KeyPair, keyPairOf } from '../../cluster/ed25519.ts';
import {
  foundingManifest,
  hashOf,
  type Manifest,
  type Member,
  signManifest,
  type VerifiedManifest,
} from '../../cluster/manifest.ts';
import { type Change, signNext } from '../../cluster/manifest-change.ts';
import { nodeNumberOf } from '../../cluster/node-number.ts';

export const keeper = pairOf('keeper');

/** The same key for the same name. */
export function pairOf(name: string): KeyPair {
  return keyPairOf(Buffer.alloc(32, name));
}

export function memberOf(name: string, change: Partial<Member> = {}): Member {
  const { publicKey } = pairOf(name);
  return {
    node: nodeNumberOf(publicKey),
    key: publicKey,
    name,
    machine: `machine-of-${name}`,
    roles: ['gateway', 'core'],
    weight: 100,
    admittedMs: 1_800_000_000_000,
    ...change,
  };
}

export function founded(change: Partial<Manifest> = {}): VerifiedManifest {
  const manifest = {
    ...foundingManifest({
      keeper: keeper.publicKey,
      member: memberOf('first'),
      dhtKey: Buffer.alloc(32, 1),
    }),
    ...change,
  };
  const signed = signManifest(manifest, keeper.privateKey);
  return { manifest, signed, hash: hashOf(signed) };
}

/** The manifest a change gives. Throws when it was rejected. */
export function made(change: Change): Manifest {
  if (change.kind === 'rejected') throw new Error(`${change.code}: ${change.reason}`);
  return change.manifest;
}

/** The next epoch, with these changes in it. Throws when it was rejected. */
export function next(
  current: VerifiedManifest,
  change: (manifest: Manifest) => Change = (manifest) => ({ kind: 'changed', manifest }),
  by: KeyPair = keeper,
): VerifiedManifest {
  const result = signNext(current, made(change(current.manifest)), by.privateKey);
  if (result.kind === 'rejected') throw new Error(`${result.code}: ${result.reason}`);
  return result.verified;
}
