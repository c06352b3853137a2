// Each planted bug is found by a checker that is there for it. The seeds are those that find it soonest; others would, too.
import { describe, expect, test } from 'vitest';
import type { Plant } from './plant.ts';
import { planted } from './planting.ts';
import { plants } from './plants.ts';
import { simulate } from './simulate.ts';

/** Checkers are named by how their violations begin. */
function checkersOf(violations: readonly string[]): string[] {
  return violations.map((violation) => violation.slice(0, violation.indexOf(':')));
}

/** Those of which a seed is known. */
const sought = plants.flatMap((plant) => (plant.seed === null ? [] : [{ ...plant, seed: plant.seed }]));

async function expectFound(plant: Plant & { seed: number }): Promise<void> {
  const run = { seed: plant.seed, repairs: plant.withoutRepairs !== true };
  expect(simulate(run).violations).toEqual([]);
  const simulatePlanted = await planted(plant);
  const { violations } = simulatePlanted(run);
  const found = checkersOf(violations).filter((checker) => plant.foundBy.includes(checker));
  expect(found.length, `violations: ${violations.join('; ')}`).toBeGreaterThan(0);
}

describe('planted bugs', () => {
  test('there are at least twenty, each a change of one line', () => {
    expect(plants.length).toBeGreaterThanOrEqual(20);
    expect(new Set(plants.map(({ name }) => name)).size).toBe(plants.length);
    for (const { line, instead } of plants) expect(instead).not.toBe(line);
  });

  test.each(sought.filter(({ wasReal }) => wasReal !== true))('found: $name', expectFound);
});

describe('bugs that stood here once', () => {
  test.each(sought.filter(({ wasReal }) => wasReal === true))('found again: $name', expectFound);
});
