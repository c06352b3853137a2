// Chance under a seed: the same seed gives the same run. (xoshiro128**, Blackman & Vigna 2018; seeded by splitmix32.)

export class Random {
  readonly #state: Uint32Array = new Uint32Array(4);

  constructor(seed: number) {
    let mixed = seed >>> 0;
    for (let at = 0; at < 4; at++) {
      mixed = (mixed + 0x9e3779b9) >>> 0;
      let value = mixed;
      value = Math.imul(value ^ (value >>> 16), 0x21f0aaad);
      value = Math.imul(value ^ (value >>> 15), 0x735a2d97);
      this.#state[at] = (value ^ (value >>> 15)) >>> 0;
    }
  }

  #next(): number {
    const s = this.#state;
    const [a = 0, b = 0, c = 0, d = 0] = s;
    const turned = Math.imul(b, 5);
    const result = Math.imul((turned << 7) | (turned >>> 25), 9) >>> 0;
    const shifted = b << 9;
    s[2] = c ^ a;
    s[3] = d ^ b;
    s[1] = b ^ (s[2] ?? 0);
    s[0] = a ^ (s[3] ?? 0);
    s[2] = (s[2] ?? 0) ^ shifted;
    const last = s[3] ?? 0;
    s[3] = (last << 11) | (last >>> 21);
    return result;
  }

  /** 0 up to, but not, 1. */
  fraction(): number {
    return this.#next() / 2 ** 32;
  }

  /** 0 to below `most`. */
  below(most: number): number {
    return Math.floor(this.fraction() * most);
  }

  between(low: number, high: number): number {
    return low + this.fraction() * (high - low);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[this.below(from.length)];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  }
}
