// The one place in a core that holds its product. Whoever needs the product asks here each time, so that a swap is one step for all.
import type { Product } from './core-behaviours.ts';

export class CoreProduct {
  #current: Product;

  constructor(first: Product) {
    this.#current = first;
  }

  get current(): Product {
    return this.#current;
  }

  /** For people: the beginning of the hash of its script. */
  get name(): string {
    return this.#current.source?.sha256.slice(0, 12) ?? 'unnamed';
  }

  replace(next: Product): void {
    this.#current = next;
  }
}
