// What this very process holds once everything that can be freed is freed. Of other processes: memory.ts.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const mostTimes = 50;
const worthwhileBytes = 20_000;

/** Objects and buffers that are still reachable. */
export async function liveBytes(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') throw new Error('garbage cannot be collected here');
  // What finalizers let go of in one is gone after the next, and what other threads take apart is counted until they have: as often as it helps.
  let least = Number.POSITIVE_INFINITY;
  for (let times = 0, inVain = 0; inVain < 3 && times < mostTimes; times++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
    const { heapUsed, external } = process.memoryUsage();
    inVain = heapUsed + external < least - worthwhileBytes ? 0 : inVain + 1;
    least = Math.min(least, heapUsed + external);
  }
  return least;
}
