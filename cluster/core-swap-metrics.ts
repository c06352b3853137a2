// What a core counts of swaps: how many there were, which code its actors run on, and how long each could not be reached.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { CodesReport } from '../runtime/actor-codes.ts';
import { addGauge } from './core-gauge.ts';

const bucketsS = [
  ...[0.000005, 0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005],
  ...[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5],
];

export class SwapMetrics {
  readonly #registry: Registry;
  readonly #swaps: Counter<'outcome'>;
  readonly #migrations: Counter<'outcome'>;
  readonly #took: Histogram;
  readonly #failures: Counter;
  /** Since the last swap. */
  #longestMs = 0;
  #migrated = 0;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#registry = registry;
    this.#swaps = new Counter({
      name: 'murmuration_swaps_total',
      help: 'Behaviours that were to take the place of those that run',
      labelNames: ['outcome'],
      registers,
    });
    this.#migrations = new Counter({
      name: 'murmuration_migrations_total',
      help: 'Actors whose state was to be taken over by new code; those that stayed behind are tried once a swap',
      labelNames: ['outcome'],
      registers,
    });
    this.#took = new Histogram({
      name: 'murmuration_migration_seconds',
      help: 'How long an actor could not be reached while its state was taken over',
      buckets: bucketsS,
      registers,
    });
    this.#failures = new Counter({
      name: 'murmuration_actor_failures_total',
      help: 'Messages on which an actor failed: it starts anew from facts',
      registers,
    });
    addGauge(
      registry,
      'migration_longest_seconds',
      'The longest of these since the last swap',
      () => this.#longestMs / 1000,
    );
  }

  get longestMs(): number {
    return this.#longestMs;
  }

  /** Actors that have gone over since the last swap. */
  get migratedActors(): number {
    return this.#migrated;
  }

  /** To be called once. */
  watch(actors: { readonly codes: CodesReport }): void {
    addGauge(
      this.#registry,
      'actors_stayed',
      'Awake actors that could not go over to the code of the last swap',
      () => actors.codes.stayed,
    );
    new Gauge({
      name: 'murmuration_actors_by_code',
      help: 'Awake actors by the code they run on: the beginning of the hash of its script',
      labelNames: ['code'],
      registers: [this.#registry],
      collect() {
        // Codes come and go: those that nobody runs on are not told any more.
        this.reset();
        for (const { name, actors: count } of actors.codes.codes) this.inc({ code: name }, count);
      },
    });
  }

  began(): void {
    this.#longestMs = 0;
    this.#migrated = 0;
    this.#swaps.inc({ outcome: 'swapped' });
  }

  refused(): void {
    this.#swaps.inc({ outcome: 'refused' });
  }

  migrated(tookMs: number): void {
    this.#migrated++;
    this.#longestMs = Math.max(this.#longestMs, tookMs);
    this.#migrations.inc({ outcome: 'migrated' });
    this.#took.observe(tookMs / 1000);
  }

  stayed(): void {
    this.#migrations.inc({ outcome: 'stayed' });
  }

  failed(): void {
    this.#failures.inc();
  }
}
