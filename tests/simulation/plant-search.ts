// Looks for the first seed that finds each planted bug: for plants that are new, and for all after the simulated world has changed.
import type { Plant } from './plant.ts';
import { planted } from './planting.ts';
import { simulate } from './simulate.ts';

export interface Found {
  plant: Plant;
  /** Null: none of those tried. */
  seed: number | null;
  /** How the violation begins. */
  checker: string;
  /** Virtual time of the violation, as the transcript has it. */
  atSeconds: string;
}

/** A seed counts when a checker that is there for the plant is the first to find something, and the run without the plant is clean. */
export async function searchPlant(plant: Plant, seeds: { from: number; to: number }): Promise<Found> {
  const repairs = plant.withoutRepairs !== true;
  const simulatePlanted = await planted(plant);
  for (let seed = seeds.from; seed < seeds.to; seed++) {
    const { violations, transcript } = simulatePlanted({ seed, repairs, untilFound: true });
    const [checker = ''] = (violations[0] ?? '').split(':');
    if (!plant.foundBy.includes(checker) || simulate({ seed, repairs }).violations.length > 0) continue;
    const [atSeconds = ''] = (transcript.at(-1) ?? '').trim().split(' ');
    return { plant, seed, checker, atSeconds };
  }
  return { plant, seed: null, checker: '', atSeconds: '' };
}
