// A bounded cache in two generations: what is used moves to the young one, the old one is dropped whole. No lists to keep in order.

/** Holds at least the `most / 2` keys used last, and at most `most`. Values must not be undefined. */
export class Generations<Value> {
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();
  readonly #half: number;

  constructor(most: number) {
    this.#half = Math.max(1, Math.ceil(most / 2));
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: string): Value | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const older = this.#old.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: string, value: Value): void {
    if (this.#young.size >= this.#half && !this.#young.has(key)) this.turn();
    this.#young.set(key, value);
  }

  /** What is not used until the next turn is forgotten then. */
  turn(): void {
    this.#old = this.#young;
    this.#young = new Map();
  }

  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  /** Those of both generations come twice. What is deleted meanwhile, and has not come, does not. */
  *[Symbol.iterator](): Generator<[string, Value]> {
    yield* this.#young;
    yield* this.#old;
  }

  /** Sets the value of a key that is there; forgets nothing and brings nothing in. */
  replace(key: string, value: Value): void {
    if (this.#young.has(key)) this.#young.set(key, value);
    else if (this.#old.has(key)) this.#old.set(key, value);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}
