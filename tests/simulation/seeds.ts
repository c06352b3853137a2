// Stretches of seeds as tests: each one that fails prints its transcript and how to replay it.
import { expect, test } from 'vitest';
import { simulate } from './simulate.ts';

const atOnce = 100;

export function testSeeds({ from, to }: { from: number; to: number }): void {
  for (let first = from; first < to; first += atOnce) {
    const last = Math.min(first + atOnce, to) - 1;
    test(`nothing that was acknowledged is lost, under seeds ${first} to ${last}`, () => {
      const failed: string[] = [];
      const counts: Record<string, number> = {};
      for (let seed = first; seed <= last; seed++) {
        const report = simulate({ seed });
        for (const [what, count] of Object.entries(report.counts)) counts[what] = (counts[what] ?? 0) + count;
        if (report.violations.length === 0) continue;
        const replay = `npm run simulate -- --seed ${seed}`;
        failed.push([...report.transcript, ...report.violations, `again: ${replay}`].join('\n'));
      }
      expect(failed.join('\n\n')).toBe('');
      // A world in which nothing happens would prove nothing.
      for (const what of [
        'written',
        'reads',
        'kills',
        'blackouts',
        'cuts',
        'pauses',
        'rings',
        'wipes',
        'stranded',
        'attached',
      ])
        expect(counts[what], what).toBeGreaterThan(0);
    });
  }
}
