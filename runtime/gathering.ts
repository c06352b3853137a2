// What an actor gathers: the newest statuses of authors, and ranges of views, wherever they are.
import type { FoundView, PointReader, Range, Recent, Rejection } from './behaviours.ts';
import type { StatusId } from './status-id.ts';

/** As the effect `gather` has it. */
export interface Wanted {
  recent: Recent;
  ranges: readonly Range[];
  withFacts: boolean;
}

export interface Gathering {
  statuses: StatusId[];
  found: FoundView[][];
  /** Not null: some of it could not be had, and the rest is empty. */
  failed: Rejection | null;
  /** Reads what is on this machine, and what was gathered of others; null: everything is on this one. */
  read: PointReader | null;
}
