// What of time is on the disk. After a restart nobody's cursor goes back to the beginning of time, and nothing comes below what was closed.
import {
  makeVersion,
  noVersion,
  parseCursor,
  printCursor,
  type Version,
  versionMs,
} from '../runtime/version.ts';
import type { ReplicaStore } from './replica-ports.ts';

type KeepingStore = Pick<ReplicaStore, 'kept' | 'keep' | 'incarnation' | 'clock' | 'observe'>;

const watermarkName = 'watermark';
const ceilingName = 'ceiling';

/** The ceiling is written this far above the clock, again and again; a clock that starts from it is ahead of the wall by as much. */
const ceilingMs = 2000;
const everyMs = 1000;

export class KeptTime {
  readonly #store: KeepingStore;
  /** About what the watermark was; of another life of the store it says nothing. */
  readonly watermark: Version;
  /** Up to there, at least, the own log was stored by enough owners or passed over, before this start. */
  readonly storedUpTo: number;
  /** Nothing above it may be said to be closed. It is on the disk. */
  ceiling: Version;
  #asked: Version;
  #watermark: Version;
  #keptMs = Number.NEGATIVE_INFINITY;

  /** Sets the clock of the store above all that was closed before, whatever the wall shows now. */
  constructor(store: KeepingStore) {
    this.#store = store;
    const kept = store.kept(watermarkName);
    const [incarnation, watermark] = pairOf(kept);
    const isOfThisLife = incarnation === store.incarnation;
    this.watermark = isOfThisLife ? watermark : noVersion;
    this.storedUpTo = isOfThisLife && Array.isArray(kept) ? Number(kept[2] ?? 0) : 0;
    this.#watermark = this.watermark;
    // A copied disk closes under its own name, but what its first owner closed is as true.
    this.ceiling = pairOf(store.kept(ceilingName))[1];
    this.#asked = this.ceiling;
    store.observe(this.ceiling);
  }

  /** To be called often: writes what has changed, about once a second. A watermark that is lower than it could be only sends things twice. */
  tick(nowMs: number, watermark: Version, storedUpTo: number): void {
    const { incarnation, clock } = this.#store;
    const isRising = versionMs(clock) + ceilingMs - everyMs > versionMs(this.#asked);
    if (nowMs - this.#keptMs < everyMs && !isRising) return;
    this.#keptMs = nowMs;
    const records: [string, unknown][] = [];
    if (watermark !== this.#watermark)
      records.push([watermarkName, [incarnation, printCursor(watermark), storedUpTo]]);
    this.#watermark = watermark;
    const ceiling = isRising ? makeVersion(versionMs(clock) + ceilingMs, 0, 0) : this.#asked;
    if (isRising) records.push([ceilingName, [incarnation, printCursor(ceiling)]]);
    this.#asked = ceiling;
    if (records.length > 0)
      this.#store.keep(records, () => {
        if (ceiling > this.ceiling) this.ceiling = ceiling;
      });
  }
}

function pairOf(kept: unknown): [number, Version] {
  if (!Array.isArray(kept)) return [0, noVersion];
  const [incarnation, cursor] = kept as [number, string];
  return [incarnation, parseCursor(cursor) ?? noVersion];
}
