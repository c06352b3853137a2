// How long to wait before a child that ended is started again: doubling, and forgiven after a healthy while. It is told the time.

export interface BackOff {
  /** The wait after a child that ran for `ranMs`. */
  after(ranMs: number): number;
}

const firstMs = 100;
/** A start every three seconds is no load for a machine, and nobody waits longer for a server that can run again. */
const mostMs = 3_000;
const healthyMs = 10_000;

export function backOff(): BackOff {
  let nextMs = firstMs;
  return {
    after(ranMs) {
      if (ranMs >= healthyMs) nextMs = firstMs;
      const waitMs = nextMs;
      nextMs = Math.min(nextMs * 2, mostMs);
      return waitMs;
    },
  };
}
