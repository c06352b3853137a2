// Many callers at once, each asking again as soon as it is answered, for a time: a closed loop inside one process.

export interface CallersReport {
  answered: number;
  seconds: number;
  p50Us: number;
  p99Us: number;
  maxUs: number;
  /** Of the whole process meanwhile. */
  cpuUs: number;
}

/**
 * `ask` gets the caller's number and resolves when its request is safe, or with false when there is nothing more to ask.
 * Answers after the time is up are waited for and not counted.
 */
export async function callers(
  howMany: number,
  seconds: number,
  ask: (caller: number) => Promise<boolean>,
): Promise<CallersReport> {
  const cpu = process.cpuUsage();
  const began = performance.now();
  const ends = began + seconds * 1000;
  const latencies: number[] = [];
  let last = began;
  async function loop(caller: number): Promise<void> {
    for (;;) {
      const asked = performance.now();
      if (asked >= ends || !(await ask(caller))) return;
      const now = performance.now();
      if (now > ends) return;
      last = now;
      latencies.push(now - asked);
    }
  }
  await Promise.all(Array.from({ length: howMany }, (_, caller) => loop(caller)));
  const { user, system } = process.cpuUsage(cpu);
  const sorted = Float64Array.from(latencies).sort();
  const at = (share: number) =>
    Math.round(1000 * (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0));
  return {
    answered: sorted.length,
    seconds: (last - began) / 1000,
    p50Us: at(0.5),
    p99Us: at(0.99),
    maxUs: at(1),
    cpuUs: user + system,
  };
}
