// Time as the links see it: a clock that never goes back, and timers. Tests bring their own.

export interface LinkClock {
  /** Milliseconds on a clock that never goes back and does not follow the wall clock. */
  nowMs(): number;
  /** Calls `act` once, later. Gives back what cancels it. */
  after(delayMs: number, act: () => void): () => void;
  /** Calls `act` again and again. Gives back what stops it. */
  every(periodMs: number, act: () => void): () => void;
}

/**
 * The process's own monotonic clock. It stands still while the whole machine sleeps, which both ends of a loopback link do
 * together. The timers keep the process alive: closing a server or a client stops them.
 */
export const machineClock: LinkClock = {
  nowMs: () => performance.now(),
  after(delayMs, act) {
    const timer = setTimeout(act, delayMs);
    return () => clearTimeout(timer);
  },
  every(periodMs, act) {
    const timer = setInterval(act, periodMs);
    return () => clearInterval(timer);
  },
};
