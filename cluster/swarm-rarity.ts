// Pieces that are wanted, rarest first: ordered all the time, so that nobody ever sorts. Equals are in an order of their own for each node.

/**
 * Each piece has a count of peers that have it. The pieces lie in one array by count; a change of one swaps the piece with the first or
 * last of its equals and moves the border between them.
 */
export class Rarity {
  readonly #random: () => number;
  readonly #order: Int32Array;
  readonly #place: Int32Array;
  readonly #counts: Int32Array;
  /** Where the pieces of each count begin; of the highest and one more, so that each has an end. */
  readonly #starts: number[];
  /** Pieces from here on are not wanted. */
  #end: number;

  /** `random`: from 0 to below 1. */
  constructor(pieces: number, random: () => number) {
    this.#random = random;
    this.#order = new Int32Array(pieces);
    this.#place = new Int32Array(pieces);
    this.#counts = new Int32Array(pieces);
    this.#end = pieces;
    this.#starts = [0, pieces];
    for (let piece = 0; piece < pieces; piece++) {
      this.#order[piece] = piece;
      this.#place[piece] = piece;
    }
    for (let place = pieces - 1; place > 0; place--) this.#swap(place, Math.floor(random() * (place + 1)));
  }

  get wanted(): number {
    return this.#end;
  }

  /** Peers that have it. */
  count(piece: number): number {
    return this.#counts[piece] ?? 0;
  }

  more(piece: number): void {
    const count = this.count(piece);
    this.#counts[piece] = count + 1;
    if (!this.#isWanted(piece)) return;
    while (this.#starts.length <= count + 2) this.#starts.push(this.#end);
    const last = this.#start(count + 1) - 1;
    this.#swap(this.#placeOf(piece), last);
    this.#starts[count + 1] = last;
    this.#shuffleIn(last, last, this.#start(count + 2));
  }

  fewer(piece: number): void {
    const count = this.count(piece);
    if (count === 0) return;
    this.#counts[piece] = count - 1;
    if (!this.#isWanted(piece)) return;
    const first = this.#start(count);
    this.#swap(this.#placeOf(piece), first);
    this.#starts[count] = first + 1;
    this.#shuffleIn(first, this.#start(count - 1), first + 1);
  }

  /** It is no longer looked for. */
  unwant(piece: number): void {
    if (!this.#isWanted(piece)) return;
    const count = this.count(piece);
    // It goes up border by border until it is the last of all.
    for (let border = count + 1; border < this.#starts.length; border++) {
      const last = this.#start(border) - 1;
      this.#swap(this.#placeOf(piece), last);
      this.#starts[border] = last;
    }
    this.#end--;
  }

  /** It is looked for again. */
  want(piece: number): void {
    if (this.#isWanted(piece)) return;
    const count = this.count(piece);
    this.#swap(this.#placeOf(piece), this.#end);
    this.#end++;
    while (this.#starts.length <= count + 1) this.#starts.push(this.#end - 1);
    for (let border = this.#starts.length - 1; border > count; border--) {
      this.#swap(this.#placeOf(piece), this.#start(border));
      this.#starts[border] = this.#start(border) + 1;
    }
  }

  /** Wanted pieces that some peer has, rarest first. Must not change meanwhile. */
  *rarest(): Generator<number, void> {
    for (let place = this.#start(1); place < this.#end; place++) yield this.#order[place] ?? 0;
  }

  #start(count: number): number {
    return this.#starts[count] ?? this.#end;
  }

  #isWanted(piece: number): boolean {
    return this.#placeOf(piece) < this.#end;
  }

  #placeOf(piece: number): number {
    return this.#place[piece] ?? 0;
  }

  /** Among its new equals, anywhere. */
  #shuffleIn(place: number, from: number, to: number): void {
    this.#swap(place, from + Math.floor(this.#random() * (to - from)));
  }

  #swap(one: number, other: number): void {
    const first = this.#order[one] ?? 0;
    const second = this.#order[other] ?? 0;
    this.#order[one] = second;
    this.#order[other] = first;
    this.#place[second] = one;
    this.#place[first] = other;
  }
}
