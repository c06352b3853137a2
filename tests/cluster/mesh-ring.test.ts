// Changes of the ring by the keeper's service: joint, then final once the newcomer has caught up; called off; one at a time.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CoreProgress } from '../../cluster/ring-keeper.ts';
import { until } from '../support/until.ts';
import { ManualClock } from './link-ends.ts';
import { admitting, ask, MeshNodes, type TestCore } from './mesh-nodes.ts';

let nodes: MeshNodes;
beforeEach(() => {
  nodes = new MeshNodes();
});
afterEach(() => nodes.close());

interface Scripted {
  core: TestCore;
  clock: ManualClock;
  newcomer: number;
  /** What each core has, by its number. */
  progress: Map<number, CoreProgress>;
}

/** A keeper that is alone in its ring, and a member that is not in it. Time stands until told. */
async function growing(): Promise<Scripted> {
  const first = await nodes.node('first');
  const second = await nodes.node('second');
  await nodes.found(first);
  await nodes.remember(first, {}, nodes.next(admitting(second)));
  const progress = new Map<number, CoreProgress>();
  const clock = new ManualClock();
  const core = await nodes.core(first, { progressOf: (node) => progress.get(node) ?? null }, clock);
  return { core, clock, newcomer: second.identity.number, progress };
}

/** Lets the keeper look, and its writing to disk come about. */
async function pass({ clock }: Scripted, ms: number, until_: () => boolean): Promise<void> {
  await clock.advance(ms);
  await until(until_, { everyMs: 1 });
}

function ringOf({ core }: Scripted) {
  return core.mesh.manifest.manifest.ring;
}

test('a core is added in two steps, the second when it has everything and the leases are over', async () => {
  const scripted = await growing();
  const { core, newcomer, progress, clock } = scripted;
  expect(await ask(core, { do: 'ringAdd', node: 'second' })).toEqual({ epoch: 3 });
  expect(ringOf(scripted).next).toContain(newcomer);
  progress.set(core.mesh.node, { epoch: 3, unheld: 0 });
  progress.set(newcomer, { epoch: 3, unheld: 400 });
  await clock.advance(10_000);
  expect(await ask(core, { do: 'ringShow' })).toMatchObject({
    epoch: 3,
    change: { kind: 'waits', for: [newcomer], unheld: 400 },
  });
  progress.set(newcomer, { epoch: 3, unheld: 0 });
  await clock.advance(1000);
  expect(await ask(core, { do: 'ringShow' })).toMatchObject({ change: { kind: 'settles' } });
  await pass(scripted, 5000, () => ringOf(scripted).next === null);
  expect(ringOf(scripted).cores).toContain(newcomer);
  expect(core.mesh.manifest.manifest.epoch).toBe(4);
});

test('one change at a time; it can be called off, and then another can begin', async () => {
  const scripted = await growing();
  const { core, newcomer } = scripted;
  await expect(ask(core, { do: 'ringAbort' })).rejects.toThrow('no change of the ring is under way');
  await ask(core, { do: 'ringAdd', node: newcomer });
  await expect(ask(core, { do: 'ringRemove', node: 'first' })).rejects.toThrow('under way');
  await ask(core, { do: 'ringAbort' });
  expect(ringOf(scripted)).toEqual({ cores: [core.mesh.node], next: null });
  await ask(core, { do: 'ringAdd', node: newcomer });
});

test('of two changes at once one is made and the other refused', async () => {
  const { core, newcomer } = await growing();
  const both = await Promise.allSettled([
    ask(core, { do: 'ringAdd', node: newcomer }),
    ask(core, { do: 'ringAdd', node: newcomer }),
  ]);
  // Which of them comes first is nobody's business.
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(core.mesh.manifest.manifest.epoch).toBe(3);
});

test('a core is removed in two steps, and a change goes on after a restart of the keeper', async () => {
  const scripted = await growing();
  const { core, newcomer, progress } = scripted;
  const { node } = core.mesh;
  await ask(core, { do: 'ringAdd', node: newcomer });
  for (const one of [node, newcomer]) progress.set(one, { epoch: 3, unheld: 0 });
  await pass(scripted, 6000, () => ringOf(scripted).next === null);
  await ask(core, { do: 'ringRemove', node: newcomer });
  expect(ringOf(scripted).next).toEqual([node]);
  await core.stop();

  const clock = new ManualClock();
  const again = await nodes.core(core, { progressOf: () => ({ epoch: 5, unheld: 0 }) }, clock);
  await clock.advance(6000);
  await until(() => again.mesh.manifest.manifest.ring.next === null, { everyMs: 1 });
  expect(again.mesh.manifest.manifest).toMatchObject({ epoch: 6, ring: { cores: [node] } });
});

test('the ring is shown with owners, servers and terms', async () => {
  const first = await nodes.node('first');
  await nodes.found(first);
  const { number } = first.identity;
  const core = await nodes.core(first, {
    servers: () => [
      { partition: 0, node: number, term: 3 },
      { partition: 0, node: 9, term: 2 },
    ],
  });
  core.says.serving = 1024;
  const shown = await ask(core, { do: 'ringShow' });
  expect(shown).toMatchObject({
    epoch: 1,
    partitions: 1024,
    cores: [number],
    next: null,
    change: null,
    nodes: [{ node: number, owned: 1024, served: 1024, unheld: 0, isAway: false }],
  });
  expect([shown['servers']].flat().slice(0, 2)).toEqual([{ node: number, term: 3 }, null]);
});
