// Chance under a seed: the same seed gives the same run. (xoshiro128**, Blackman & Vigna 2018; seeded by splitmix32.)

export class Random {
  // Four words rather than an array of them: this is asked for tens of thousands of times a run.
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    let mixed = seed >>> 0;
    const word = (): number => {
      mixed = (mixed + 0x9e3779b9) >>> 0;
      let value = mixed;
      value = Math.imul(value ^ (value >>> 16), 0x21f0aaad);
      value = Math.imul(value ^ (value >>> 15), 0x735a2d97);
      return value ^ (value >>> 15);
    };
    this.#a = word();
    this.#b = word();
    this.#c = word();
    this.#d = word();
  }

  #next(): number {
    const turned = Math.imul(this.#b, 5);
    const result = Math.imul((turned << 7) | (turned >>> 25), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
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
