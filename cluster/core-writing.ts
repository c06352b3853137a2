// What a core writes: into its store, and done when enough machines have it.
import type { Store } from '../runtime/store.ts';
import { moved, storedInTime } from './core-answering.ts';
import { type CoreCluster, partitionsOf } from './core-cluster.ts';

type Writes = Parameters<Store['submit']>[0];

export interface CoreWritingOptions {
  store: Pick<Store, 'submit'>;
  /** Null: there is only this core. */
  cluster: CoreCluster | null;
}

export class CoreWriting {
  readonly #options: CoreWritingOptions;
  #last: Promise<void> = Promise.resolve();

  constructor(options: CoreWritingOptions) {
    this.#options = options;
  }

  /**
   * Waits for the disk to have all that was submitted before, too: an answer that repeats an earlier one must not come before it is safe.
   * Whether enough machines have it `answerUnderTerms` looks at for each answer anew: what they had not in time then they may have now.
   */
  submit(writes: Writes, how: { deletes: boolean; live: boolean; nowMs: number }): Promise<void> {
    if (writes.length === 0) return this.#last;
    const submitted = this.submitted(writes, how);
    return submitted.ok ? submitted.value.done : Promise.reject(new Error(submitted.rejection.message));
  }

  /** As the store does it; but done when enough machines have it. */
  submitted(...[writes, how]: Parameters<Store['submit']>): ReturnType<Store['submit']> {
    const { cluster, store } = this.#options;
    const isAlone = cluster === null || cluster.isAlone;
    const partitions = isAlone ? [] : partitionsOf(writes.map(({ key }) => key));
    for (const partition of partitions)
      if (cluster?.isOpen(partition) !== true) return { ok: false, rejection: moved.rejection };
    const submitted = store.submit(writes, how);
    if (!submitted.ok) return submitted;
    const { position, done, entries } = submitted.value;
    this.#last = done;
    if (isAlone) return submitted;
    const stored = done.then(() => storedInTime(cluster.stored(partitions, position)));
    // Somebody else may wait for it, or nobody.
    stored.catch(() => {});
    return { ok: true, value: { entries, position, done: stored } };
  }
}
