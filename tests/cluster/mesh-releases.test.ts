// Who changes over when: planned from the pointer and the manifest, and planned again only when one of them is another.
import { expect, test } from 'vitest';
import type { VerifiedManifest } from '../../cluster/manifest.ts';
import type { ReleaseKnown } from '../../cluster/mesh-release.ts';
import { rememberedPlan } from '../../cluster/mesh-releases.ts';
import { readWaves } from '../../cluster/release-waves.ts';
import { pointerTo } from '../support/small-release.ts';
import { founded, memberOf } from './manifest-samples.ts';

const names = ['ann', 'bob', 'cid', 'dot'];

function cluster(count: number): VerifiedManifest {
  return founded({ members: names.slice(0, count).map((name) => memberOf(name)) });
}

function known(seq: number, version: string): ReleaseKnown {
  const info = { hash: new Uint8Array(20), bytes: new Uint8Array(1) };
  return {
    signed: { publicKey: new Uint8Array(32), seq, signature: new Uint8Array(64), value: new Uint8Array() },
    pointer: pointerTo('00'.repeat(32), info, { version, waves: readWaves('1,100%') }),
    info: null,
  };
}

test('a plan is made once for a pointer and a manifest, and anew for others', () => {
  const planOf = rememberedPlan();
  const [first, second] = [known(1, '1.0.0'), known(2, '1.0.1')];
  const [small, large] = [cluster(3), cluster(4)];
  const plan = planOf(first, small);
  expect(plan).toMatchObject({ seq: 1, sizes: [1, 3] });
  expect(planOf(first, small)).toBe(plan);
  expect(planOf(second, small)).toMatchObject({ seq: 2, sizes: [1, 3] });
  expect(planOf(second, large)).toMatchObject({ seq: 2, sizes: [1, 4] });
  expect([...planOf(second, large).order].sort()).toEqual(
    large.manifest.members.map(({ node }) => node).sort(),
  );
  expect(planOf(first, small)).toEqual(plan);
});
