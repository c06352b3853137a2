// Opens stores of the toy product in folders that are gone after the test.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { Entry } from '../../runtime/behaviours.ts';
import type { FactWrite } from '../../runtime/fact.ts';
import { openStore, type Store } from '../../runtime/store.ts';
import type { StoreLimits, StoreOptions } from '../../runtime/store-options.ts';
import type { Submitted } from '../../runtime/store-writer.ts';
import { toyProduct } from './toy-product.ts';

const folders: string[] = [];
const stores: Store[] = [];

afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A new folder, removed after the test. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'murmuration-store-'));
  folders.push(folder);
  return folder;
}

export interface Opened {
  store: Store;
  /** What `onCommitted` was called with, one item a transaction. */
  committed: Array<{ entries: Entry[]; position: number }>;
  faults: Error[];
}

/** Nothing works by itself in the background here: tests ask for it. */
export const quiet: Partial<StoreLimits> = { ballastBytes: 0, searchEveryMs: 0, trimEveryMs: 0 };

export async function openToyStore(folder: string, options: Partial<StoreOptions> = {}): Promise<Opened> {
  const committed: Opened['committed'] = [];
  const faults: Error[] = [];
  const store = await openStore({
    folder,
    node: 7,
    now: Date.now,
    ...toyProduct,
    onCommitted: (entries, position) => committed.push({ entries, position }),
    onFault: (error) => faults.push(error),
    ...options,
    limits: { ...quiet, ...options.limits },
  });
  stores.push(store);
  return { store, committed, faults };
}

/** Submits what must be taken in. */
export function submit(store: Store, writes: FactWrite[], deletes = false): Submitted {
  const submitted = store.submit(writes, { deletes, live: true });
  if (!submitted.ok) throw new Error(`refused: ${submitted.rejection.code}`);
  return submitted.value;
}

export async function write(store: Store, writes: FactWrite[], deletes = false): Promise<Submitted> {
  const submitted = submit(store, writes, deletes);
  await submitted.done;
  return submitted;
}

/** Whole numbers from 0. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
