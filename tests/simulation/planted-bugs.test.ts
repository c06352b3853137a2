// Each planted bug is found by a checker that is there for it. The seeds are those that find it soonest; others would, too.
import { describe, expect, test } from 'vitest';
import { leaseMs } from '../../cluster/link-lease.ts';
import { wireBounds } from '../../cluster/wire-end.ts';
import type { Plant } from './plant.ts';
import { planted, plantedModule } from './planting.ts';
import { plants } from './plants.ts';
import { runWhole } from './scale-whole.ts';
import { type RunOptions, simulate } from './simulate.ts';

/** Checkers are named by how their violations begin. */
function checkersOf(violations: readonly string[]): string[] {
  return violations.map((violation) => violation.slice(0, violation.indexOf(':')));
}

/** Those of which a seed is known. */
const sought = plants.flatMap((plant) => (plant.seed === null ? [] : [{ ...plant, seed: plant.seed }]));

/** Without a plant. Several plants have the same seed. */
const unplanted = new Map<string, string[]>();

function violationsWithout(run: RunOptions): string[] {
  const name = `${run.seed} ${run.repairs}`;
  const violations = unplanted.get(name) ?? simulate(run).violations;
  unplanted.set(name, violations);
  return violations;
}

async function expectFound(plant: Plant & { seed: number }): Promise<void> {
  const run = { seed: plant.seed, repairs: plant.withoutRepairs !== true };
  expect(violationsWithout(run)).toEqual([]);
  const simulatePlanted = await planted(plant);
  const { violations } = simulatePlanted({ ...run, untilFound: true });
  const found = checkersOf(violations).filter((checker) => plant.foundBy.includes(checker));
  expect(found.length, `violations: ${violations.join('; ')}`).toBeGreaterThan(0);
}

describe('planted bugs', () => {
  test('there are at least twenty of which a seed is known, each a change of a line or two', () => {
    expect(sought.length).toBeGreaterThanOrEqual(20);
    expect(new Set(plants.map(({ name }) => name)).size).toBe(plants.length);
    for (const { line, instead } of plants) expect(instead).not.toBe(line);
  });

  test.each(sought.filter(({ wasReal }) => wasReal !== true))('found: $name', expectFound);
});

describe('bugs that stood here once', () => {
  test.each(sought.filter(({ wasReal }) => wasReal === true))('found again: $name', expectFound);

  test('found again: a machine that has vanished is waited for as long as its link lasts', async () => {
    const plant = {
      name: 'a machine that has vanished is waited for as long as its link lasts',
      file: 'cluster/replica-turns.ts',
      line: 'if (server !== null && leases.holds(server)) {',
      instead: 'if (server !== null) {',
      seed: 1,
      foundBy: [],
    };
    const options = { nodes: 4, seed: 1 };
    expect(runWhole(options).servedMs).toBeLessThan(2 * leaseMs);
    const { runWhole: runPlanted } = (await plantedModule(plant, 'scale-whole.ts')) as {
      runWhole: typeof runWhole;
    };
    expect(runPlanted(options).servedMs).toBeGreaterThan(wireBounds.silenceMs);
  });
});
