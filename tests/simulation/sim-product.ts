// The small product of a simulated process: posts, profiles and handles, written and read as the real one does it.
import type { Replica } from '../../cluster/replica.ts';
import { accountAt } from '../../runtime/key.ts';
import type { Disk } from './disk.ts';
import { type Ask, encodeValue, type Facts, type Reply } from './requests.ts';
import type { LiveEntry } from './sim-live.ts';

export interface ProductOptions {
  node: number;
  partitions: number;
  disk: Disk;
  replica: Replica;
  wallMs(): number;
  isFull(): boolean;
  isDead(): boolean;
  /** An entry of this process's own that enough owners have. */
  written(entry: LiveEntry): void;
}

type Write = Extract<Ask, { kind: 'write' | 'claim' }>;

export class Product {
  readonly #options: ProductOptions;

  constructor(options: ProductOptions) {
    this.#options = options;
  }

  /** Answers when it may, under the term under which it was asked; after that, never. */
  ask(ask: Ask, reply: (reply: Reply) => void): void {
    const { replica, partitions, isDead } = this.#options;
    const partition = ask.account % partitions;
    if (!replica.server.isOpen(partition)) {
      reply({ kind: 'moved' });
      return;
    }
    const term = replica.server.term(partition);
    const answer = (said: Reply): void => {
      if (isDead() || replica.server.term(partition) !== term) return;
      reply(said);
    };
    switch (ask.kind) {
      case 'read':
        this.#read(ask.account, { partition, term: term ?? 0 }, answer);
        return;
      case 'claim':
        this.#claim(ask, partition, answer);
        return;
      case 'write':
        this.#write(ask, partition, answer);
        return;
    }
    ask satisfies never;
  }

  #read(
    account: number,
    { partition, term }: { partition: number; term: number },
    answer: (reply: Reply) => void,
  ): void {
    const { disk, node } = this.#options;
    const facts = new Map() as Facts;
    for (const [key, fact] of disk.factsOfPartition(partition)) {
      if (accountAt(key) === account)
        facts.set(key, {
          version: fact.version,
          isThere: fact.packed !== null,
          arrived: disk.lateArrival(key) ?? null,
        });
    }
    const said: Reply = { kind: 'read', facts, node, term };
    this.#barrier(partition, disk.head('own'), () => answer(said));
  }

  #claim(ask: Write, partition: number, answer: (reply: Reply) => void): void {
    const { disk } = this.#options;
    if (disk.latest(ask.key) === undefined) this.#write(ask, partition, answer);
    else this.#barrier(partition, disk.head('own') + disk.inFlight, () => answer({ kind: 'taken' }));
  }

  /** What is read may be on this disk alone: nobody sees it before it is stored. */
  #barrier(partition: number, seq: number, seen: () => void): void {
    this.#options.replica.stored.when('own', seq, partition, seen);
  }

  #write(ask: Write, partition: number, answer: (reply: Reply) => void): void {
    const { disk, replica, wallMs, isFull } = this.#options;
    if (isFull() && (ask.kind === 'claim' || ask.value !== null)) {
      answer({ kind: 'full' });
      return;
    }
    const packed = ask.value === null ? null : encodeValue(ask.value);
    const before = disk.latest(ask.key);
    const to = [...new Set([...(ask.value?.to ?? []), ...(before?.to ?? [])])].filter(
      (one) => one !== partition,
    );
    disk.submit(wallMs(), [{ key: ask.key, packed, to }], ([written]) => {
      if (written === undefined) return;
      const { seq, version } = written;
      replica.wrote([{ seq, version, partition }]);
      const done = (): void => {
        this.#options.written({ key: ask.key, version, removed: packed === null });
        answer({ kind: 'written', version });
      };
      replica.stored.when('own', seq, partition, done);
    });
  }
}
