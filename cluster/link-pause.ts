// How long a client waits before it tries again to reach a core. It is told the chance; it keeps no time.

const firstMs = 50;
const longestMs = 1000;

/**
 * Doubles with each failure in a row, up to a second, of which a random part of at most half is left out: the gateways of a
 * machine must not come back all at once. `chance` is 0..1.
 */
export function pauseMs(failures: number, chance: number): number {
  return Math.min(longestMs, firstMs * 2 ** Math.min(failures, 10)) * (1 - chance / 2);
}
