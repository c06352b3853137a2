// The views of a fact as a store that owns some partitions keeps them. What follows from a fact is the product's; which part of it stays
// here is the placement's.
import type { Entry, PointReader, ViewWrite } from './behaviours.ts';
import type { StorePlacement } from './store-placement.ts';

export interface Deriving {
  derive(entry: Entry, read: PointReader): ViewWrite[];
  placement: StorePlacement;
}

type Take = (view: ViewWrite) => void;

/**
 * Gives `take` the views that an entry changes here. `read` must see each of them once it is taken.
 * Partitions that are being gained are a world of their own: in it there are only the facts that the walk has passed.
 */
export function deriveKept(
  { derive, placement }: Deriving,
  entry: Entry,
  read: PointReader,
  take: Take,
): void {
  if (placement.isWhole) {
    for (const view of derive(entry, read)) take(view);
    return;
  }
  for (const view of derive(entry, read)) if (placement.keeps(view.key, entry.key)) take(view);
  deriveGained({ derive, placement }, entry, read, take);
}

/** The same for the partitions that are being gained alone. */
export function deriveGained(
  { derive, placement }: Deriving,
  entry: Entry,
  read: PointReader,
  take: Take,
): void {
  const { gaining } = placement;
  if (gaining === null || entry.key > gaining.cursor) return;
  const passed: PointReader = {
    fact: (key) => (key <= gaining.cursor ? read.fact(key) : null),
    view: (key) => read.view(key),
  };
  for (const view of derive(entry, passed)) if (placement.gains(view.key, entry.key)) take(view);
}
