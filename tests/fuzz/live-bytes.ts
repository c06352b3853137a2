// What this very process holds once everything that can be freed is freed. Of other processes: memory.ts.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Objects and buffers that are still reachable. */
export async function liveBytes(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') throw new Error('garbage cannot be collected here');
  // More than once, and with turns between: what finalizers let go of in the first is gone after the next.
  for (let times = 0; times < 3; times++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
