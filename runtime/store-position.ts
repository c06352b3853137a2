// How far a store has taken in the log of another: a place in it, lane by lane.

/**
 * `replica`: entries whose home is owned here. `committed`: those addressed to partitions owned here. `whole`: both of them, with nothing
 * missing that was passed over on the way.
 */
export type Lane = 'replica' | 'committed' | 'whole';

/** Everything of that lane up to `seq` of the origin's log is taken in. */
export interface Position {
  lane: Lane;
  origin: number;
  incarnation: number;
  seq: number;
}
