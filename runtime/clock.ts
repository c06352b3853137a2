// The hybrid logical clock of a core: never goes back, not even across restarts. It is told the time; it does not look.
import { makeVersion, type Version, versionCounter, versionMs } from './version.ts';

export interface HybridClock {
  /** A version above every one given or seen before. */
  tick(nowMs: number): Version;
  /** Takes in a version seen from elsewhere (another node, the log at start). */
  observe(seen: Version): void;
  /** The highest version given or seen. */
  last(): Version;
}

/** `node` breaks ties, 0..2^32-1. */
export function hybridClock(node: number, start: Version): HybridClock {
  let ms = versionMs(start);
  let counter = versionCounter(start);
  let last = start;
  return {
    tick(nowMs) {
      if (nowMs > ms) {
        ms = nowMs;
        counter = 0;
      } else if (counter < 0xffff) {
        counter++;
      } else {
        ms++;
        counter = 0;
      }
      last = makeVersion(ms, counter, node);
      return last;
    },
    observe(seen) {
      if (seen <= last) return;
      last = seen;
      ms = versionMs(seen);
      counter = versionCounter(seen);
    },
    last: () => last,
  };
}
