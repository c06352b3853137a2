// Chance with a seed: the same seed gives the same benchmark. Not for secrets.

export interface Random {
  /** 0 <= value < 1 */
  next(): number;
  /** A whole number, 0 <= value < below. */
  below(below: number): number;
}

/** The generator known as mulberry32: 32 bits of state are plenty for choosing authors and readers. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return { next, below: (below) => Math.floor(next() * below) };
}

export function shuffled(size: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length: size }, (_, index) => index);
  for (let at = size - 1; at > 0; at--) {
    const other = random.below(at + 1);
    const kept = order[at] ?? 0;
    order[at] = order[other] ?? 0;
    order[other] = kept;
  }
  return order;
}

/** `length` draws of 0..size-1 where the k-th most popular is drawn in proportion to 1/k. Who is popular is chance. */
export function zipfDraws(size: number, length: number, random: Random): Uint32Array {
  const who = shuffled(size, random);
  const upTo = new Float64Array(size);
  let sum = 0;
  for (let rank = 0; rank < size; rank++) {
    sum += 1 / (rank + 1);
    upTo[rank] = sum;
  }
  return Uint32Array.from({ length }, () => {
    const wanted = random.next() * sum;
    let low = 0;
    let high = size - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((upTo[middle] ?? 0) > wanted) high = middle;
      else low = middle + 1;
    }
    return who[low] ?? 0;
  });
}
