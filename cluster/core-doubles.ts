// Posts made twice: by a server that was cut off, whose answer nobody got, and by the next one, which was asked again with the same key.
// The first of them goes, wherever this is noticed.
import type { AccountId } from '../runtime/account-id.ts';
import type { Outcome, StoredFact } from '../runtime/behaviours.ts';
import type { Key } from '../runtime/key.ts';
import { type StatusId, statusAuthor } from '../runtime/status-id.ts';
import type { Product, ProductMessage } from './core-behaviours.ts';
import type { CoreClient } from './core-client.ts';

export interface CoreDoublesOptions {
  /** What is on this disk. */
  fact(key: Key): StoredFact | null;
  product(): Product;
  /** Here. */
  isServed(account: AccountId): boolean;
  ask(account: AccountId, message: ProductMessage): Promise<Outcome<unknown>>;
  /** To the other cores; null: there are none. */
  client(): Pick<CoreClient, 'call'> | null;
}

const lookEveryMs = 1000;
/** It may come to this disk only later: it is looked for so long, and so many are. */
const soughtMs = 600_000;
const soughtMost = 10_000;

export class CoreDoubles {
  readonly #options: CoreDoublesOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #sought = new Map<StatusId, number>();
  readonly #removing = new Set<StatusId>();

  constructor(options: CoreDoublesOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#look(), lookEveryMs);
    this.#timer.unref();
  }

  /** Two versions of what stands under one key have met. */
  met(key: Key, one: StoredFact, other: StoredFact): void {
    const id = this.#options.product().doubled(key, one, other);
    if (id !== null && this.#sought.size < soughtMost) this.#sought.set(id, performance.now());
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { fact, product } = this.#options;
    for (const [id, sinceMs] of this.#sought) {
      const found = fact(product().statusKey(id));
      if (found?.value === null || performance.now() - sinceMs > soughtMs) this.#sought.delete(id);
      else if (found !== null && !this.#removing.has(id)) {
        this.#removing.add(id);
        void this.#remove(statusAuthor(id), id).finally(() => this.#removing.delete(id));
      }
    }
  }

  /** Where the account is served. What comes to nothing is tried again. */
  async #remove(account: AccountId, id: StatusId): Promise<void> {
    const { isServed, ask, client } = this.#options;
    if (isServed(account)) await ask(account, { kind: 'deleteStatus', account, id });
    else await client()?.call('deleteStatus', { account, id });
  }
}
