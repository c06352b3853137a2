// How often children of a role have crashed within the last minute. It is told the time.
import type { ChildRole } from './agent-record.ts';

export interface Crashes {
  /** One more: gives back how many there were in the last minute, this one included. */
  count(role: ChildRole, nowMs: number): number;
}

const withinMs = 60_000;
/** More than this need not be told apart. */
const most = 1000;

export function countCrashes(): Crashes {
  const seen: Record<ChildRole, number[]> = { core: [], gateway: [] };
  return {
    count(role, nowMs) {
      const recent = seen[role].filter((atMs) => nowMs - atMs < withinMs);
      recent.push(nowMs);
      seen[role] = recent.slice(-most);
      return seen[role].length;
    },
  };
}
