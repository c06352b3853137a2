// Partitions that come and go: their views are derived from what is here already, or what is here of them is dropped. Facts themselves
// come by adoption. Both are walks over the facts, in small transactions, that go on where they were after a crash.
import { partitionCount, serverAccount } from './account-id.ts';
import type { FoundFact, StoredFact } from './behaviours.ts';
import { accountKey, afterPrefix, type Key, kindOf, partitionOfKey, partitionStart } from './key.ts';
import { joined, partitionsAddressed } from './store-addressing.ts';
import type { Batch } from './store-batch.ts';
import { deriveGained } from './store-deriving.ts';
import type { Environment } from './store-environment.ts';
import type { StoreProduct } from './store-options.ts';
import type { StorePlacement, Walk } from './store-placement.ts';
import { erase } from './store-trim.ts';
import type { StoreWriter } from './store-writer.ts';
import { nowhere } from './wire-bytes.ts';

export interface MovingOptions {
  environment: Environment;
  writer: StoreWriter;
  placement: StorePlacement;
  product: StoreProduct;
  statusKind: string;
  factsAtOnce: number;
  /** Asked before each step. */
  isCalledOff(): boolean;
}

/** Called with the number of facts looked at. */
export type Progress = (facts: number) => void;

const viewsAtOnce = 2_000;
const firstKey: Key = '\0';
const afterAllKeys: Key = '\u00ff';
const serverPrefix = accountKey(serverAccount);

export class StoreMoving {
  readonly #options: MovingOptions;

  constructor(options: MovingOptions) {
    this.#options = options;
  }

  /**
   * Derives the views of partitions that are owned now from the facts that are here. Resolves when all are kept. Rejects when called off;
   * it goes on when it is asked for again.
   */
  async gain(partitions: Iterable<number>, onProgress: Progress): Promise<void> {
    const { placement } = this.#options;
    if (placement.gaining !== null) await this.#gain(onProgress);
    placement.beginGain(partitions);
    await this.#gain(onProgress);
  }

  /** Drops views that are stale, and facts that no owned partition holds. Resolves and rejects as `gain` does. */
  async drop(partitions: Iterable<number>, onProgress: Progress): Promise<void> {
    const { placement } = this.#options;
    if (placement.dropping !== null) await this.#drop(onProgress);
    placement.beginDrop(partitions);
    await this.#drop(onProgress);
  }

  async #gain(onProgress: Progress): Promise<void> {
    const { placement } = this.#options;
    const { gaining } = placement;
    if (gaining === null) return;
    await this.#walk(
      gaining,
      () => false,
      onProgress,
      (fact, batch) => this.#gainOne(fact, gaining, batch),
    );
    placement.endGain();
    await this.#keep();
  }

  async #drop(onProgress: Progress): Promise<void> {
    const { placement } = this.#options;
    const { dropping } = placement;
    if (dropping === null) return;
    const isLeft = (partition: number): boolean =>
      placement.owns(partition) && !dropping.partitions.has(partition);
    const late = new Set<Key>();
    await this.#walk(dropping, isLeft, onProgress, (fact, batch) => {
      if (!this.#dropOne(fact, dropping, batch)) late.add(fact.key);
    });
    await this.#dropLate(late);
    for (const partition of dropping.partitions) await this.#dropViews(partition);
    placement.endDrop();
    await this.#keep();
  }

  #gainOne(fact: FoundFact, gaining: Walk, batch: Batch): void {
    const { product, placement, writer, statusKind } = this.#options;
    const home = gaining.partitions.has(partitionOfKey(fact.key));
    const to = home ? nowhere : this.#addressedBy(fact);
    gaining.cursor = fact.key;
    if (!home && !to.some((partition) => gaining.partitions.has(partition))) return;
    const entry = { ...fact, before: null, live: false };
    const deriving = { derive: product.derive, placement };
    deriveGained(deriving, entry, writer.rows.writer, ({ key, value }) => batch.views.set(key, value));
    if (home && kindOf(fact.key) === statusKind) batch.leaveUnindexed(fact.key);
  }

  /** False: what is staged under the key in this batch comes after the removal. It is to be dropped in a later one. */
  #dropOne(fact: FoundFact, dropping: Walk, batch: Batch): boolean {
    const { product, placement, writer, statusKind } = this.#options;
    const { key } = fact;
    const home = partitionOfKey(key);
    const isDropped = dropping.partitions.has(home);
    if (isDropped) {
      for (const view of product.withdraw(fact, writer.rows.writer))
        if (view.key.startsWith(serverPrefix)) batch.views.set(view.key, view.value);
      if (kindOf(key) === statusKind) batch.leaveUnindexed(key);
    }
    dropping.cursor = key;
    // Given up since this walk began: its part in what all share has yet to be taken back, by the next one.
    if (!isDropped && placement.mayShareViews(home)) return true;
    return this.#remove(fact, batch);
  }

  /** Unless it is held; false: it is staged in this very batch. */
  #remove(fact: FoundFact, batch: Batch): boolean {
    const { placement, statusKind } = this.#options;
    const { key, version, value } = fact;
    if (placement.holds(key, this.#addressedBy(fact))) return true;
    if (batch.facts.has(key)) return false;
    batch.removed.add(key);
    if (value !== null) erase(batch, version);
    if (kindOf(key) === statusKind) batch.changes.push({ kind: 'put', table: 'unlisted', key, bytes: null });
    return true;
  }

  /** What derives from them has been taken back already. Once they are gone nothing under their keys is taken in any more. */
  async #dropLate(late: Set<Key>): Promise<void> {
    const { writer } = this.#options;
    while (late.size > 0) {
      this.#assertGoingOn();
      await writer.stage((batch) => {
        for (const key of late) {
          const fact = writer.rows.writer.fact(key);
          if (fact === null || this.#remove({ key, ...fact }, batch)) late.delete(key);
        }
      });
    }
  }

  #addressedBy({ key, value, to }: FoundFact): readonly number[] {
    const addressed = partitionsAddressed(this.#options.product.addressed, { key, value, before: null });
    return joined(addressed, to ?? nowhere, key);
  }

  async #dropViews(partition: number): Promise<void> {
    const { environment, writer } = this.#options;
    // The first account of the first partition is the server's: what stands under it is taken back fact by fact.
    let from = partition === 0 ? afterPrefix(serverPrefix) : partitionStart(partition);
    const to = partitionStart(partition + 1);
    for (;;) {
      this.#assertGoingOn();
      const keys = environment.views.keys({ from, to, most: viewsAtOnce });
      const last = keys.at(-1);
      if (last === undefined) return;
      await writer.stage((batch) => {
        for (const key of keys) batch.views.set(key, null);
      });
      from = `${last}\0`;
    }
  }

  /** Gives `take` every fact behind the cursor, as it is when its turn comes: also one that is on its way to the disk. */
  async #walk(
    walk: Walk,
    isPassedOver: (partition: number) => boolean,
    onProgress: Progress,
    take: (fact: FoundFact, batch: Batch) => void,
  ): Promise<void> {
    const { writer } = this.#options;
    await this.#keep();
    let done = 0;
    while (walk.cursor !== afterAllKeys) {
      this.#assertGoingOn();
      await writer.stage((batch) => {
        try {
          const { facts, upTo } = this.#next(walk.cursor, isPassedOver);
          for (const fact of facts) take(fact, batch);
          done += facts.length;
          walk.cursor = upTo;
        } finally {
          // Also when one of them could not be derived: what the others gave is staged.
          batch.changes.push(this.#options.placement.change);
        }
      });
      onProgress(done);
    }
  }

  #next(cursor: Key, isPassedOver: (partition: number) => boolean): { facts: FoundFact[]; upTo: Key } {
    const { environment, writer, factsAtOnce } = this.#options;
    const { open, inFlight } = writer.commit;
    let from = cursor === '' ? firstKey : `${cursor}\0`;
    while (from < partitionStart(partitionCount) && isPassedOver(partitionOfKey(from)))
      from = partitionStart(partitionOfKey(from) + 1);
    const found = environment.facts.range({ from, to: afterAllKeys, most: factsAtOnce });
    const last = found.at(-1);
    const upTo = last === undefined || found.length < factsAtOnce ? afterAllKeys : last.key;
    const facts = new Map<Key, StoredFact>(found.map(({ key, value }) => [key, value]));
    for (const staged of [inFlight, open]) {
      for (const [key, fact] of staged?.facts ?? []) if (key >= from && key <= upTo) facts.set(key, fact);
    }
    const inOrder = [...facts].sort(([one], [other]) => (one < other ? -1 : 1));
    return {
      facts: inOrder
        .filter(([key]) => !isPassedOver(partitionOfKey(key)))
        .map(([key, { version, value, to }]) => ({
          key,
          version,
          value,
          ...(to === undefined ? {} : { to }),
        })),
      upTo,
    };
  }

  /** Writes down how far it is. */
  #keep(): Promise<void> {
    const { writer, placement } = this.#options;
    return writer.stage((batch) => batch.changes.push(placement.change));
  }

  #assertGoingOn(): void {
    if (this.#options.isCalledOff())
      throw new Error('moving partitions was called off: it goes on where it was when it is asked for again');
  }
}
