// The partitions of a store: which it owns, and the work of taking some in and giving some up.
import type { Progress, StoreMoving } from './store-moving.ts';
import type { StorePlacement } from './store-placement.ts';
import type { StoreWorks } from './store-works.ts';
import type { StoreWriter } from './store-writer.ts';

export interface PartitionsOptions {
  placement: StorePlacement;
  moving: StoreMoving;
  writer: StoreWriter;
  works: StoreWorks;
  /** What is read of an author's statuses counts otherwise from now on. */
  changed(): void;
}

export class StorePartitions {
  readonly #options: PartitionsOptions;

  constructor(options: PartitionsOptions) {
    this.#options = options;
  }

  /**
   * From now on facts are taken in that belong, or are addressed, to these partitions; and what is derived for others gets stale. Until
   * anybody says so, all are owned. It is remembered. See `unsettled` for what is to be done then. Resolves when it is on the disk.
   */
  place(owns: (partition: number) => boolean): Promise<void> {
    const { placement, writer, changed } = this.#options;
    placement.place(owns);
    changed();
    return writer.stage((batch) => batch.changes.push(placement.change));
  }

  owns(partition: number): boolean {
    return this.#options.placement.owns(partition);
  }

  /** What derives from the partition's facts is all here. */
  hasViews(partition: number): boolean {
    return this.#options.placement.hasViews(partition);
  }

  /** Partitions that are to be dropped, and those that are owned and whose views are not kept until they have been gained. */
  unsettled(): { stale: number[]; ungained: number[] } {
    return this.#options.placement.unsettled();
  }

  /**
   * Derives the views of partitions that are owned anew from the facts that are here, e.g. as guests. Facts that come meanwhile or later
   * give theirs by themselves. Called off by closing, it goes on when it is asked for again.
   */
  gain(partitions: Iterable<number>, onProgress: Progress = () => {}): Promise<void> {
    return this.#move(() => this.#options.moving.gain(partitions, onProgress));
  }

  /** Drops the views of stale partitions, and the facts that are held for no other. Called off and gone on with like `gain`. */
  drop(partitions: Iterable<number>, onProgress: Progress = () => {}): Promise<void> {
    return this.#move(() => this.#options.moving.drop(partitions, onProgress));
  }

  async #move(act: () => Promise<void>): Promise<void> {
    const { works, changed } = this.#options;
    await works.alone(act);
    changed();
  }
}
