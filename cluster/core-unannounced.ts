// What this core wrote and has not announced yet: an entry is announced when enough owners have it, in the order of the log; one that was passed
// over, when they have it after all. Nobody else tells this core of its own entries. Pure.
import type { Entry } from '../runtime/behaviours.ts';
import type { Stored } from './replica-stored.ts';

/** Entries of one transaction, on this core's disk. */
interface Written {
  entries: Entry[];
  /** The place of the last in the own log. */
  position: number;
}

export class Unannounced {
  #waiting: Written[] = [];
  /** By place in the own log. */
  readonly #passedOver = new Map<number, Entry>();

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  wrote(entries: Entry[], position: number): void {
    this.#waiting.push({ entries, position });
  }

  /** What is to be announced by now, a list for each transaction; it is not given again. */
  take(stored: Pick<Stored, 'firstPending' | 'isOrphan'>): Entry[][] {
    const due = this.#late(stored);
    const end = stored.firstPending('own');
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (next.position >= end) break;
      this.#waiting.shift();
      const first = next.position - next.entries.length + 1;
      const entries = next.entries.filter((entry, place) => {
        const isPassedOver = stored.isOrphan('own', first + place);
        if (isPassedOver) this.#passedOver.set(first + place, entry);
        return !isPassedOver;
      });
      if (entries.length > 0) due.push(entries);
    }
    return due;
  }

  #late(stored: Pick<Stored, 'isOrphan'>): Entry[][] {
    const late: Entry[] = [];
    for (const [place, entry] of this.#passedOver) {
      if (stored.isOrphan('own', place)) continue;
      this.#passedOver.delete(place);
      late.push(entry);
    }
    return late.length === 0 ? [] : [late];
  }
}
