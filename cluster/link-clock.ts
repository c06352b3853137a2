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

/** So much further has the wall clock gone between two looks when the machine was asleep, or somebody has set the clock. */
const asleepMs = 50;

/**
 * For who holds a lease that another machine gives: a clock that counts the time its machine has slept, too. Node has none, so it is
 * told by the wall clock: when that has gone further than the other since the last look, so does this one. A wall clock that is set
 * forward looks the same, and costs a link.
 */
export function wakefulClock(clock: LinkClock = machineClock, wallMs: () => number = Date.now): LinkClock {
  let sleptMs = 0;
  let lastMs = clock.nowMs();
  let lastWallMs = wallMs();
  return {
    after: (delayMs, act) => clock.after(delayMs, act),
    every: (periodMs, act) => clock.every(periodMs, act),
    nowMs() {
      const nowMs = clock.nowMs();
      const nowWallMs = wallMs();
      const aheadMs = nowWallMs - lastWallMs - (nowMs - lastMs);
      if (aheadMs > asleepMs) sleptMs += aheadMs;
      lastMs = nowMs;
      lastWallMs = nowWallMs;
      return nowMs + sleptMs;
    },
  };
}
