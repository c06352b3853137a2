// The authors of other cores whom somebody here receives: told to replication as they come and go; and what comes of them.
import { LRUCache } from 'lru-cache';
import { type AccountId, partitionCount, partitionOf } from '../runtime/account-id.ts';
import type { Key } from '../runtime/key.ts';
import type { Version } from '../runtime/version.ts';
import type { Copy } from './peer-messages.ts';
import type { Replica } from './replica.ts';
import type { Ring } from './ring.ts';

export interface CoreInterestOptions {
  node: number;
  replica: Pick<Replica, 'ring' | 'want' | 'wantedThrough' | 'horizon'>;
  /** All authors that somebody receives now, wherever they are. */
  authors(): Iterable<AccountId>;
  /** Whether its entries come by themselves, and what was written before is here. */
  isHeld(partition: number): boolean;
  /** Whether the fact is on this disk, in this version or a later one. */
  isKnown(fact: { key: Key; version: Version }): boolean;
}

/** Versions remembered. */
const mostHeard = 50_000;
/** Authors named in one message to the others: a frame holds more. */
const mostAtOnce = 10_000;

export class CoreInterest {
  readonly #options: CoreInterestOptions;
  readonly #add = new Set<AccountId>();
  readonly #remove = new Set<AccountId>();
  /** Those who wait until every core sends what was wanted up to then. */
  readonly #waiting = new Set<() => void>();
  /** By partition: 1 where entries come by themselves. */
  readonly #comes = new Uint8Array(partitionCount);
  /** What was heard of late: what is relayed may come twice. */
  readonly #heard = new LRUCache<Version, true>({ max: mostHeard });
  #isDue = false;
  #said = 0;

  constructor(options: CoreInterestOptions) {
    this.#options = options;
  }

  /** Somebody receives them from now on, or nobody any more. */
  changed(author: AccountId, isWanted: boolean): void {
    if (this.#comes[partitionOf(author)] !== 1) this.#change(author, isWanted);
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

  /**
   * What comes by itself is wanted no more, and what does no longer is wanted. To be called when the ring changes, with the next one
   * before it is adopted, and when partitions have come: until then what was under way comes only for those who are wanted.
   */
  settle(next: Ring = this.#options.replica.ring): void {
    const { node, authors, isHeld } = this.#options;
    const changed = new Map<number, boolean>();
    for (let partition = 0; partition < next.partitions; partition++) {
      const comes = next.holds(node, partition) && isHeld(partition);
      if (comes === (this.#comes[partition] === 1)) continue;
      this.#comes[partition] = comes ? 1 : 0;
      changed.set(partition, !comes);
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

  /**
   * Whether this, which has not become a fact here, is news all the same. When the ring changes the disk follows it after a while: what
   * comes meanwhile, of a partition that is gained or lost, is not taken in, and there is nothing but the interest in its author to go by.
   * What is news is remembered: it is none the next time.
   */
  hears({ key, version }: Pick<Copy, 'key' | 'version'>, isRelayed: boolean): boolean {
    const { replica, isKnown } = this.#options;
    // Everything up to the watermark has come: this comes again. But what is relayed may have been passed over before.
    const isRepeated = version <= replica.horizon.watermark() && !isRelayed;
    if (isRepeated || isKnown({ key, version }) || this.#heard.has(version)) return false;
    this.#heard.set(version, true);
    return true;
  }
}
