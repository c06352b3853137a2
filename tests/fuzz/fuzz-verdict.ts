// What a fuzz run must have shown, beyond not having failed: that it tried what it says, and that memory stayed flat.
import { expect } from 'vitest';
import type { FuzzReport } from './fuzz-run.ts';

const kibibyte = 2 ** 10;
const mebibyte = 2 ** 20;

/**
 * What may be reachable at the end and was not after the warm-up: the posts made meanwhile, in caches that have bounds of their own.
 * Garbage is collected before both measurements, so that neither load nor chance moves them: runs of 5,000 inputs were seen to grow
 * by 1 MiB where this allows 5, runs of 100,000 by 6 where it allows 25. A request, a body or a socket kept for each input would be
 * a hundred.
 */
const mostLiveGrowth = ({ measured, bystanderPosts }: FuzzReport): number =>
  4 * mebibyte + 200 * measured + 6 * kibibyte * bystanderPosts;

/**
 * Resident memory also has what native parts hold, and free room that no allocator has given back: seen to grow by 10 MiB. A
 * hundred-thousandth of this bound is 670 bytes: less than any connection costs that is not let go.
 */
const mostResidentGrowth = 64 * mebibyte;

export function expectHarmless(report: FuzzReport, inputs: number): void {
  expect(report.inputs).toBe(inputs);
  expect(report.bystanderPosts).toBeGreaterThan(10);
  const kinds = new Set(
    [...report.outcomes.keys()].map((outcome) => outcome.replace(/ (refused|taken|closed|\d{3}).*$/, '')),
  );
  expect(kinds.size).toBeGreaterThan(35);
  for (const { program, before, after } of report.growth) {
    const growth = {
      live: after.liveBytes - before.liveBytes,
      resident: after.anonymousBytes - before.anonymousBytes,
    };
    expect(growth.live, `live bytes of the ${program}`).toBeLessThan(mostLiveGrowth(report));
    expect(growth.resident, `resident bytes of the ${program}`).toBeLessThan(mostResidentGrowth);
  }
}
