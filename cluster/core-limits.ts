// Limits of the core: requests a token in a window of time, and throttles for sign-up and login.
import type { Allowance } from './core-client.ts';

interface Window {
  count: number;
  resetMs: number;
}

/** Keys counted at once; beyond that the oldest windows are forgotten. */
const mostKeys = 500_000;

/** Failed logins an address or a name may have in ten minutes. */
export const failedLogIns = { most: 20, windowS: 600 };

/** Counts by key in fixed windows. */
export class Limit {
  readonly #windows = new Map<string, Window>();
  readonly #most: number;
  readonly #windowMs: number;

  /** `most` 0: without limit. */
  constructor({ most, windowS }: { most: number; windowS: number }) {
    this.#most = most;
    this.#windowMs = windowS * 1000;
  }

  #windowOf(key: string, nowMs: number): Window {
    const known = this.#windows.get(key);
    if (known !== undefined && known.resetMs > nowMs) return known;
    this.#windows.delete(key);
    if (this.#windows.size >= mostKeys) {
      const oldest = this.#windows.keys().next().value;
      if (oldest !== undefined) this.#windows.delete(oldest);
    }
    const window = { count: 0, resetMs: nowMs + this.#windowMs };
    this.#windows.set(key, window);
    return window;
  }

  /** Counts one more; null when there is no limit. `isOver`: this one is too many. */
  count(key: string, nowMs: number): (Allowance & { isOver: boolean }) | null {
    if (this.#most === 0) return null;
    const window = this.#windowOf(key, nowMs);
    const isOver = window.count >= this.#most;
    if (!isOver) window.count++;
    return { limit: this.#most, remaining: this.#most - window.count, resetMs: window.resetMs, isOver };
  }

  /** Whether one more would be too many, without counting it. */
  isOver(key: string, nowMs: number): boolean {
    return this.#most !== 0 && this.#windowOf(key, nowMs).count >= this.#most;
  }

  /** Forgets windows that are over. */
  sweep(nowMs: number): void {
    for (const [key, { resetMs }] of this.#windows) {
      if (resetMs > nowMs) return;
      this.#windows.delete(key);
    }
  }
}
