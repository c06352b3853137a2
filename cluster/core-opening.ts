// Opening a core: its store first, which tells it from then on what is on the disk; and the one time that both go by.
import { openStore, type Store } from '../runtime/store.ts';
import { versionMs } from '../runtime/version.ts';
import { Core } from './core.ts';
import { CoreMetrics } from './core-metrics.ts';
import type { CoreOptions } from './core-options.ts';
import { CoreProduct } from './core-product.ts';

/** Opens the store and starts a core on it. Rejects with what the store says when it can't be opened. */
export async function openCore({ product: first, ...options }: CoreOptions): Promise<Core> {
  const { folder, node, onFault, limits } = options;
  // Nobody else keeps the first one: it is freed when another has taken its place.
  const product = new CoreProduct(first);
  // One time for all: a clock that is set back stands still here until it is there again, and versions that had to run ahead of it take it
  // along. An id made from it is never older than a version given before, or a cursor could skip it.
  let latestMs = 0;
  let opening: Store | null = null;
  const now = (): number => {
    latestMs = Math.max(latestMs, options.now(), opening === null ? 0 : versionMs(opening.given));
    return latestMs;
  };
  const metrics = new CoreMetrics();
  const opened: { core: Core | null } = { core: null };
  const store = await openStore({
    folder,
    node,
    now,
    onFault,
    onTrouble: (error) => options.log.warn({ err: error }, 'something in the background of the store failed'),
    derive: (entry, read) => product.current.derive(entry, read),
    addressed: (change) => product.current.addressed(change),
    withdraw: (fact, read) => product.current.withdraw(fact, read),
    viewsFormat: product.current.viewsFormat,
    listed: (key, value) => product.current.listed(key, value),
    statusKey: (id) => product.current.statusKey(id),
    words: (fact) => product.current.words(fact),
    onCommitted: (entries, position) => opened.core?.committed(entries, position),
    onAdopted: (entries) => opened.core?.adopted(entries),
    onCommitTimed: (ms, entries) => metrics.committed(ms, entries),
    ...(limits === undefined ? {} : { limits }),
    schema: options.schema,
    lock: options.lock,
  });
  opening = store;
  opened.core = new Core(store, { ...options, now, wall: options.now }, metrics, product);
  return opened.core;
}
