// Pages over ordered records: older than, newer than, immediately newer than; always newest first.
import type { FoundView, Reader } from '../runtime/behaviours.ts';
import { afterPrefix, type Key } from '../runtime/key.ts';

/** Bounds as they stand in keys, after the prefix; exclusive. */
export interface Bounds {
  max: string | null;
  since: string | null;
  min: string | null;
}

/** How many records are read at once when some may be filtered out. */
const chunk = 100;
const largestChunk = 1000;
/** How many records are looked at for one page. */
const mostLookedAt = 5000;

/**
 * How many to read next, after so many. Where reading what is on other machines takes a round for each chunk they grow: the same from
 * run to run, for each run asks for what those before it were given. On this machine the next is no dearer than one large one.
 */
export function nextChunk(reader: Reader, now: number): number {
  return reader.lacks === undefined ? now : Math.min(now * 2, Math.max(now, largestChunk));
}

/** Records under `prefix` that `keep` wants, at most `limit`, newest (highest) first. */
export function pageOf<T>(
  reader: Reader,
  prefix: Key,
  { max, since, min }: Bounds,
  limit: number,
  keep: (found: FoundView) => T | null,
): T[] {
  const above = min ?? since;
  let from = above === null ? prefix : afterPrefix(prefix + above);
  let to = max === null ? afterPrefix(prefix) : prefix + max;
  const upwards = min !== null;
  const kept: T[] = [];
  let size = chunk;
  for (let lookedAt = 0; kept.length < limit && lookedAt < mostLookedAt && from < to; ) {
    const most = Math.min(size, mostLookedAt - lookedAt);
    const found = reader.views({ from, to, most, reverse: !upwards });
    for (const record of found) {
      // What is lacking may turn out to hide some: then more are needed, and all are asked for together.
      if (kept.length === limit && reader.lacks !== true) break;
      const item = keep(record);
      if (item !== null && kept.length < limit) kept.push(item);
    }
    if (reader.lacks === true) break;
    lookedAt += found.length;
    const last = found.at(-1);
    if (found.length < most || last === undefined) break;
    if (upwards) from = `${last.key}\0`;
    else to = last.key;
    size = nextChunk(reader, size);
  }
  return upwards ? kept.reverse() : kept;
}
