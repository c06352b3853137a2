// When all open streams are live: a handshake is answered before a core has taken the stream, and under a flood of them that takes a while.
import { sumOf } from '../cluster/command-status.ts';

const lookEveryMs = 250;

/** What the server at this address says of itself; empty when it does not answer. */
export function metricsOf(url: string): Promise<string> {
  return fetch(`${url}/metrics`, { signal: AbortSignal.timeout(30_000) }).then(
    (answer) => answer.text(),
    () => '',
  );
}

/** Resolves when no stream waits for a core any more. Throws after `withinMs`. At once for a server that does not say. */
export async function untilAllLive(url: string, withinMs: number): Promise<void> {
  const untilMs = performance.now() + withinMs;
  for (;;) {
    const text = await metricsOf(url);
    const attaching = text === '' ? 1 : sumOf(text, 'murmuration_streams_attaching');
    if (attaching === null || attaching === 0) return;
    if (performance.now() > untilMs)
      throw new Error(`after ${withinMs / 1000} s ${attaching} streams still wait for a core`);
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}
