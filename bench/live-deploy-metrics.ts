// What cores say of actors that took new behaviours: how many, and how long each could not be reached. Read from their metrics.

export interface Migrations {
  /** Upper bound in seconds, and how many took at most so long. */
  buckets: Map<number, number>;
  longestMs: number;
}

/** Of all cores together, each by the text it gave. */
export function migrationsOf(texts: readonly string[]): Migrations {
  const buckets = new Map<number, number>();
  let longestMs = 0;
  for (const line of texts.flatMap((text) => text.split('\n'))) {
    const value = Number(line.slice(line.lastIndexOf(' ') + 1));
    if (line.startsWith('murmuration_migration_seconds_bucket{')) {
      const bound = /le="([^"]+)"/.exec(line)?.[1] ?? '';
      const seconds = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound);
      buckets.set(seconds, (buckets.get(seconds) ?? 0) + value);
    }
    if (line.startsWith('murmuration_migration_longest_seconds'))
      longestMs = Math.max(longestMs, value * 1000);
  }
  return { buckets, longestMs };
}

export interface Pauses {
  actors: number;
  /** Upper bounds: of the first bucket that holds so many. */
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

export function pausesBetween(before: Migrations, after: Migrations): Pauses {
  const counts = [...after.buckets]
    .map(([bound, count]) => ({ bound, count: count - (before.buckets.get(bound) ?? 0) }))
    .sort((one, other) => one.bound - other.bound);
  const actors = counts.at(-1)?.count ?? 0;
  const at = (share: number): number =>
    (counts.find(({ count }) => count >= share * actors)?.bound ?? Number.NaN) * 1000;
  return { actors, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: after.longestMs };
}
