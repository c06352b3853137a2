// Rebuilding a store in place, and comparing it with what a rebuild would give. The replay itself is store-rebuild.ts's.
import type { Rejection } from './behaviours.ts';
import type { SearchIndex } from './search-index.ts';
import { removeFolder } from './store-disk.ts';
import { type Environment, openEnvironment } from './store-environment.ts';
import type { StoreFollower } from './store-follower.ts';
import { newIncarnation } from './store-incarnation.ts';
import { hiding } from './store-listing.ts';
import type { StoreProduct } from './store-options.ts';
import type { StorePlacement } from './store-placement.ts';
import { type Comparison, compareViews, type RebuildReport, rebuildViews } from './store-rebuild.ts';
import type { StoreWriter } from './store-writer.ts';

export interface RebuildingOptions {
  environment: Environment;
  writer: StoreWriter;
  follower: StoreFollower;
  search: SearchIndex;
  placement: StorePlacement;
  product: StoreProduct;
  statusKind: string;
  mostRows: number;
  mapSizeBytes: number;
  /** The store is closing. */
  isCalledOff(): boolean;
}

export class StoreRebuilding {
  readonly #options: RebuildingOptions;

  constructor(options: RebuildingOptions) {
    this.#options = options;
  }

  /** Writes are refused meanwhile, and for good when it fails. */
  async rebuild(onProgress: (facts: number) => void): Promise<RebuildReport> {
    const { environment, writer, follower, search, product, statusKind, isCalledOff } = this.#options;
    writer.closed = rebuilt;
    try {
      await follower.pause();
      await writer.commit.drain();
      const hide = hiding(statusKind, product.listed);
      const report = await rebuildViews({
        ...this.#common(),
        target: environment,
        alsoTake: (facts, batch) => {
          search.take(facts, batch);
          hide(facts, batch);
        },
        onProgress,
      });
      writer.rows.forgetViews();
      await follower.resumeAtHead();
      if (!isCalledOff()) writer.closed = null;
      return report;
    } catch (error) {
      writer.rows.forgetViews();
      writer.closed = incomplete;
      throw error;
    }
  }

  /** Derives all views into an absent folder, compares them with those at hand, removes the folder. */
  async compare(folder: string): Promise<Comparison> {
    const { environment, writer, mapSizeBytes } = this.#options;
    await writer.commit.drain();
    const target = openEnvironment({ folder, mapSizeBytes });
    try {
      await target.adopt(newIncarnation(null));
      await rebuildViews({ ...this.#common(), target, alsoTake: () => {}, onProgress: () => {} });
      return compareViews(environment.views, target.views);
    } finally {
      await target.close();
      removeFolder(folder);
    }
  }

  #common() {
    const { environment, placement, product, mostRows, isCalledOff } = this.#options;
    return {
      facts: environment.facts,
      deriving: { derive: product.derive, placement },
      viewsFormat: product.viewsFormat,
      mostRows,
      isCalledOff,
    };
  }
}

const rebuilt: Rejection = { code: 'unavailable', message: 'The views are being rebuilt' };
const incomplete: Rejection = {
  code: 'unavailable',
  message: 'The views are incomplete: they are rebuilt at the next start',
};
