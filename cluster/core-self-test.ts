// A new core's test of itself before it takes over: reads of real facts, beside the core that serves them. Writes nothing, serves nobody.
import type { Ask, queries } from '../actors/messages.ts';
import { type AccountId, partitionCount, serverAccount } from '../runtime/account-id.ts';
import type { Outcome, Reader, RuntimeMessage } from '../runtime/behaviours.ts';
import { accountKey, afterPrefix, partitionStart } from '../runtime/key.ts';
import type { StatusId } from '../runtime/status-id.ts';
import { readStore, type StoreReading } from '../runtime/store-reading.ts';
import type { StateSchema } from '../runtime/store-schema.ts';
import { noVersion } from '../runtime/version.ts';
import type { Product, ProductMessage } from './core-behaviours.ts';
import { codecsOf } from './link-requests.ts';
import { SelfTestError } from './self-test-error.ts';
import type { SelfTestReport } from './settings.ts';

type QueryKind = keyof typeof queries;
type Query = (reader: Reader, ask: unknown, nowMs: number) => Outcome<unknown>;

export interface SelfTestOptions {
  product: Product;
  /** Of the store. */
  folder: string;
  schema: StateSchema;
  nowMs: number;
  /** 0..1: where the sample begins. */
  chance: () => number;
}

const mostAccounts = 100;
/** However slow the disk: who waits for this wants to know. */
const longestMs = 5000;
const page = { maxId: null, sinceId: null, minId: null } as const;
/** A home timeline is one message, and an answer for each thing it gathers. */
const mostSteps = 20;

/** Rejects with a `SelfTestError`, or with the store's `SchemaError`. */
export async function selfTest({
  product,
  folder,
  schema,
  nowMs,
  chance,
}: SelfTestOptions): Promise<SelfTestReport> {
  const startedMs = performance.now();
  const reading = readStore({ folder, product, schema });
  try {
    const report = { accounts: 0, statuses: 0, schema: reading.schema, rebuilds: !reading.hasViews };
    const test = new SelfTest(product, reading, nowMs);
    // Views of another format can't be read before they are derived anew.
    if (!report.rebuilds) {
      test.everything();
      for (const account of sampleOf(reading, chance)) {
        report.statuses += test.account(account);
        report.accounts++;
        if (performance.now() - startedMs > longestMs) break;
        // Nobody's pages are kept for long, and an order to end is heard.
        await new Promise((resolve) => setImmediate(resolve));
        reading.refresh();
      }
    }
    return { ...report, tookMs: Math.round(performance.now() - startedMs) };
  } catch (error) {
    if (error instanceof SelfTestError) throw error;
    const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new SelfTestError(`the self-test failed: ${said}`, { cause: error });
  } finally {
    await reading.close();
  }
}

/** Accounts from all over the partitions, each once. */
function* sampleOf(reading: StoreReading, chance: () => number): Generator<AccountId> {
  const sampled = new Set<AccountId>([serverAccount]);
  const first = Math.floor(chance() * partitionCount);
  for (let step = 0; step < mostAccounts; step++) {
    const partition = (first + Math.floor((step * partitionCount) / mostAccounts)) % partitionCount;
    let account = reading.accountFrom(partitionStart(partition));
    if (account === serverAccount) account = reading.accountFrom(afterPrefix(accountKey(account)));
    if (account === null || sampled.has(account)) continue;
    sampled.add(account);
    yield account;
  }
}

class SelfTest {
  readonly #product: Product;
  readonly #reading: StoreReading;
  readonly #nowMs: number;

  constructor(product: Product, reading: StoreReading, nowMs: number) {
    this.#product = product;
    this.#reading = reading;
    this.#nowMs = nowMs;
  }

  everything(): void {
    this.#ask('instance', {});
    this.#ask('publicTimeline', { viewer: null, tag: null, ...page, limit: 40 });
  }

  /** Gives back how many statuses its home timeline showed. */
  account(account: AccountId): number {
    const newest = { ...page, limit: 40 };
    this.#ask('accounts', { ids: [account] });
    this.#ask('followers', { id: account, ...newest });
    this.#ask('following', { id: account, ...newest });
    this.#ask('notifications', { viewer: account, ...newest, kinds: [], from: null });
    this.#ask('marked', { viewer: account, mark: 'favourite', ...newest });
    this.#ask('authorStatuses', {
      author: account,
      viewer: account,
      ...newest,
      excludeReplies: false,
      excludeBoosts: false,
    });
    const ids = this.#home(account);
    this.#ask('statuses', { ids });
    this.#ask('judge', { viewer: account, ids });
    return ids.length;
  }

  #ask<K extends QueryKind>(kind: K, ask: Ask<K>): void {
    const query = this.#product.queries[kind] as Query | undefined;
    if (query === undefined) throw new SelfTestError(`its behaviours know no ${kind}`);
    this.#check(kind, query(this.#reading.reader, ask, this.#nowMs));
  }

  /** Of accounts that are gone there may be facts: they are found no more. */
  #check(kind: QueryKind | 'home', outcome: Outcome<unknown>): void {
    if (outcome.ok) codecsOf(kind).answer.encode(outcome.value);
    else if (outcome.rejection.code !== 'not-found')
      throw new SelfTestError(`${kind} was refused: ${outcome.rejection.code}, ${outcome.rejection.message}`);
  }

  /** As its actor reads it, without one: nothing that it would write is written. */
  #home(account: AccountId): StatusId[] {
    const { reader } = this.#reading;
    const { user } = this.#product;
    let state = user.load(account, reader);
    const asked: ProductMessage = { kind: 'home', account, ...page, limit: 40 };
    const messages: (ProductMessage | RuntimeMessage<never>)[] = [asked];
    for (let step = 0; step < mostSteps; step++) {
      const message = messages.shift();
      if (message === undefined) break;
      const moment = { request: 1, nowMs: this.#nowMs, watermark: noVersion, hasAll: true, chance: 0.5 };
      const [next, effects] = user.receive(state, message, moment, reader);
      state = next;
      for (const effect of effects) {
        if (effect.kind === 'gather') {
          const statuses = this.#reading.newestOf(effect.recent);
          const found = effect.ranges.map((range) => reader.views(range));
          messages.push({ kind: 'gathered', ticket: effect.ticket, statuses, found, failed: null });
        } else if (effect.kind === 'reply') {
          this.#check('home', effect.outcome);
          return effect.outcome.ok ? idsOf(effect.outcome.value) : [];
        }
      }
    }
    throw new SelfTestError('a home timeline was asked for, and no answer came');
  }
}

function idsOf(value: unknown): StatusId[] {
  const page = codecsOf('home').answer.decode(codecsOf('home').answer.encode(value));
  return (page as { ids: StatusId[] }).ids;
}
