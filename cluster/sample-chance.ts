// Chance from a seed: the same seed gives the same numbers on every machine and in every version.
import { createHash } from 'node:crypto';

/** A number from 0 (included) to 1 (not included). */
export type Chance = () => number;

/** sfc32, started from the seed's SHA-256. */
export function seededChance(seed: string): Chance {
  const hash = createHash('sha256').update(seed).digest();
  let a = hash.readUInt32LE(0);
  let b = hash.readUInt32LE(4);
  let c = hash.readUInt32LE(8);
  let counter = hash.readUInt32LE(12);
  return () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 0x1_0000_0000;
  };
}

/** A whole number from 0 to `below - 1`. */
export function pick(chance: Chance, below: number): number {
  return Math.floor(chance() * below);
}

export function choose<T>(chance: Chance, from: readonly [T, ...T[]]): T {
  return from[pick(chance, from.length)] ?? from[0];
}

/** From 1 up with mean `mean` (before the cut at `most`): many small, few large, as people are (Pareto, exponent 1.5). */
export function heavyTailed(chance: Chance, mean: number, most: number): number {
  // A Pareto variable of exponent 1.5 from `least` has mean 3 x least; rounding up adds a half.
  const least = Math.max((mean - 0.5) / 3, 0.01);
  return Math.min(most, Math.max(1, Math.ceil(least * (1 - chance()) ** (-2 / 3))));
}
