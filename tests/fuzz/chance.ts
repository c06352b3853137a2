// Chance that can be had again: everything a fuzz run does follows from one seed.

export interface Chance {
  /** 0 up to, not including, 1. */
  fraction(): number;
  /** A whole number from 0 to `below - 1`. */
  below(below: number): number;
  /** True so often: 0.25 is one time in four. */
  hits(share: number): boolean;
  pick<T>(from: readonly [T, ...T[]]): T;
  bytes(count: number): Buffer;
  /** So many characters of these. */
  text(count: number, alphabet: string): string;
  /** A stream of its own: what is drawn from it changes nothing here. */
  branch(): Chance;
}

/** mulberry32. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  const whole = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const chance: Chance = {
    fraction: () => whole() / 2 ** 32,
    below: (below) => Math.floor((whole() / 2 ** 32) * below),
    hits: (share) => whole() / 2 ** 32 < share,
    pick: (from) => from[chance.below(from.length)] ?? from[0],
    bytes(count) {
      const bytes = Buffer.allocUnsafe(count);
      for (let at = 0; at < count; at++) bytes[at] = whole() & 255;
      return bytes;
    },
    text(count, alphabet) {
      let text = '';
      for (let at = 0; at < count; at++) text += alphabet.charAt(chance.below(alphabet.length));
      return text;
    },
    branch: () => chanceOf(whole()),
  };
  return chance;
}
