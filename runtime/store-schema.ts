// The schema of stored state: which shapes a program can read, which it writes, and the mark that a store bears. Reading it from the disk
// and writing it there is the store's.
import type { Wire } from './fact.ts';

export interface StateSchema {
  /** The shapes that can be read, both ends included. */
  reads: { min: number; max: number };
  /** The shape that is written. */
  writes: number;
}

/** What a store without a mark has, and what a program that says nothing reads and writes. */
export const firstSchema: StateSchema = { reads: { min: 1, max: 1 }, writes: 1 };

/** Where the mark stands, in `meta`. */
export const schemaKey = 'stateSchema';

/** The store's state has a shape that this program can't read. Nothing was written. */
export class SchemaError extends Error {
  override name = 'SchemaError';
  code = 'schema-unreadable';
  stored: number;
  constructor(stored: number, { min, max }: StateSchema['reads']) {
    const readable = min === max ? `only ${min}` : `${min} to ${max}`;
    super(
      `its state has schema ${stored}, and this release reads ${readable}: run the release that wrote it, or a newer one. Nothing was changed`,
    );
    this.stored = stored;
  }
}

/** The mark as it was read; 1 when there is none. Whatever is no number that a program could have written can be read by nobody. */
export function markedSchema(mark: Wire | undefined): number {
  if (mark === undefined) return firstSchema.writes;
  return typeof mark === 'number' && Number.isSafeInteger(mark) && mark > 0 ? mark : Number.POSITIVE_INFINITY;
}

/** Throws a `SchemaError` when a store with this mark can't be read. */
export function assertReadable(mark: Wire | undefined, { reads }: StateSchema): void {
  const stored = markedSchema(mark);
  if (stored < reads.min || stored > reads.max) throw new SchemaError(stored, reads);
}

/**
 * The mark to set before anything else is written; null: the one there holds. It never goes down: of what a newer release has written some
 * is still there when an older one, which can read it, writes its own beside it.
 */
export function nextMark(mark: Wire | undefined, { writes }: StateSchema): number | null {
  return writes > markedSchema(mark) ? writes : null;
}
