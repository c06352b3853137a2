// How long to wait before trying again: doubling, capped, with half of it left to chance so that clients do not return in step.

export interface BackOff {
  readonly firstMs: number;
  readonly mostMs: number;
}

/** `failures` counts from 1; `chance` is in [0, 1). */
export function backOffMs({ firstMs, mostMs }: BackOff, failures: number, chance: number): number {
  const doublings = Math.min(Math.max(failures - 1, 0), 30);
  const fullMs = Math.min(firstMs * 2 ** doublings, mostMs);
  return Math.round(fullMs * (0.5 + chance / 2));
}
