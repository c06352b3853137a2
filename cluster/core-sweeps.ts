// Sweeps: what is left of deleted accounts is turned into tombstones, some at a time, also after a restart.
import { accountFact } from '../actors/facts.ts';
import { type AccountId, serverAccount } from '../runtime/account-id.ts';
import { accountAt, afterPrefix, type Key, keyOf, restOf } from '../runtime/key.ts';
import type { Store } from '../runtime/store.ts';
import type { CoreLog } from './core-log.ts';

const most = 200;
/** The views that name deleted accounts: actors/views.ts calls them `gone`. */
const gone = keyOf(serverAccount, 'Z');

export type SweptStore = Pick<Store, 'reader' | 'remaining' | 'submit'>;

export class CoreSweeps {
  readonly #store: SweptStore;
  readonly #log: CoreLog;
  readonly #due: AccountId[] = [];
  #work: Promise<void> | null = null;
  #isStopped = false;

  constructor({ store, log }: { store: SweptStore; log: CoreLog }) {
    this.#store = store;
    this.#log = log;
  }

  begin(account: AccountId): void {
    this.#due.push(account);
    this.#work ??= this.#run();
  }

  /** Goes on with what a core before this one left. */
  resume(): void {
    for (const { key } of this.#store.reader.views({ from: gone, to: afterPrefix(gone), most: 1_000_000 })) {
      const account = accountAt(restOf(key));
      if (this.#store.remaining({ account, after: null, except: accountFact(account), most: 1 }).length > 0)
        this.begin(account);
    }
  }

  /** Resolves when nothing is written any more. What is left is for the next start. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#work;
  }

  async #run(): Promise<void> {
    for (
      let account = this.#due.shift();
      account !== undefined && !this.#isStopped;
      account = this.#due.shift()
    ) {
      await this.#sweep(account);
    }
    this.#work = null;
  }

  async #sweep(account: AccountId): Promise<void> {
    let swept = 0;
    let after: Key | null = null;
    while (!this.#isStopped) {
      const keys: Key[] = this.#store.remaining({ account, after, except: accountFact(account), most });
      const writes = keys.map((key) => ({ key, value: null }));
      if (writes.length === 0) break;
      const submitted = this.#store.submit(writes, { deletes: true, live: true });
      const reason = submitted.ok ? await reasonOf(submitted.value.done) : submitted.rejection.message;
      if (reason !== null) {
        this.#log.warn({ account, reason }, 'sweeping a deleted account is put off to the next start');
        return;
      }
      swept += keys.length;
      after = keys.at(-1) ?? null;
    }
    if (swept > 0) this.#log.info({ account, facts: swept }, 'what was left of a deleted account is gone');
  }
}

/** Why it did not come about; null: it did. Too few machines may have it, for one. */
async function reasonOf(done: Promise<void>): Promise<string | null> {
  try {
    await done;
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
