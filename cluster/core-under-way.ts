// Requests that have begun and not been answered yet, by partition: a partition is not handed over between the two, if it need not be.
import { partitionCount } from '../runtime/account-id.ts';

export class UnderWay {
  readonly #counts = new Uint32Array(partitionCount);

  /** `act`, while all of these are busy. */
  async during<T>(partitions: readonly number[], act: () => Promise<T>): Promise<T> {
    this.#count(partitions, 1);
    try {
      return await act();
    } finally {
      this.#count(partitions, -1);
    }
  }

  isBusy(partition: number): boolean {
    return (this.#counts[partition] ?? 0) > 0;
  }

  #count(partitions: readonly number[], step: 1 | -1): void {
    for (const partition of partitions) this.#counts[partition] = (this.#counts[partition] ?? 0) + step;
  }
}
