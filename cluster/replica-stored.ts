// What of a node's own log, and of its relay, is on the disk of enough owners: only that leaves the owners, and only that is answered for.
import type { Version } from '../runtime/version.ts';
import { isQuorum, type Ring } from './ring.ts';

/** An entry that is on this node's disk. */
export interface Written {
  seq: number;
  partition: number;
  version: Version;
}

/** An entry that was passed over: its partition was served no more, and too few had it. */
export interface Orphan extends Written {
  log: Log;
}

const logs = ['own', 'relay'] as const;

/** Entries of before the start: of any partition. */
const anyPartition = -1;

export type Log = 'own' | 'relay';

interface Acknowledged {
  own: number;
  relay: number;
  covers(partition: number): boolean;
}

interface Waiting {
  log: Log;
  seq: number;
  partition: number;
  done: () => void;
}

export interface StoredOptions {
  self: number;
  ring: () => Ring;
  /** Where the logs ended at the start. */
  own: number;
  relay: number;
  /** Of the own log before the start: all that may not be stored yet. Null: nobody knows what that is. */
  tail: readonly Written[] | null;
  version: Version;
  /** Who serves it, as far as is known here: this node, another one, or nobody. */
  serverOf(partition: number): number | null;
  /** This node serves it, perhaps without taking new requests any more. */
  isServing(partition: number): boolean;
  /** More is stored than before. */
  moved(): void;
  /** An entry that was passed over is stored after all: who was sent what is above it has not got it. */
  late(log: Log, seq: number, done: () => void): void;
  /** Entries passed over, for the next start. */
  keep(orphans: readonly Orphan[], done: () => void): void;
  orphans: readonly Orphan[];
}

export class Stored {
  /** All entries up to here are stored, in each log. */
  readonly upTo: Record<Log, number> = { own: 0, relay: 0 };
  /** The version of the last entry of the own log that is stored. */
  version: Version;
  /** Where the logs ended at the start: what is said of versions known then holds for who has read so far. */
  readonly atStart: Readonly<Record<Log, number>>;
  readonly #options: StoredOptions;
  readonly #pending: Record<Log, Written[]> = { own: [], relay: [] };
  /** Of partitions that are served no more: they hold nothing up, and go out when they are stored after all. */
  readonly #orphans: Record<Log, Written[]> = { own: [], relay: [] };
  /** About to be passed over, when that is on the disk. */
  #leaving: readonly Orphan[] = [];
  readonly #acknowledged = new Map<number, Acknowledged>();
  /** Where the logs stood before the first entry was passed over that is not stored at its place in the relay by now; null: there is none. */
  #whole: Record<Log, number> | null = null;
  /** Entries that were passed over: on their way into the relay. */
  #relaying = 0;
  #waiting: Waiting[] = [];

  constructor(options: StoredOptions) {
    this.#options = options;
    this.version = options.version;
    this.atStart = { own: options.own, relay: options.relay };
    for (const { log, ...one } of options.orphans) this.#orphans[log].push(one);
    // What had been passed over before these was not kept.
    if (options.orphans.length > 0) this.#whole = { own: 0, relay: 0 };
    for (const log of logs) {
      if (options[log] === 0) continue;
      const tail = log === 'own' ? options.tail : null;
      if (tail === null)
        this.#pending[log].push({ seq: options[log], partition: anyPartition, version: options.version });
      else this.#startFrom(tail);
    }
  }

  /** Of the own log: all before it is stored. */
  #startFrom(tail: readonly Written[]): void {
    const { own } = this.#options;
    const last = tail.at(-1);
    // What was written over behind it is in the log no more.
    if (last !== undefined) this.#pending.own.push(...tail.slice(0, -1), { ...last, seq: own });
    this.upTo.own = (tail[0]?.seq ?? own + 1) - 1;
  }

  /**
   * Up to where nobody lacks what was passed over who has come as far as is said to be stored. What of before the start is not stored yet may
   * still be passed over.
   */
  get wholeUpTo(): Readonly<Record<Log, number>> {
    return this.#whole ?? { ...this.upTo };
  }

  /** Whoever has the relay up to there has all of it that concerns what is served here. Others' entries may hold up what is stored of it. */
  get relayUpTo(): number {
    const { isServing } = this.#options;
    const last = this.#pending.relay.findLast(({ partition }) => isServing(partition));
    return Math.max(this.upTo.relay, this.atStart.relay, last?.seq ?? 0);
  }

  /** Entries not yet stored are waiting, in the own log. */
  get isWaiting(): boolean {
    return this.#pending.own.length > 0;
  }

  /** On this node's own disk now, in the order of the log. */
  wrote(log: Log, written: readonly Written[]): void {
    this.#pending[log].push(...written);
    // What was on its way to the disk when its partition was given up.
    if (log === 'own')
      for (const partition of new Set(written.map((one) => one.partition)))
        if (this.#isGone(partition)) this.orphan(partition);
    this.advance();
  }

  /** An owner has stored all of these partitions' entries up to there. */
  acknowledge(
    node: number,
    upTo: { own: number; relay: number },
    covers: (partition: number) => boolean,
  ): void {
    this.#acknowledged.set(node, { ...upTo, covers });
    this.advance();
  }

  /** What it has acknowledged it has; but whether it still covers the partition is known only from its next follow. */
  forget(node: number): void {
    this.#acknowledged.delete(node);
  }

  /** Up to where a node has stored a log of this one. */
  of(node: number, log: Log): number {
    return this.#acknowledged.get(node)?.[log] ?? 0;
  }

  /** Enough owners of the partition have its entries up to there, by what they have said since they were linked. */
  isStored(log: Log, seq: number, partition: number): boolean {
    return isQuorum(this.#options.ring().placement(partition), (node) => {
      if (node === this.#options.self) return true;
      const acknowledged = this.#acknowledged.get(node);
      return acknowledged !== undefined && acknowledged[log] >= seq && acknowledged.covers(partition);
    });
  }

  /** Calls back, at once or later, when the partition's entries up to `seq` are stored. */
  when(log: Log, seq: number, partition: number, done: () => void): void {
    if (this.isStored(log, seq, partition)) done();
    else this.#waiting.push({ log, seq, partition, done });
  }

  /** Nobody else owns anything: what is on this disk is stored. */
  skipTo(seq: number, version: Version): void {
    this.upTo.own = seq;
    this.version = version;
  }

  /** Below it every entry is stored or has been passed over. */
  firstPending(log: Log): number {
    return this.#pending[log][0]?.seq ?? Number.POSITIVE_INFINITY;
  }

  /** The lowest place of those that were passed over and are not stored yet. */
  firstOrphan(log: Log): number {
    return this.#orphans[log].reduce((lowest, { seq }) => Math.min(lowest, seq), Number.POSITIVE_INFINITY);
  }

  /** This node does not serve it any more: whether its last entries are ever stored, nobody knows. */
  orphan(partition: number): void {
    const found = [...logs].flatMap((log) =>
      this.#pending[log].filter((one) => one.partition === partition).map((one) => ({ log, ...one })),
    );
    if (found.length === 0) return;
    // On disk first: what is passed over must not be forgotten by a restart.
    this.#leaving = [...this.#leaving, ...found];
    this.#options.keep(this.#listed(), () => {
      this.#leaving = this.#leaving.filter((one) => !found.includes(one));
      for (const { log, ...one } of found) {
        const place = this.#pending[log].findIndex(({ seq }) => seq === one.seq);
        if (place < 0) continue;
        this.#pending[log].splice(place, 1);
        this.#orphans[log].push(one);
        this.#whole ??= { ...this.wholeUpTo };
      }
      this.advance();
    });
  }

  #listed(): Orphan[] {
    const passed = [...logs].flatMap((log) => this.#orphans[log].map((one) => ({ log, ...one })));
    return [...passed, ...this.#leaving];
  }

  /** It was passed over, and is still not stored. */
  isOrphan(log: Log, seq: number): boolean {
    return this.#orphans[log].some((orphan) => orphan.seq === seq);
  }

  /** Looks again: something was acknowledged, or the ring has changed. */
  advance(): void {
    let moved = false;
    for (const log of logs) {
      const pending = this.#pending[log];
      let stored = 0;
      for (const { seq, partition, version } of pending) {
        if (!this.#isDone(log, seq, partition)) break;
        stored++;
        this.upTo[log] = Math.max(this.upTo[log], seq);
        if (log === 'own') this.version = version;
      }
      pending.splice(0, stored);
      moved ||= stored > 0;
      // The log of before the start is spoken of as a whole: its end does not wait for a later entry when it has been passed over.
      if (this.upTo[log] < this.atStart[log] && this.firstPending(log) > this.atStart[log]) {
        this.upTo[log] = this.atStart[log];
        moved = true;
      }
      const orphans = this.#orphans[log];
      if (orphans.length > 0) {
        this.#orphans[log] = orphans.filter(({ seq, partition }) => !this.#isServed(log, seq, partition));
        for (const orphan of orphans) {
          if (this.#orphans[log].includes(orphan)) continue;
          this.#pass(log, orphan);
          moved = true;
        }
      }
    }
    this.#mend();
    const waiting = this.#waiting;
    if (waiting.length > 0) {
      this.#waiting = [];
      for (const one of waiting) {
        if (this.isStored(one.log, one.seq, one.partition)) one.done();
        else this.#waiting.push(one);
      }
    }
    if (moved) this.#options.moved();
  }

  /**
   * These are stored, and about to be served here again. What of them was passed over goes out by the relay first: others may have closed
   * above it, and whoever takes the word of their server from now on must have been sent it. False: there was nothing.
   */
  passBeforeServing(partitions: ReadonlySet<number>, done: () => void): boolean {
    const found = logs.flatMap((log) =>
      this.#orphans[log].filter(({ partition }) => partitions.has(partition)).map((one) => ({ log, one })),
    );
    if (found.length === 0) return false;
    for (const log of logs)
      this.#orphans[log] = this.#orphans[log].filter(({ partition }) => !partitions.has(partition));
    let waiting = found.length;
    for (const { log, one } of found)
      this.#pass(log, one, () => {
        waiting--;
        if (waiting === 0) done();
      });
    this.#options.moved();
    return true;
  }

  /** What was passed over is stored after all: it goes out by the relay. */
  #pass(log: Log, { seq }: Written, done = (): void => {}): void {
    const { late, keep } = this.#options;
    this.#relaying++;
    late(log, seq, () => {
      this.#relaying--;
      keep(this.#listed(), () => {});
      this.#mend();
      done();
    });
  }

  /** Is all that was passed over stored by now, in the relay? On its way there it may have been passed over once more. */
  #mend(): void {
    const { own, relay } = this.#orphans;
    if (own.length + relay.length + this.#relaying + this.#pending.relay.length === 0) this.#whole = null;
  }

  /** Others may serve it by now who have less. */
  #isGone(partition: number): boolean {
    const { self, ring, isServing } = this.#options;
    return partition !== anyPartition && !ring().isAlone(self) && !isServing(partition);
  }

  #isDone(log: Log, seq: number, partition: number): boolean {
    // Until it is an orphan on the disk, too.
    if (log === 'own' && this.#isGone(partition)) return this.#isServed(log, seq, partition);
    if (partition !== anyPartition) return this.isStored(log, seq, partition);
    const { self, ring } = this.#options;
    const held = ring().held(self);
    // Who owns nothing any more has left entries of any partition.
    const partitions = held.length > 0 ? held : Array.from({ length: ring().partitions }, (_, one) => one);
    return partitions.every((one) => this.#isServed(log, seq, one));
  }

  /** Its server has it, too, and not only enough owners: nobody is to see elsewhere what a read there would not show yet. */
  #isServed(log: Log, seq: number, partition: number): boolean {
    const { self, serverOf } = this.#options;
    const server = serverOf(partition);
    if (server === null || !this.isStored(log, seq, partition)) return false;
    return server === self || this.of(server, log) >= seq;
  }
}
