// The authors of other cores whom somebody here receives: told to replication as they come and go; and what comes of them.
import { type AccountId, partitionOf } from '../runtime/account-id.ts';
import type { Entry } from '../runtime/behaviours.ts';
import { partitionOfKey } from '../runtime/key.ts';
import { unpackWire } from '../runtime/wire-bytes.ts';
import type { Copy } from './peer-messages.ts';
import type { Replica } from './replica.ts';
import type { Ring } from './ring.ts';

export interface CoreInterestOptions {
  node: number;
  replica: Pick<Replica, 'ring' | 'want' | 'wantedThrough' | 'horizon'>;
  /** All authors that somebody receives now, wherever they are. */
  authors(): Iterable<AccountId>;
  /** What they have written, in the order in which it came, that is no fact of this machine's. */
  heard(entries: Entry[]): void;
}

/** Authors named in one message to the others: a frame holds more. */
const mostAtOnce = 10_000;

export class CoreInterest {
  readonly #options: CoreInterestOptions;
  readonly #add = new Set<AccountId>();
  readonly #remove = new Set<AccountId>();
  /** Those who wait until every core sends what was wanted up to then. */
  readonly #waiting = new Set<() => void>();
  #isDue = false;
  #said = 0;

  constructor(options: CoreInterestOptions) {
    this.#options = options;
  }

  /** Somebody receives them from now on, or nobody any more. */
  changed(author: AccountId, isWanted: boolean): void {
    if (this.#isHere(partitionOf(author), this.#options.replica.ring)) return;
    this.#change(author, isWanted);
  }

  #change(author: AccountId, isWanted: boolean): void {
    const [to, from] = isWanted ? [this.#add, this.#remove] : [this.#remove, this.#add];
    if (!from.delete(author)) to.add(author);
    if (this.#isDue) return;
    this.#isDue = true;
    // Whole lists are followed at once.
    setImmediate(() => this.#say());
  }

  #say(): void {
    this.#isDue = false;
    const add = [...this.#add];
    const remove = [...this.#remove];
    this.#add.clear();
    this.#remove.clear();
    for (let at = 0; at < Math.max(add.length, remove.length); at += mostAtOnce)
      this.#said = this.#options.replica.want(
        add.slice(at, at + mostAtOnce),
        remove.slice(at, at + mostAtOnce),
      );
  }

  /** To be called before the ring is adopted: what comes by itself is wanted no more, and what does no longer is wanted. */
  ringChanges(next: Ring): void {
    const { replica, authors } = this.#options;
    const changed = new Map<number, boolean>();
    for (let partition = 0; partition < next.partitions; partition++) {
      const isHere = this.#isHere(partition, next);
      if (isHere !== this.#isHere(partition, replica.ring)) changed.set(partition, !isHere);
    }
    if (changed.size === 0) return;
    for (const author of authors()) {
      const isWanted = changed.get(partitionOf(author));
      if (isWanted !== undefined) this.#change(author, isWanted);
    }
    this.#say();
  }

  /** Resolves when whatever the authors wanted by now write from now on will come; false: not within the time. */
  confirmed(withinMs: number): Promise<boolean> {
    if (this.#isDue) this.#say();
    const { replica } = this.#options;
    const version = this.#said;
    if (replica.wantedThrough() >= version) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (isConfirmed: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(isConfirmed);
      };
      const look = (): void => {
        if (replica.wantedThrough() >= version) settle(true);
      };
      const timer = setTimeout(() => settle(false), withinMs);
      this.#waiting.add(look);
    });
  }

  /** A core has confirmed, or is gone. */
  settled(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** Entries of others: facts here are announced by the store, in the order of its transactions. */
  arrived(copies: readonly Copy[]): void {
    const { replica, heard } = this.#options;
    const watermark = replica.horizon.watermark();
    const entries: Entry[] = [];
    for (const { key, version, packed, live, to } of copies) {
      if (this.#isHere(partitionOfKey(key), replica.ring)) continue;
      // Addressed to somebody here, so it is a guest on this disk.
      if (to.some((partition) => this.#isHere(partition, replica.ring))) continue;
      // Everything up to the watermark has come: this comes again.
      if (version <= watermark) continue;
      entries.push({ key, version, value: packed === null ? null : unpackWire(packed), before: null, live });
    }
    if (entries.length > 0) heard(entries);
  }

  #isHere(partition: number, ring: Ring): boolean {
    return ring.holds(this.#options.node, partition);
  }
}
