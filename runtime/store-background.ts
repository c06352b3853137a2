// What a store does by itself beside taking in writes: it lets the search index follow, and trims the log.
import type { StoreFollower } from './store-follower.ts';
import { LogTrim, type TrimFloor, type TrimOptions } from './store-trim.ts';
import type { StoreWriter } from './store-writer.ts';

export interface StoreBackgroundOptions {
  logs: Pick<TrimOptions, 'environment' | 'own' | 'relay' | 'copies'>;
  writer: StoreWriter;
  follower: StoreFollower;
  logBytes: number;
  searchEveryMs: number;
  trimEveryMs: number;
  /** Work failed for another reason than the disk. It is tried again at its next turn. */
  onTrouble: ((error: Error) => void) | undefined;
}

/** One step of trimming: some milliseconds, in which nothing else is done. */
const trimmedAtOnce = 250;
/** How long the search index works before it lets others have a turn. */
const searchSpellMs = 20;
/** With more writes than this on their way, the search index takes only every so many of its turns. */
const floodEntries = 100;
const putOffTimes = 10;

export class StoreBackground {
  /** What the cluster has yet to read of the own logs stays. */
  floor: TrimFloor = { own: Number.POSITIVE_INFINITY, relay: Number.POSITIVE_INFINITY };
  readonly #options: StoreBackgroundOptions;
  readonly #timers: NodeJS.Timeout[] = [];
  #trimming: Promise<void> | null = null;
  #putOff = 0;
  #isStopped = false;

  constructor(options: StoreBackgroundOptions) {
    this.#options = options;
  }

  start(): void {
    const { searchEveryMs, trimEveryMs } = this.#options;
    if (searchEveryMs > 0) this.#every(searchEveryMs, () => this.#follow());
    if (trimEveryMs > 0) this.#every(trimEveryMs, () => this.trimLog());
  }

  /** Begins nothing more. What is under way ends after its present step. */
  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await Promise.allSettled([this.#trimming, this.#options.follower.idle()]);
  }

  async trimLog(): Promise<void> {
    while (this.#trimming !== null) await this.#trimming;
    this.#trimming = this.#trim();
    try {
      await this.#trimming;
    } finally {
      this.#trimming = null;
    }
  }

  async #trim(): Promise<void> {
    const { logs, writer, follower, logBytes } = this.#options;
    const floor = { ...this.floor, own: Math.min(this.floor.own, follower.position) };
    const trim = new LogTrim({ ...logs, floor, mostBytes: logBytes, mostEntries: trimmedAtOnce });
    let more = true;
    while (more && !this.#isStopped) {
      await writer.stage((batch) => {
        more = trim.step(batch);
      });
    }
  }

  async #follow(): Promise<void> {
    const { writer, follower } = this.#options;
    const waiting = writer.commit.entriesInFlight;
    // A flood of writes is stored first and indexed later; but it must not grow without any being indexed.
    if (waiting > floodEntries && ++this.#putOff % putOffTimes !== 0) return;
    if (waiting > 0) await follower.step();
    else await follower.catchUp(searchSpellMs);
  }

  #every(ms: number, act: () => Promise<void>): void {
    let isRunning = false;
    const timer = setInterval(() => {
      if (isRunning) return;
      isRunning = true;
      act()
        .catch((error: unknown) => this.#report(error))
        .finally(() => {
          isRunning = false;
        });
    }, ms);
    timer.unref();
    this.#timers.push(timer);
  }

  #report(error: unknown): void {
    const { writer, onTrouble } = this.#options;
    // A fault of the disk has been told by itself.
    if (writer.commit.fault === null) onTrouble?.(error instanceof Error ? error : new Error(String(error)));
  }
}
