// How far a deploy is let go: waves, machines that are away, trouble, coordinators that change.
import { describe, expect, it } from 'vitest';
import type { ReleaseStage } from '../../cluster/mesh-messages.ts';
import { isOpenFor, type NodeProgress, type RolloutSaid, rolloutNow } from '../../cluster/release-rollout.ts';

const plan = { seq: 7, order: [30, 10, 50, 20, 40], sizes: [1, 3, 5] };

function machines(stages: Record<number, ReleaseStage | null>): NodeProgress[] {
  return Object.entries(stages).map(([node, stage]) => ({
    node: Number(node),
    name: `node ${node}`,
    stage,
    note: stage === 'back' ? 'it crashed' : '',
  }));
}

const allHeard = { 10: null, 20: null, 30: null, 40: null, 50: null };

describe('rolloutNow', () => {
  it('opens the first wave, and no further one before that is healthy', () => {
    expect(rolloutNow(plan, [], machines(allHeard))).toEqual({ seq: 7, wave: 1, open: 1, stopped: '' });
    const trying = machines({ ...allHeard, 30: 'probation' });
    expect(rolloutNow(plan, [], trying)).toMatchObject({ wave: 1, open: 1 });
    const well = machines({ ...allHeard, 30: 'healthy' });
    expect(rolloutNow(plan, [], well)).toMatchObject({ wave: 2, open: 3 });
  });

  it('goes as far as all are healthy', () => {
    const well = machines({ ...allHeard, 30: 'healthy', 10: 'healthy', 50: 'healthy' });
    expect(rolloutNow(plan, [], well)).toMatchObject({ wave: 3, open: 5 });
  });

  it('takes the next machine in the place of one that is away', () => {
    const { 30: _, ...heard } = allHeard;
    expect(rolloutNow(plan, [], machines(heard))).toMatchObject({ wave: 1, open: 2 });
    expect(rolloutNow(plan, [], machines({ ...heard, 10: 'healthy' }))).toMatchObject({ wave: 2, open: 4 });
  });

  it('opens nothing while most machines are not heard', () => {
    expect(rolloutNow(plan, [], machines({ 30: 'healthy', 10: null }))).toMatchObject({ wave: 1, open: 0 });
    const before: RolloutSaid = { seq: 7, wave: 2, open: 3, stopped: '' };
    const few = machines({ 30: 'healthy', 10: 'healthy' });
    expect(rolloutNow(plan, [before], few)).toEqual(before);
  });

  it('opens all at once without waves, whoever is heard', () => {
    const atOnce = { ...plan, sizes: [5] };
    expect(rolloutNow(atOnce, [], machines({ 10: null }))).toMatchObject({ wave: 1, open: 5 });
  });

  it.each(['refused', 'back'] as const)('stops for good when a machine is %s', (stage) => {
    const said = rolloutNow(plan, [], machines({ ...allHeard, 30: stage }));
    expect(said.stopped).toMatch(/^node 30/);
    expect(rolloutNow(plan, [said], machines({ ...allHeard, 30: 'healthy' }))).toEqual(said);
    for (const node of plan.order) expect(isOpenFor(node, said, plan)).toBe(false);
  });

  it('goes on from what another coordinator has said, of this pointer only', () => {
    const others: RolloutSaid[] = [
      { seq: 7, wave: 2, open: 3, stopped: '' },
      { seq: 6, wave: 3, open: 5, stopped: 'old trouble' },
    ];
    expect(rolloutNow(plan, others, machines(allHeard))).toEqual(others[0]);
  });
});

describe('isOpenFor', () => {
  it('goes by the place in the order', () => {
    const said: RolloutSaid = { seq: 7, wave: 1, open: 2, stopped: '' };
    expect(plan.order.filter((node) => isOpenFor(node, said, plan))).toEqual([30, 10]);
  });
});
