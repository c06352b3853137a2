// How long a client waits before it tries again to reach a core. It is told the chance; it keeps no time.

const firstMs = 50;
/** Of a core that is being replaced: it comes back within a second, and whoever looks late doubles what its people wait. */
const soonMs = 150;
const longestMs = 1000;

export interface Missed {
  /** Attempts in a row that gave no link. */
  failures: number;
  /** Its last good link ended a moment ago. */
  isFresh: boolean;
}

/**
 * Doubles with each failure in a row, up to a second (at first, to less), of which a random part of at most half is left out: the gateways of
 * a machine must not come back all at once. `chance` is 0..1.
 */
export function pauseMs({ failures, isFresh }: Missed, chance: number): number {
  const most = isFresh ? soonMs : longestMs;
  return Math.min(most, firstMs * 2 ** Math.min(failures, 10)) * (1 - chance / 2);
}
