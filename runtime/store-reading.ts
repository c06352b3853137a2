// A store opened to be read only, beside the program that writes it: for a look at real facts before another program takes it over.
import { type AccountId, partitionOf } from './account-id.ts';
import type { PointReader, Reader, Recent } from './behaviours.ts';
import { accountAt, type Key, partitionOfKey, partitionStart } from './key.ts';
import { RecentIndex } from './recent-index.ts';
import { SearchIndex } from './search-index.ts';
import type { StatusId } from './status-id.ts';
import { statusKindOf } from './status-rest.ts';
import { assertDataFile } from './store-disk.ts';
import { openEnvironment } from './store-environment.ts';
import { defaultLimits, type StoreProduct } from './store-options.ts';
import { StorePlacement } from './store-placement.ts';
import { listedOnDisk, storeReader } from './store-reader.ts';
import { afterAllKeys, hasViewsOf } from './store-rebuild.ts';
import { assertReadable, markedSchema, type StateSchema, schemaKey } from './store-schema.ts';

export interface ReadingOptions {
  /** There is a store in it. */
  folder: string;
  product: Pick<StoreProduct, 'viewsFormat' | 'statusKey' | 'listed' | 'words'>;
  schema: StateSchema;
}

export interface StoreReading {
  readonly reader: Reader;
  /** The mark that the store bears. */
  readonly schema: number;
  /** Its views are those that the product derives: opening it will not have to derive them anew. */
  readonly hasViews: boolean;
  newestOf(recent: Recent): StatusId[];
  /**
   * The first account of which everything is here, at or above this one in order of keys; null: there is none. (Of others there may be
   * facts, as guests, but no account.)
   */
  accountFrom(from: Key): AccountId | null;
  /**
   * What was read so far may be forgotten, and what is committed by now is read. Call it every so often: pages that somebody reads can't be
   * used again by who writes.
   */
  refresh(): void;
  close(): Promise<void>;
}

/** Kept in memory while it lasts: it is a short one. */
const mostIds = 200_000;

/** Throws a `SchemaError` for a store that can't be read, and what the system says when there is none. Takes no lock, writes nothing. */
export function readStore({ folder, product, schema }: ReadingOptions): StoreReading {
  assertDataFile(folder);
  const environment = openEnvironment({
    folder,
    mapSizeBytes: defaultLimits.mapSizeBytes,
    readOnly: true,
    inspect: (meta) => assertReadable(meta.get(schemaKey), schema),
  });
  const kind = statusKindOf(product.statusKey);
  const placement = StorePlacement.of(environment);
  const onDisk = listedOnDisk(environment, kind);
  const recent = new RecentIndex({
    read: (author, below, most) => (placement.owns(partitionOf(author)) ? onDisk(author, below, most) : ''),
    mostIds,
  });
  const search = new SearchIndex({
    tables: environment,
    kind,
    words: product.words,
    listed: product.listed,
    owns: (key) => placement.ownsKey(key),
  });
  const committed: PointReader = {
    fact: (key) => environment.facts.get(key) ?? null,
    view: (key) => environment.views.get(key),
  };
  return {
    reader: {
      ...storeReader(environment, { committed }, recent),
      find: (words, bounds) => search.find({ words: [...words], ...bounds }),
    },
    schema: markedSchema(environment.meta.get(schemaKey)),
    hasViews: hasViewsOf(environment, product.viewsFormat),
    newestOf: (wanted) => recent.newestOf(wanted),
    accountFrom(from) {
      for (let above = from; ; ) {
        const [key] = environment.presence.keys({ from: above, to: afterAllKeys, most: 1 });
        if (key === undefined) return null;
        const partition = partitionOfKey(key);
        if (placement.owns(partition) && placement.hasViews(partition)) return accountAt(key);
        above = partitionStart(partition + 1);
      }
    },
    refresh: () => environment.refresh(),
    close: () => environment.close(),
  };
}
