// The time of a core: it follows the wall clock, but never jumps. A wall that is set right is caught up with slowly.

export interface SteadyClockOptions {
  /** Milliseconds since 1970, as the system has it: may jump. */
  wallMs(): number;
  /** Never jumps, never goes back. */
  monoMs(): number;
}

/** Differences up to this are the clock being adjusted, and are followed at once. */
const followedMs = 50;
/** Beyond, it runs so much faster or slower: an hour is made good in about a day. */
const slewRate = 0.04;

/** Starts at the wall's time. */
export function steadyClock({ wallMs, monoMs }: SteadyClockOptions): () => number {
  let readMs = monoMs();
  let nowMs = wallMs();
  return () => {
    const monoNowMs = monoMs();
    const passedMs = monoNowMs - readMs;
    readMs = monoNowMs;
    nowMs += passedMs;
    const behindMs = wallMs() - nowMs;
    if (Math.abs(behindMs) <= followedMs) nowMs = Math.max(nowMs + behindMs, nowMs - passedMs);
    else nowMs += Math.sign(behindMs) * Math.min(Math.abs(behindMs), passedMs * slewRate);
    return Math.floor(nowMs);
  };
}
