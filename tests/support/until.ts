// Waiting for something to become true: bounded, and without a fixed sleep.

export interface UntilOptions {
  /** Longest wait; then the promise rejects with what was waited for. */
  withinMs?: number;
  everyMs?: number;
  /** Said when it did not happen. */
  what?: string;
}

/** Resolves with the first value that is neither false, null nor undefined. A condition that throws counts as not yet. */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: UntilOptions = {},
): Promise<NonNullable<Exclude<T, false>>> {
  const { withinMs = 20_000, everyMs = 10, what = 'the condition' } = options;
  const endMs = performance.now() + withinMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== false && value !== null && value !== undefined) {
        return value as NonNullable<Exclude<T, false>>;
      }
      last = value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > endMs) {
      throw new Error(`${what} did not come true within ${withinMs} ms; last: ${String(last)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
