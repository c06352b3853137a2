// Derives all views anew from the facts: in place, or beside the store for a comparison.
import type { Entry, FoundFact, PointReader } from './behaviours.ts';
import type { Key } from './key.ts';
import type { Batch } from './store-batch.ts';
import { GroupCommit } from './store-commit.ts';
import { type Deriving, deriveKept } from './store-deriving.ts';
import type { Environment, Tables } from './store-environment.ts';
import { StoreRows } from './store-rows.ts';
import { packWire } from './wire-bytes.ts';

export interface RebuildOptions {
  /** Where the facts are. */
  facts: Tables['facts'];
  /** Where the views go: all that is there is thrown away. */
  target: Environment;
  deriving: Deriving;
  /** The format of the views, kept beside them. */
  viewsFormat: number;
  /** Derives what is not a view from the same facts, in the same transaction. */
  alsoTake(facts: readonly FoundFact[], batch: Batch): void;
  mostRows: number;
  onProgress(facts: number): void;
  /** Asked before each step. */
  isCalledOff(): boolean;
}

export interface RebuildReport {
  facts: number;
}

/** Stands in `meta` from the moment the views are thrown away until all are derived again. */
const markKey = 'rebuild';
const formatKey = 'viewsFormat';
const factsAtOnce = 1_000;

/** A rebuild was cut short: the views are incomplete. */
export function isRebuildUnfinished(environment: Environment): boolean {
  return environment.meta.get(markKey) !== undefined;
}

/** The views were derived by a product that gave others. Never so for a store without facts: it gets the format of today. */
export async function hasOtherFormat(environment: Environment, viewsFormat: number): Promise<boolean> {
  if (environment.meta.get(formatKey) === viewsFormat) return false;
  if (!isEmpty(environment)) return true;
  await environment.commit([formatChange(viewsFormat)]);
  environment.refresh();
  return false;
}

/** Opening it derives no views anew. */
export function hasViewsOf(environment: Environment, viewsFormat: number): boolean {
  if (isRebuildUnfinished(environment)) return false;
  return environment.meta.get(formatKey) === viewsFormat || isEmpty(environment);
}

function isEmpty({ presence }: Environment): boolean {
  return presence.keys({ from: '\0', to: afterAllKeys, most: 1 }).length === 0;
}

function formatChange(viewsFormat: number) {
  return { kind: 'put', table: 'meta', key: formatKey, bytes: packWire(viewsFormat) } as const;
}

/**
 * Facts are replayed in order of their keys, as though they came like that: of each, only those before it are known.
 * Rejects when the disk fails or it is called off; the rebuild is then to be started again.
 */
export async function rebuildViews(options: RebuildOptions): Promise<RebuildReport> {
  const { facts, target, deriving, viewsFormat, alsoTake, mostRows, onProgress } = options;
  const commit = new GroupCommit({
    environment: target,
    seal: () => {},
    committed: (batch) => rows.take(batch),
    announced: () => {},
    failed: () => {},
  });
  const rows = new StoreRows({ facts, views: target.views, mostRows }, commit);

  async function write(act: (batch: Batch) => void): Promise<void> {
    const batch = commit.open;
    act(batch);
    commit.touch();
    await batch.done;
  }

  await write((batch) => {
    for (const table of ['views', 'unlisted', 'postings', 'terms'] as const)
      batch.changes.push({ kind: 'clear', table });
    batch.changes.push({ kind: 'put', table: 'meta', key: markKey, bytes: packWire(true) });
  });
  let done = 0;
  let reached: Key = '';
  const replayed: PointReader = {
    fact: (key) => (key <= reached ? rows.writer.fact(key) : null),
    view: (key) => rows.writer.view(key),
  };
  let from: Key = '\0';
  for (;;) {
    if (options.isCalledOff())
      throw new Error('the rebuild was called off: it begins again at the next start');
    const found = facts.range({ from, to: afterAllKeys, most: factsAtOnce });
    await write((batch) => {
      const taken: FoundFact[] = found.map(({ key, value }) => ({ key, ...value }));
      for (const fact of taken) {
        const entry: Entry = { ...fact, before: null, live: false };
        reached = fact.key;
        deriveKept(deriving, entry, replayed, ({ key, value }) => batch.views.set(key, value));
      }
      alsoTake(taken, batch);
      if (found.length < factsAtOnce) {
        batch.changes.push({ kind: 'put', table: 'meta', key: markKey, bytes: null });
        batch.changes.push(formatChange(viewsFormat));
      }
    });
    done += found.length;
    onProgress(done);
    const last = found.at(-1);
    if (last === undefined || found.length < factsAtOnce) return { facts: done };
    from = `${last.key}\0`;
  }
}

export const afterAllKeys: Key = '\u00ff'.repeat(64);

export interface Comparison {
  /** Views compared. */
  views: number;
  /** Keys of views that differ or stand on one side only; at most 100. */
  different: Key[];
}

const mostDifferent = 100;

/** Walks both tables side by side. */
export function compareViews(one: Tables['views'], other: Tables['views']): Comparison {
  const different: Key[] = [];
  let views = 0;
  const left = walk(one);
  const right = walk(other);
  let a = left.next();
  let b = right.next();
  while ((!a.done || !b.done) && different.length < mostDifferent) {
    views++;
    const order = a.done ? 1 : b.done ? -1 : compareKeys(a.value.key, b.value.key);
    if (order === 0 && !a.done && !b.done) {
      if (!packWire(a.value.value).equals(packWire(b.value.value))) different.push(a.value.key);
    } else if (order < 0 && !a.done) different.push(a.value.key);
    else if (!b.done) different.push(b.value.key);
    if (order <= 0) a = left.next();
    if (order >= 0) b = right.next();
  }
  return { views, different };
}

function compareKeys(one: Key, other: Key): number {
  return one === other ? 0 : one < other ? -1 : 1;
}

function* walk(table: Tables['views']) {
  let from: Key = '\0';
  for (;;) {
    const found = table.range({ from, to: afterAllKeys, most: factsAtOnce });
    yield* found;
    const last = found.at(-1);
    if (last === undefined || found.length < factsAtOnce) return;
    from = `${last.key}\0`;
  }
}
