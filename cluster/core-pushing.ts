// What a core pushes: ticks for its gateways, in order. One that needs rows of other cores waits for them, and all later ones behind it.
import type { Item } from '../actors/items.ts';
import type { Found, Need } from '../runtime/reading.ts';
import type { Pushes } from '../runtime/user-actors.ts';
import type { Version } from '../runtime/version.ts';
import type { Elsewhere } from './core-elsewhere.ts';
import type { CoreRows } from './core-rows.ts';
import type { CoreSessions } from './core-sessions.ts';
import type { LinkPeer } from './link-peer.ts';

export interface Due {
  pushes: Pushes<Item>;
  watermark: Version;
  /** Everything up to the watermark is in here or has been before. */
  isComplete: boolean;
}

export interface CorePushingOptions {
  sessions: CoreSessions;
  rows: CoreRows;
  peers(): Iterable<LinkPeer>;
  /** Null: all rows are here. */
  elsewhere(): Elsewhere | null;
  /** Rows that could not be had: these pushes are lost, and who was to get them is told to read anew. */
  lost(reason: string): void;
}

/** A row leads to others, of a boosted post and of its author. */
const mostRuns = 6;

interface Waiting {
  due: Due;
  fetched: Map<string, Found>;
  runs: number;
}

export class CorePushing {
  readonly #options: CorePushingOptions;
  readonly #waiting: Waiting[] = [];
  #isFetching = false;

  constructor(options: CorePushingOptions) {
    this.#options = options;
  }

  /** Nothing waits for rows. */
  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  push(due: Due): void {
    if (this.#options.elsewhere() === null && this.#waiting.length === 0) {
      this.#send(due, this.#options.rows);
      return;
    }
    this.#waiting.push({ due, fetched: new Map(), runs: 0 });
    if (!this.#isFetching) this.#goOn();
  }

  /** Sends those that lack nothing, up to the first that does. */
  #goOn(): void {
    const elsewhere = this.#options.elsewhere();
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (elsewhere === null) this.#send(next.due, this.#options.rows);
      else {
        const reader = elsewhere.pushReader(next.fetched);
        const ticks = this.#ticks(next.due, this.#options.rows.over(reader));
        if (reader.lacks) {
          void this.#fetch(elsewhere);
          return;
        }
        for (const [peer, tick] of ticks) peer.pushTick(tick);
      }
      this.#waiting.shift();
    }
  }

  /** What all that wait lack, in one question. */
  async #fetch(elsewhere: Elsewhere): Promise<void> {
    this.#isFetching = true;
    const waiting = [...this.#waiting];
    const needs = new Map<string, Need>();
    for (const { due, fetched } of waiting) {
      const reader = elsewhere.pushReader(fetched);
      this.#ticks(due, this.#options.rows.over(reader));
      for (const [id, need] of reader.needs) needs.set(id, need);
    }
    const found = new Map<string, Found>();
    const failed = await elsewhere.fetch(needs, found);
    for (const [id, one] of found) elsewhere.keep(id, one);
    for (const one of waiting) {
      for (const [id, record] of found) one.fetched.set(id, record);
      one.runs++;
      if (failed === null && one.runs < mostRuns) continue;
      this.#options.lost(failed?.message ?? 'rows lead to others without an end');
      one.due = { ...one.due, pushes: resyncs(one.due) };
    }
    this.#isFetching = false;
    this.#goOn();
  }

  #send(due: Due, rows: CoreRows): void {
    for (const [peer, tick] of this.#ticks(due, rows)) peer.pushTick(tick);
  }

  #ticks({ pushes, watermark, isComplete }: Due, rows: CoreRows): ReturnType<CoreSessions['ticks']> {
    const { sessions, peers } = this.#options;
    return sessions.ticks(pushes, { watermark, isComplete, peers: peers(), rows });
  }
}

/** In the place of what cannot be shown. Who listens to topics alone has no promise of them. */
function resyncs({ pushes, watermark }: Due): Pushes<Item> {
  const numbers = new Set([...pushes.sessions.values()].flat());
  const item: Item = { kind: 'resync', version: watermark };
  return { sessions: new Map(numbers.size === 0 ? [] : [[item, [...numbers]]]), topics: new Map() };
}
