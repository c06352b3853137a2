// Whose turn it is to serve a partition.
import { expect, test } from 'vitest';
import { Turns } from '../../cluster/replica-turns.ts';
import { ringOf } from './cores-together.ts';

const ring = ringOf([1, 2, 3], null);

function turnsOf(isCurrent: () => boolean) {
  return new Turns({
    self: 1,
    clock: { monoMs: () => 0, wallMs: () => 0 },
    ring: () => ring,
    leases: {
      holds: () => true,
      isLinked: () => true,
      isAhead: () => false,
    } as unknown as ConstructorParameters<typeof Turns>[0]['leases'],
    grants: {} as unknown as ConstructorParameters<typeof Turns>[0]['grants'],
    holds: () => true,
    isTaken: () => false,
    serverOf: () => 2,
    isAwaited: () => false,
    isMoving: () => false,
    isCurrent,
    chance: () => 0,
  });
}

test('the preferred server asks for what another one serves only when it is not behind what others have written', () => {
  const mine = Array.from({ length: ring.partitions }, (_, one) => one).filter(
    (one) => ring.placement(one).owners[0] === 1,
  );
  let isCurrent = false;
  const turns = turnsOf(() => isCurrent);
  expect(turns.look().better.size).toBe(0);
  isCurrent = true;
  expect(turns.look().better.get(2)).toEqual(mine);
});
