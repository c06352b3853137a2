// Whether a release that has just been taken in does well on this machine: its core's requests, its actors, its lag, its crashes. Pure.
import type { CoreEntry } from './mesh-messages.ts';

export type CoreHealth = NonNullable<CoreEntry['health']>;

export interface ProbationBounds {
  /** Of the requests since it was taken in, so many may fail for the core's own reasons, and as many more as chance may bring. */
  failedShare: number;
  /** The watermark may be so far behind, and not for longer than `lagForMs`. */
  lagMostMs: number;
  lagForMs: number;
  /** Actors that fail and begin anew. */
  crashedMost: number;
  /** Crashes of a program within a minute. */
  endedMost: number;
}

/** The first wave is there to find faults: it forgives less. */
export function boundsOfWave(wave: number): ProbationBounds {
  const shared = { lagMostMs: 10_000, lagForMs: 5000, crashedMost: 2, endedMost: 1 };
  return { ...shared, failedShare: wave <= 1 ? 0.02 : 0.05 };
}

/** With fewer requests a share says nothing. */
const askedLeast = 50;
/** So many that fail are too many, whatever the share. */
const failedMost = 1000;

/** Where so many are expected, more than this are seen once in some hundred times at most (a Poisson law, three standard deviations). */
function mostByChance(expected: number): number {
  return expected + 3 * Math.sqrt(expected);
}

export class Probation {
  readonly #bounds: ProbationBounds;
  #first: CoreHealth | null = null;
  #last: CoreHealth | null = null;
  /** Of core processes that have ended meanwhile: each counts from 0. */
  #before = { asked: 0, failed: 0, crashed: 0 };
  #laggingSinceMs: number | null = null;

  constructor(bounds: ProbationBounds) {
    this.#bounds = bounds;
  }

  /** What the core says of itself now; null: it says nothing. The answer is what is wrong, or null. */
  look(health: CoreHealth | null, monoMs: number): string | null {
    if (health === null) return null;
    this.#add(health);
    const { failedShare, lagMostMs, lagForMs, crashedMost } = this.#bounds;
    const { asked, failed, crashed } = this.#since(health);
    if (crashed > crashedMost) return `${crashed} actors failed`;
    if ((asked >= askedLeast && failed > mostByChance(asked * failedShare)) || failed > failedMost)
      return `${failed} of ${asked} requests failed`;
    if (health.lagMs <= lagMostMs) this.#laggingSinceMs = null;
    else this.#laggingSinceMs ??= monoMs;
    if (this.#laggingSinceMs !== null && monoMs - this.#laggingSinceMs >= lagForMs)
      return `its timelines are ${Math.round(health.lagMs / 1000)} s behind`;
    return null;
  }

  /** A program of this machine has ended by itself: how often, within the last minute. */
  ended(role: string, timesInMinute: number): string | null {
    return timesInMinute > this.#bounds.endedMost
      ? `the ${role} ended ${timesInMinute} times within a minute`
      : null;
  }

  #add(health: CoreHealth): void {
    const last = this.#last;
    if (this.#first === null) this.#first = health;
    else if (last !== null && (health.asked < last.asked || health.crashed < last.crashed)) {
      const { asked, failed, crashed } = this.#since(last);
      this.#before = { asked, failed, crashed };
      this.#first = { ...health, asked: 0, failed: 0, crashed: 0 };
    }
    this.#last = health;
  }

  #since({ asked, failed, crashed }: CoreHealth): { asked: number; failed: number; crashed: number } {
    const first = this.#first ?? { asked: 0, failed: 0, crashed: 0 };
    return {
      asked: this.#before.asked + asked - first.asked,
      failed: this.#before.failed + failed - first.failed,
      crashed: this.#before.crashed + crashed - first.crashed,
    };
  }
}
