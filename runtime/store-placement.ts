// Which partitions a store owns, and for which of them it keeps views: the two differ while partitions come and go.
import { partitionCount, serverAccount } from './account-id.ts';
import type { Wire } from './fact.ts';
import { accountKey, type Key, partitionOfKey } from './key.ts';
import type { Tables } from './store-environment.ts';
import { latin1, packWire } from './wire-bytes.ts';

/**
 * A partition's views are `kept` up to date; or they are `stale`, because it is owned no more, until they are dropped; or there are
 * `none`. A partition that is owned anew is `none` until it has been gained, and one that comes back too soon is dropped first.
 */
export type ViewsState = 'kept' | 'stale' | 'none';

/** A walk over all facts in order of keys, to gain or to drop partitions: what is at or before `cursor` has been seen to. */
export interface Walk {
  partitions: ReadonlySet<number>;
  cursor: Key;
}

const metaKey = 'placement';
const states: readonly ViewsState[] = ['kept', 'stale', 'none'];
const serverPrefix = accountKey(serverAccount);
const wantedBit = 4;
const gainingBit = 8;
const droppingBit = 16;

export class StorePlacement {
  /** It owns everything and keeps all views: nobody needs to ask anything else. */
  isWhole = true;
  gaining: Walk | null = null;
  dropping: Walk | null = null;
  readonly #wanted = new Uint8Array(partitionCount).fill(1);
  readonly #views: ViewsState[] = new Array<ViewsState>(partitionCount).fill('kept');

  constructor(stored: Wire | undefined) {
    if (!Array.isArray(stored)) return;
    const [bytes, gained, dropped] = stored as [Uint8Array, Uint8Array, Uint8Array];
    const [gaining, dropping] = [new Set<number>(), new Set<number>()];
    for (const [partition, byte] of bytes.entries()) {
      this.#wanted[partition] = (byte & wantedBit) === 0 ? 0 : 1;
      this.#views[partition] = states[byte & 3] ?? 'none';
      if ((byte & gainingBit) !== 0) gaining.add(partition);
      if ((byte & droppingBit) !== 0) dropping.add(partition);
    }
    if (gaining.size > 0) this.gaining = { partitions: gaining, cursor: charactersOf(gained) };
    if (dropping.size > 0) this.dropping = { partitions: dropping, cursor: charactersOf(dropped) };
    this.#weigh();
  }

  /** What the last commit left of it; everything is owned when nobody ever said otherwise. */
  static of(tables: Pick<Tables, 'meta'>): StorePlacement {
    return new StorePlacement(tables.meta.get(metaKey));
  }

  /** The record to be written with what changed. */
  get change() {
    const bytes = Uint8Array.from(this.#views, (views, partition) => {
      const walks =
        (this.gaining?.partitions.has(partition) ? gainingBit : 0) |
        (this.dropping?.partitions.has(partition) ? droppingBit : 0);
      return states.indexOf(views) | (this.owns(partition) ? wantedBit : 0) | walks;
    });
    const wire = [bytes, bytesOf(this.gaining?.cursor), bytesOf(this.dropping?.cursor)];
    return { kind: 'put', table: 'meta', key: metaKey, bytes: packWire(wire) } as const;
  }

  /** From now on facts of these partitions are taken in; views of those that are owned no more become stale. */
  place(owns: (partition: number) => boolean): void {
    for (const [partition, views] of this.#views.entries()) {
      this.#wanted[partition] = owns(partition) ? 1 : 0;
      if (!this.owns(partition) && views === 'kept') this.#views[partition] = 'stale';
    }
    this.#weigh();
  }

  owns(partition: number): boolean {
    return this.#wanted[partition] === 1;
  }

  /** Whether the fact under `key` is owned: of a partition of this store's own. */
  ownsKey(key: Key): boolean {
    return this.isWhole || this.owns(partitionOfKey(key));
  }

  /** Whether this store has a fact: its home is owned, or it is a guest, addressed to an owned partition. */
  holds(key: Key, to: readonly number[]): boolean {
    return this.ownsKey(key) || to.some((partition) => this.owns(partition));
  }

  /** What derives from the partition's facts is all here. */
  hasViews(partition: number): boolean {
    return this.#views[partition] === 'kept';
  }

  /** Views under the server's account may hold a part of the partition's facts. */
  mayShareViews(partition: number): boolean {
    return this.#views[partition] !== 'none' || this.gaining?.partitions.has(partition) === true;
  }

  /** Partitions of which views are to be dropped, and those that are owned and whose views are to be gained. */
  unsettled(): { stale: number[]; ungained: number[] } {
    const stale: number[] = [];
    const ungained: number[] = [];
    for (const [partition, views] of this.#views.entries()) {
      if (views === 'stale') stale.push(partition);
      else if (views === 'none' && this.owns(partition)) ungained.push(partition);
    }
    return { stale, ungained };
  }

  /** Whether a view that derives from the fact under `factKey`, all facts known, is to be kept. */
  keeps(viewKey: Key, factKey: Key): boolean {
    if (!viewKey.startsWith(serverPrefix)) return this.#views[partitionOfKey(viewKey)] === 'kept';
    const home = partitionOfKey(factKey);
    const views = this.#views[home];
    // Until it has been dropped a fact's part in what all share is kept up to date: else nobody would know what to take back.
    if (views === 'stale') return !this.dropping?.partitions.has(home) || factKey > this.dropping.cursor;
    return views === 'kept';
  }

  /** The same of the partitions that are being gained, for a fact that the walk has passed, only facts known that it has passed. */
  gains(viewKey: Key, factKey: Key): boolean {
    const key = viewKey.startsWith(serverPrefix) ? factKey : viewKey;
    return this.gaining?.partitions.has(partitionOfKey(key)) === true;
  }

  beginGain(partitions: Iterable<number>): void {
    const gaining = [...partitions].filter((p) => this.owns(p) && this.#views[p] === 'none');
    this.gaining = gaining.length === 0 ? null : { partitions: new Set(gaining), cursor: '' };
    this.#weigh();
  }

  endGain(): void {
    for (const partition of this.gaining?.partitions ?? [])
      this.#views[partition] = this.owns(partition) ? 'kept' : 'stale';
    this.gaining = null;
    this.#weigh();
  }

  beginDrop(partitions: Iterable<number>): void {
    const dropping = [...partitions].filter((p) => this.#views[p] === 'stale');
    this.dropping = dropping.length === 0 ? null : { partitions: new Set(dropping), cursor: '' };
    this.#weigh();
  }

  endDrop(): void {
    for (const partition of this.dropping?.partitions ?? []) this.#views[partition] = 'none';
    this.dropping = null;
    this.#weigh();
  }

  #weigh(): void {
    const isKept = this.#views.every((views, partition) => views === 'kept' && this.owns(partition));
    this.isWhole = isKept && this.gaining === null && this.dropping === null;
  }
}

function charactersOf(bytes: Uint8Array): Key {
  return latin1(Buffer.from(bytes), 0, bytes.length);
}

function bytesOf(key: Key | undefined): Uint8Array {
  return Buffer.from(key ?? '', 'latin1');
}
