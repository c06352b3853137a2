// The rules by which a manifest changes: what each refuses, and that whatever they make is sound.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inviteLifeMostMs } from '../../cluster/invite-certificate.ts';
import { type Manifest, membersMost, ringCoresOf } from '../../cluster/manifest.ts';
import {
  abortRing,
  admit,
  beginRing,
  type Change,
  finishRing,
  moveKeeper,
  retireDhtKey,
  revoke,
  revokeInvite,
  rotateDhtKey,
  signNext,
} from '../../cluster/manifest-change.ts';
import { flawOf, judgeManifest } from '../../cluster/manifest-judgement.ts';
import { founded, keeper, made, memberOf, next, pairOf } from './manifest-samples.ts';

const first = founded();
const body = first.manifest;
const [firstNode, second, third] = ['first', 'second', 'third'].map((name) => memberOf(name));
if (firstNode === undefined || second === undefined || third === undefined) throw new Error('unreachable');
const ofThree = made(admit(made(admit(body, second)), third));
const add = (manifest: Manifest, node: number) => beginRing(manifest, { kind: 'addCore', node });
const remove = (manifest: Manifest, node: number) => beginRing(manifest, { kind: 'removeCore', node });
const code = (change: Change) => (change.kind === 'rejected' ? change.code : 'changed');

describe('admitting', () => {
  test('adds a member, in no ring yet', () => {
    expect(ofThree.members.map(({ node }) => node)).toEqual(
      [firstNode.node, second.node, third.node].sort((a, b) => a - b),
    );
    expect(ofThree.ring).toEqual(body.ring);
  });

  test('refuses who is in already, and a number that is another’s', () => {
    expect(code(admit(ofThree, second))).toBe('member-already');
    const double = { ...second, key: third.key };
    const members = [double, ...body.members];
    expect(code(admit({ ...body, members }, second))).toBe('number-taken');
    expect(code(admit(body, double))).toBe('unsound');
  });

  test('refuses a key that was revoked', () => {
    expect(code(admit(made(revoke(ofThree, second.node)), second))).toBe('key-revoked');
  });

  test('refuses more than the cluster holds', () => {
    const members = new Array(membersMost).fill(firstNode);
    expect(code(admit({ ...body, members }, second))).toBe('full');
  });
});

describe('revoking', () => {
  test('takes the member out, and keeps its key out', () => {
    const without = made(revoke(ofThree, second.node));
    expect(without.members.some(({ node }) => node === second.node)).toBe(false);
    expect(without.revokedKeys).toEqual([second.key]);
    expect(code(revoke(without, second.node))).toBe('not-a-member');
  });

  test('leaves the ring to a change of the ring, which then can take the core out', () => {
    const grown = made(finishRing(made(add(ofThree, second.node))));
    const without = made(revoke(grown, second.node));
    expect(without.ring.cores).toContain(second.node);
    expect(ringCoresOf(without)).toEqual(ringCoresOf(grown));
    const shrunk = made(finishRing(made(remove(without, second.node))));
    expect([shrunk.ring.cores, shrunk.departed]).toEqual([[firstNode.node], []]);
  });

  test('a core that is about to join leaves the ring as it was when the change is called off', () => {
    const without = made(revoke(made(add(ofThree, second.node)), second.node));
    expect(ringCoresOf(without).next?.length).toBe(2);
    const asBefore = made(abortRing(without));
    expect([asBefore.ring, asBefore.departed]).toEqual([body.ring, []]);
  });

  test('the last core is refused: with it all would be gone', () => {
    expect(code(revoke(ofThree, firstNode.node))).toBe('last-core');
    const grown = made(finishRing(made(add(ofThree, second.node))));
    expect(code(revoke(made(revoke(grown, firstNode.node)), second.node))).toBe('last-core');
  });

  test('an invite is remembered for as long as it could hold', () => {
    const [one, other] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
    const revoked = made(revokeInvite(body, one, 1000));
    expect(code(revokeInvite(revoked, one, 2000))).toBe('revoked-already');
    const later = made(revokeInvite(revoked, other, 1000 + inviteLifeMostMs - 1));
    expect(later.revokedInvites.map(({ id }) => id)).toEqual([one, other]);
    const latest = made(revokeInvite(revoked, other, 1000 + inviteLifeMostMs));
    expect(latest.revokedInvites.map(({ id }) => id)).toEqual([other]);
  });
});

describe('a change of the ring', () => {
  test('has two steps', () => {
    const begun = made(add(ofThree, second.node));
    const both = [firstNode.node, second.node].sort((a, b) => a - b);
    expect(begun.ring).toEqual({ cores: [firstNode.node], next: both });
    expect(made(finishRing(begun)).ring).toEqual({ cores: both, next: null });
  });

  test('can be called off', () => {
    expect(made(abortRing(made(add(ofThree, second.node)))).ring).toEqual(body.ring);
  });

  test('is one at a time', () => {
    const begun = made(add(ofThree, second.node));
    expect(code(add(begun, third.node))).toBe('under-way');
    expect(code(remove(begun, firstNode.node))).toBe('under-way');
  });

  test('ends only when it has begun', () => {
    expect([code(finishRing(body)), code(abortRing(body))]).toEqual(['not-under-way', 'not-under-way']);
  });

  test('takes only members that are cores, and leaves at least one', () => {
    const gateway = memberOf('gateway', { roles: ['gateway'] });
    const withGateway = made(admit(body, gateway));
    expect(code(add(withGateway, gateway.node))).toBe('not-a-core');
    expect(code(add(body, second.node))).toBe('not-a-member');
    expect(code(add(body, firstNode.node))).toBe('in-ring-already');
    expect(code(remove(body, second.node))).toBe('not-in-ring');
    expect(code(remove(body, firstNode.node))).toBe('last-core');
  });
});

describe('the keys of the DHT', () => {
  const key = Buffer.alloc(32, 2);
  test('are two while one takes over from the other', () => {
    const both = made(rotateDhtKey(body, key));
    expect(both.dhtKeys).toEqual([key, ...body.dhtKeys]);
    expect(code(rotateDhtKey(both, Buffer.alloc(32, 3)))).toBe('two-keys-already');
    expect(made(retireDhtKey(both)).dhtKeys).toEqual([key]);
  });

  test('are never none, never the same, never short', () => {
    expect(code(retireDhtKey(body))).toBe('one-key-only');
    expect(code(rotateDhtKey(body, body.dhtKeys[0] ?? key))).toBe('key-known');
    expect(code(rotateDhtKey(body, Buffer.alloc(31)))).toBe('unsound');
  });
});

describe('moving the keeper', () => {
  test('needs the key it moves from, and one that never was keeper', () => {
    const successor = pairOf('successor');
    expect(code(moveKeeper(body, successor.publicKey, successor.privateKey))).toBe('not-the-keeper');
    expect(code(moveKeeper(body, keeper.publicKey, keeper.privateKey))).toBe('key-known');
    const moved = next(first, (manifest) =>
      moveKeeper(manifest, successor.publicKey, keeper.privateKey),
    ).manifest;
    expect(code(moveKeeper(moved, keeper.publicKey, successor.privateKey))).toBe('key-known');
  });
});

describe('the next manifest', () => {
  test('follows on the current one', () => {
    const result = next(first, (manifest) => admit(manifest, second));
    expect(result.manifest.epoch).toBe(2);
    expect(Buffer.compare(result.manifest.previous, first.hash)).toBe(0);
    expect(judgeManifest(first, result.signed).kind).toBe('newer');
  });

  test('is signed by the keeper or not at all', () => {
    const thief = pairOf('thief');
    expect(signNext(first, body, thief.privateKey)).toMatchObject({ code: 'not-the-keeper' });
  });

  test('is not signed when others could not read it', () => {
    const long = { ...second, name: 'x'.repeat(41) };
    expect(signNext(first, made(admit(body, long)), keeper.privateKey)).toMatchObject({ code: 'unsound' });
  });

  test('takes several changes at once', () => {
    const key = Buffer.alloc(32, 7);
    const result = next(
      next(first, (manifest) => admit(manifest, second)),
      (manifest) => rotateDhtKey(made(revoke(manifest, second.node)), key),
    );
    expect(result.manifest.epoch).toBe(3);
    expect(result.manifest.dhtKeys.map((held) => held[0])).toEqual([7, 1]);
  });
});

test('whatever changes come, each manifest is sound, follows on, and moves the ring by one core at most', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const member = fc.constantFrom(...names).map((name) => memberOf(name));
  const change = fc.oneof(
    member.map((who) => (manifest: Manifest) => admit(manifest, who)),
    member.map(
      ({ node }) =>
        (manifest: Manifest) =>
          revoke(manifest, node),
    ),
    member.map(
      ({ node }) =>
        (manifest: Manifest) =>
          add(manifest, node),
    ),
    member.map(
      ({ node }) =>
        (manifest: Manifest) =>
          remove(manifest, node),
    ),
    fc.constant(finishRing),
    fc.constant(abortRing),
    fc.nat(255).map((fill) => (manifest: Manifest) => rotateDhtKey(manifest, Buffer.alloc(32, fill))),
    fc.constant(retireDhtKey),
    fc.nat(5).map((id) => (manifest: Manifest) => revokeInvite(manifest, Buffer.alloc(16, id), id * 1e9)),
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      let current = first;
      for (const apply of changes) {
        const result = apply(current.manifest);
        if (result.kind === 'rejected') continue;
        const before = current;
        current = next(before, () => result);
        expect(flawOf(current.manifest)).toBeNull();
        expect(judgeManifest(before, current.signed).kind).toBe('newer');
        const { cores, next: joint } = current.manifest.ring;
        const away = (joint ?? cores).filter((core) => !cores.includes(core)).length;
        const gone = cores.filter((core) => !(joint ?? cores).includes(core)).length;
        expect(away + gone).toBeLessThanOrEqual(1);
        expect(ringCoresOf(current.manifest).cores.map(({ node }) => node)).toEqual(cores);
        if (result.manifest.ring === before.manifest.ring)
          expect(ringCoresOf(current.manifest)).toEqual(ringCoresOf(before.manifest));
        const was = before.manifest.ring;
        expect([was.cores, was.next ?? was.cores]).toContainEqual(cores);
      }
    }),
    { numRuns: 60 },
  );
});
