// What the caches of a gateway find, for /metrics: counted in plain numbers, for these are its hottest lines, and told when somebody asks.
import { Counter, Gauge, type Registry } from 'prom-client';

export interface LookedUp {
  readonly hits: number;
  readonly misses: number;
}

export interface CacheMetrics {
  /** Several sources of one name are added up. */
  lookups(cache: 'row' | 'fragment' | 'page', source: LookedUp): void;
  bytes(rows: string, bytes: () => number): void;
}

export function createCacheMetrics(registry: Registry): CacheMetrics {
  const registers = [registry];
  const sources: { cache: string; source: LookedUp }[] = [];
  const sizes: { rows: string; bytes: () => number }[] = [];
  new Counter({
    name: 'murmuration_cache_lookups_total',
    help: 'Look-ups in the caches of a gateway: rows of the core, fragments rendered of them, whole pages.',
    labelNames: ['cache', 'result'] as const,
    registers,
    collect() {
      this.reset();
      for (const { cache, source } of sources) {
        this.inc({ cache, result: 'hit' }, source.hits);
        this.inc({ cache, result: 'miss' }, source.misses);
      }
    },
  });
  new Gauge({
    name: 'murmuration_cache_bytes',
    help: 'What the caches of a gateway hold with their fragments, about.',
    labelNames: ['rows'] as const,
    registers,
    collect() {
      for (const { rows, bytes } of sizes) this.set({ rows }, bytes());
    },
  });
  return {
    lookups: (cache, source) => sources.push({ cache, source }),
    bytes: (rows, bytes) => sizes.push({ rows, bytes }),
  };
}
