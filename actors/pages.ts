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
/** How many records are looked at for one page. */
const mostLookedAt = 5000;

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
  for (let lookedAt = 0; kept.length < limit && lookedAt < mostLookedAt && from < to; ) {
    const found = reader.views({ from, to, most: chunk, reverse: !upwards });
    for (const record of found) {
      const item = keep(record);
      if (item !== null && kept.length < limit) kept.push(item);
    }
    if (reader.lacks === true) break;
    lookedAt += found.length;
    const last = found.at(-1);
    if (found.length < chunk || last === undefined) break;
    if (upwards) from = `${last.key}\0`;
    else to = last.key;
  }
  return upwards ? kept.reverse() : kept;
}
