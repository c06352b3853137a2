// How far a store has taken in the log of another: a place in it, lane by lane.

/** `replica`: entries whose home is owned here. `committed`: those addressed to partitions owned here. */
export type Lane = 'replica' | 'committed';

/** Everything of that lane up to `seq` of the origin's log is taken in. */
export interface Position {
  lane: Lane;
  origin: number;
  incarnation: number;
  seq: number;
}
