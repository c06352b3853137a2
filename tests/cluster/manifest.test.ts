// The manifest: who may sign it, what makes it unsound, and which of two is believed.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { signUnder } from '../../cluster/ed25519.ts';
import {
  clusterOf,
  hashOf,
  type Manifest,
  manifestCodec,
  type SignedManifest,
  signedManifest,
  signManifest,
  type VerifiedManifest,
} from '../../cluster/manifest.ts';
import { admit, moveKeeper, rotateDhtKey } from '../../cluster/manifest-change.ts';
import { judgeManifest, verifyManifest } from '../../cluster/manifest-judgement.ts';
import { packed, unpacked } from '../../cluster/packed.ts';
import type { Codec } from '../../runtime/codec.ts';
import { founded, keeper, memberOf, next, pairOf } from './manifest-samples.ts';

const first = founded();
const trust = { cluster: clusterOf(keeper.publicKey), keeper: keeper.publicKey };
const admitting = (name: string) => (manifest: Manifest) => admit(manifest, memberOf(name));

/** Signed as it is, sound or not. */
function signed(change: Partial<Manifest>, from: VerifiedManifest = first, by = keeper): SignedManifest {
  return signManifest({ ...from.manifest, ...change }, by.privateKey);
}

describe('a manifest', () => {
  test('is read as it was signed', () => {
    const result = verifyManifest(first.signed, trust);
    expect(result.kind).toBe('verified');
    expect(unpacked(manifestCodec, first.signed.bytes)).toMatchObject({ epoch: 1, ring: { next: null } });
  });

  test('says the same in the same bytes', () => {
    const read = unpacked(manifestCodec, first.signed.bytes);
    expect(Buffer.compare(packed(manifestCodec, read), first.signed.bytes)).toBe(0);
  });

  test('travels as its bytes and its signature', () => {
    const travelled = unpacked(signedManifest, packed(signedManifest, first.signed));
    expect(judgeManifest(first, travelled)).toEqual({ kind: 'same' });
  });

  test('may hold fields of a later release', () => {
    const later = { ...first.manifest, epoch: 2, previous: first.hash };
    const anything: Codec<unknown> = { encode: (wire) => wire, decode: (wire) => wire };
    const said = packed(anything, [manifestCodec.encode(later), 'later'].flat(1));
    const offered = { bytes: said, signature: signUnder('manifest', said, keeper.privateKey) };
    expect(judgeManifest(first, offered).kind).toBe('newer');
  });

  test('with any bit of it changed is refused', () => {
    const current = next(first, admitting('second'));
    fc.assert(
      fc.property(fc.nat(current.signed.bytes.length + 63), fc.integer({ min: 0, max: 7 }), (at, bit) => {
        const bytes = Uint8Array.from(current.signed.bytes);
        const signature = Uint8Array.from(current.signed.signature);
        const [part, index] = at < bytes.length ? [bytes, at] : [signature, at - bytes.length];
        part[index] = (part[index] ?? 0) ^ (1 << bit);
        expect(verifyManifest({ bytes, signature }, trust).kind).toBe('invalid');
      }),
      { numRuns: 500 },
    );
  });

  test('that is made of any bytes is refused and throws nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const signature = signUnder('manifest', bytes, keeper.privateKey);
        expect(verifyManifest({ bytes, signature }, trust)).toMatchObject({ code: 'malformed' });
      }),
    );
  });

  test('signed by another key is forged', () => {
    const forged = signManifest(first.manifest, pairOf('thief').privateKey);
    expect(verifyManifest(forged, trust)).toMatchObject({ code: 'forged' });
  });

  test('whose bytes the keeper signed as something else is forged', () => {
    const signature = signUnder('invite', first.signed.bytes, keeper.privateKey);
    expect(verifyManifest({ ...first.signed, signature }, trust)).toMatchObject({ code: 'forged' });
  });

  test('of another cluster is refused, whoever signed it', () => {
    const thief = pairOf('thief');
    const other = signed({ cluster: clusterOf(thief.publicKey), keeper: thief.publicKey }, first, thief);
    expect(verifyManifest(other, trust)).toMatchObject({ code: 'wrong-cluster' });
  });

  test('cannot claim the name of a cluster that another key founded', () => {
    const thief = pairOf('thief');
    const claimed = signed({ keeper: thief.publicKey }, first, thief);
    expect(verifyManifest(claimed, trust)).toMatchObject({ code: 'unsound' });
  });
});

describe('a manifest is unsound', () => {
  const [one, two] = [memberOf('one'), memberOf('two')].sort((a, b) => a.node - b.node);
  if (one === undefined || two === undefined) throw new Error('unreachable');

  test.each<[string, Partial<Manifest>]>([
    ['with epoch 0', { epoch: 0 }],
    ['when the first says one was before', { previous: Buffer.alloc(32, 1) }],
    ['when a later one says none was before', { epoch: 2 }],
    ['without a key for the DHT', { dhtKeys: [] }],
    ['with a member twice', { members: [one, one] }],
    ['with members out of order', { members: [two, one] }],
    ['with a number that is not the key’s', { members: [{ ...one, node: one.node + 1 }] }],
    ['with a member that is nothing', { members: [{ ...one, roles: [] }] }],
    ['with a member that is one thing twice', { members: [{ ...one, roles: ['core', 'core'] }] }],
    ['with a member whose key is revoked', { members: [one], revokedKeys: [one.key] }],
    ['with an empty ring', { ring: { cores: [], next: null } }],
    ['with a ring out of order', { ring: { cores: [3, 2], next: null } }],
    ['with a ring in which one core is twice', { ring: { cores: [2], next: [2, 2] } }],
    ['with a core in its ring that is unknown', { ring: { cores: [7], next: null } }],
    ['with a member that weighs nothing', { members: [{ ...one, weight: 0 }] }],
    ['when a core departed that is not in its ring', { departed: [{ node: 7, machine: 'm', weight: 1 }] }],
    ['when its keeper came from nowhere', { keeper: pairOf('thief').publicKey }],
  ])('%s', (_what, change) => {
    expect(verifyManifest(signed(change), trust)).toMatchObject({ kind: 'invalid', code: 'unsound' });
  });
});

describe('of an offered manifest', () => {
  const second = next(first, admitting('second'));
  const third = next(second, admitting('third'));
  const otherSecond = next(first, admitting('other'));
  const otherThird = next(otherSecond, admitting('third'));

  test('the next one is newer', () => {
    expect(judgeManifest(first, second.signed).kind).toBe('newer');
  });

  test('the one at hand is the same', () => {
    expect(judgeManifest(second, second.signed).kind).toBe('same');
  });

  test('one before it is older, also when it is signed by nobody', () => {
    expect(judgeManifest(third, first.signed).kind).toBe('older');
    expect(judgeManifest(third, { ...first.signed, signature: Buffer.alloc(64) }).kind).toBe('older');
  });

  test('a later one is taken over a gap', () => {
    const verdict = judgeManifest(first, third.signed);
    expect(verdict).toMatchObject({ kind: 'gap', verified: { manifest: { epoch: 3 } } });
  });

  test('another one of the same epoch is a conflict', () => {
    expect(judgeManifest(second, otherSecond.signed).kind).toBe('conflict');
  });

  test('the next one of another history is a conflict', () => {
    expect(judgeManifest(second, otherThird.signed).kind).toBe('conflict');
  });

  test('one of the same epoch that the keeper did not sign is a forgery, and no conflict', () => {
    const forged = signManifest(otherSecond.manifest, pairOf('thief').privateKey);
    expect(judgeManifest(second, forged)).toMatchObject({ kind: 'invalid', code: 'forged' });
  });

  test('a later one that the keeper did not sign is a forgery', () => {
    for (const later of [second, third]) {
      const forged = signManifest(later.manifest, pairOf('thief').privateKey);
      expect(judgeManifest(first, forged)).toMatchObject({ kind: 'invalid', code: 'forged' });
    }
  });

  test('the verdict does not depend on the order in which they come', () => {
    const chain = [first, second, third, next(third, admitting('fourth'))];
    fc.assert(
      fc.property(fc.shuffledSubarray(chain, { minLength: 1 }), (offers) => {
        let held = first;
        for (const offer of offers) {
          const verdict = judgeManifest(held, offer.signed);
          if (verdict.kind === 'newer' || verdict.kind === 'gap') held = verdict.verified;
        }
        const highest = Math.max(1, ...offers.map(({ manifest }) => manifest.epoch));
        expect(held.manifest.epoch).toBe(highest);
      }),
    );
  });
});

describe('when the keeper moves', () => {
  const successor = pairOf('successor');
  const heir = pairOf('heir');
  const second = next(first, (body) => moveKeeper(body, successor.publicKey, keeper.privateKey));
  const third = next(second, admitting('third'), successor);
  const fourth = next(third, (body) => moveKeeper(body, heir.publicKey, successor.privateKey), successor);
  const fifth = next(fourth, (body) => rotateDhtKey(body, Buffer.alloc(32, 9)), heir);

  test('each manifest is taken by who has the one before', () => {
    const chain = [first, second, third, fourth, fifth];
    chain.slice(1).forEach((later, index) => {
      expect(judgeManifest(chain[index] ?? first, later.signed).kind).toBe('newer');
    });
  });

  test('a node that was away meanwhile finds the present keeper', () => {
    expect(judgeManifest(first, fifth.signed).kind).toBe('gap');
    expect(judgeManifest(second, fifth.signed).kind).toBe('gap');
    expect(verifyManifest(fifth.signed, trust).kind).toBe('verified');
    expect(verifyManifest(fifth.signed, { ...trust, keeper: heir.publicKey }).kind).toBe('verified');
  });

  test('the old key signs nothing more', () => {
    const { manifest } = third;
    const revived = signManifest(
      { ...manifest, epoch: 4, previous: third.hash, dhtKeys: [Buffer.alloc(32, 5)] },
      keeper.privateKey,
    );
    expect(judgeManifest(third, revived)).toMatchObject({ code: 'forged' });
  });

  test('the old key cannot pretend that it never moved, nor move again elsewhere', () => {
    const unmoved = signed({ epoch: 9, previous: Buffer.alloc(32, 3) });
    expect(judgeManifest(third, unmoved)).toMatchObject({ code: 'unknown-keeper' });
    const elsewhere = moveKeeper(first.manifest, pairOf('thief').publicKey, keeper.privateKey);
    if (elsewhere.kind === 'rejected') throw new Error(elsewhere.reason);
    const stolen = signed(
      { ...elsewhere.manifest, epoch: 9, previous: Buffer.alloc(32, 3) },
      first,
      pairOf('thief'),
    );
    expect(judgeManifest(third, stolen)).toMatchObject({ code: 'unknown-keeper' });
  });

  test('a late handover does not let the old key sign for the present', () => {
    const late = moveKeeper({ ...first.manifest, epoch: 8 }, successor.publicKey, keeper.privateKey);
    if (late.kind === 'rejected') throw new Error(late.reason);
    const revived = signed({ ...late.manifest, epoch: 9, previous: Buffer.alloc(32, 3) });
    expect(judgeManifest(third, revived)).toMatchObject({ code: 'unknown-keeper' });
  });

  test('nobody hands over for somebody else', () => {
    const [handover] = second.manifest.handovers;
    if (handover === undefined) throw new Error('unreachable');
    const thief = pairOf('thief');
    const stolen = { ...handover, to: thief.publicKey };
    const body = { ...second.manifest, keeper: thief.publicKey, handovers: [stolen], epoch: 3 };
    const offered = signManifest({ ...body, previous: second.hash }, thief.privateKey);
    expect(verifyManifest(offered, trust)).toMatchObject({ code: 'unsound' });
  });

  test('two manifests of the epoch in which it moved are a conflict for who has one of them', () => {
    const other = next(first, admitting('other'));
    expect(judgeManifest(second, other.signed).kind).toBe('conflict');
    expect(judgeManifest(other, second.signed).kind).toBe('conflict');
  });
});

test('the hash is of what is said, not of how it is signed', () => {
  const resigned = { ...first.signed, signature: Buffer.alloc(64, 1) };
  expect(Buffer.compare(hashOf(resigned), first.hash)).toBe(0);
});
