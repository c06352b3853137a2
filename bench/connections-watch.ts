// Connections and memory over the time of a run, looked at every second: what the drawing at the end shows.
import { residentBytes } from './connections-memory.ts';

export interface Moment {
  seconds: number;
  connections: number;
  /** Of the server; null: it is not on this machine. */
  serverBytes: number | null;
  clientBytes: number;
}

export interface Watch {
  readonly moments: readonly Moment[];
  /** How many there are now: whoever opens them says so. */
  connections: number;
  stop(): void;
}

/** Every so many milliseconds at first; when there are many moments every second one is dropped, and the pace halved. */
const firstEveryMs = 1_000;
const mostMoments = 1_200;

export function watchCrowd(
  crowd: { readonly pids: readonly number[] },
  serverPids: readonly number[] | null,
): Watch {
  const moments: Moment[] = [];
  const watching: Watch = { moments, connections: 0, stop: () => clearTimeout(timer) };
  const beganMs = performance.now();
  let everyMs = firstEveryMs;
  let timer = setTimeout(look, 0);
  function look(): void {
    moments.push({
      seconds: (performance.now() - beganMs) / 1000,
      connections: watching.connections,
      serverBytes: serverPids === null ? null : residentBytes(serverPids),
      clientBytes: residentBytes(crowd.pids),
    });
    if (moments.length > mostMoments) {
      moments.splice(0, moments.length, ...moments.filter((_, at) => at % 2 === 0));
      everyMs *= 2;
    }
    timer = setTimeout(look, everyMs);
    timer.unref();
  }
  return watching;
}
