// The background comparison of partitions: the server tells owners its digest; where they differ for long, both exchange what the other lacks.
import type { Key } from '../runtime/key.ts';
import type { Copy, PeerMessage, PlainFact } from './peer-messages.ts';
import type { ReplicaClock, ReplicaStore, Send } from './replica-ports.ts';
import { holdersOf, type Ring } from './ring.ts';

export interface RepairOptions {
  self: number;
  store: ReplicaStore;
  clock: ReplicaClock;
  ring: () => Ring;
  send: Send;
  serves(partition: number): boolean;
  holds(partition: number): boolean;
  isLinked(node: number): boolean;
  /** One digest each so often, round and round. */
  everyMs: number;
  /** On the disk now. */
  arrived(from: number, facts: readonly Copy[]): void;
  repaired(partition: number, facts: number): void;
}

const comparedAtOnce = 1000;
/**
 * Digests differ while entries are under way, and a lane that has lost some is followed anew after a while: what differs for longer
 * no lane will bring. What a repair brings goes to others, too, and not in the order in which it was written.
 */
const patienceMs = 2500;

export class Repair {
  readonly #options: RepairOptions;
  /** By server and partition: since when they differ. */
  readonly #differences = new Map<string, number>();
  #next = 0;
  #lastMs = 0;

  constructor(options: RepairOptions) {
    this.#options = options;
    this.#lastMs = options.clock.monoMs();
  }

  /** Tells the other owners the digest of the next partition served, when it is time. */
  tick(): void {
    const { clock, everyMs, ring, serves } = this.#options;
    if (clock.monoMs() - this.#lastMs < everyMs) return;
    this.#lastMs = clock.monoMs();
    const count = ring().partitions;
    for (let tried = 0; tried < count; tried++) {
      const partition = (this.#next + tried) % count;
      if (!serves(partition)) continue;
      this.#next = (partition + 1) % count;
      this.#tell(partition);
      return;
    }
  }

  /** Its lanes have fallen behind meanwhile. */
  unlinked(node: number): void {
    for (const name of this.#differences.keys())
      if (name.startsWith(`${node}:`)) this.#differences.delete(name);
  }

  #tell(partition: number): void {
    const { ring, self, store, send, isLinked } = this.#options;
    const others = holdersOf(ring().placement(partition)).filter((node) => node !== self && isLinked(node));
    if (others.length === 0) return;
    const { count, sum } = store.digest(partition);
    for (const node of others) send(node, { kind: 'digest', partition, count, sum });
  }

  /** From the server of the partition. */
  digest(node: number, { partition, count, sum }: Extract<PeerMessage, { kind: 'digest' }>): void {
    const { store, clock, holds } = this.#options;
    if (!holds(partition)) return;
    const name = `${node}:${partition}`;
    const own = store.digest(partition);
    if (own.count === count && own.sum === sum) {
      this.#differences.delete(name);
      return;
    }
    const sinceMs = this.#differences.get(name) ?? clock.monoMs();
    this.#differences.set(name, sinceMs);
    if (clock.monoMs() - sinceMs < patienceMs) return;
    this.#differences.delete(name);
    this.#compare(node, partition, null);
  }

  #compare(node: number, partition: number, after: Key | null): void {
    const { store, send } = this.#options;
    const facts = store.versionsOf(partition, after, comparedAtOnce);
    const upTo = facts.length < comparedAtOnce ? null : (facts.at(-1)?.key ?? null);
    send(node, { kind: 'compare', partition, after, upTo, facts });
  }

  /** The server's side: what the other lacks goes there; what this node lacks is asked for. */
  compare(node: number, message: Extract<PeerMessage, { kind: 'compare' }>): void {
    const { store, send, serves } = this.#options;
    const { partition, after, upTo } = message;
    if (!serves(partition)) return;
    const theirs = new Map(message.facts.map((fact) => [fact.key, fact.version]));
    const lacking: Key[] = [];
    const mine = new Map<Key, string>();
    for (let from = after; ; ) {
      const some = store.versionsOf(partition, from, comparedAtOnce);
      for (const { key, version } of some) {
        if (upTo !== null && key > upTo) break;
        mine.set(key, version);
        const other = theirs.get(key);
        if (other === undefined || other < version) lacking.push(key);
      }
      const last = some.at(-1)?.key ?? null;
      if (last === null || some.length < comparedAtOnce || (upTo !== null && last >= upTo)) break;
      from = last;
    }
    const ask = [...theirs].filter(([key, version]) => (mine.get(key) ?? '') < version).map(([key]) => key);
    for (let at = 0; at < Math.max(lacking.length, ask.length, 1); at += comparedAtOnce) {
      const facts = store.factsOf(lacking.slice(at, at + comparedAtOnce));
      send(node, { kind: 'repair', partition, facts, ask: ask.slice(at, at + comparedAtOnce) });
    }
    if (upTo !== null) send(node, { kind: 'compared', partition, upTo });
  }

  /** The next stretch of a long partition. */
  compared(node: number, { partition, upTo }: Extract<PeerMessage, { kind: 'compared' }>): void {
    if (this.#options.holds(partition)) this.#compare(node, partition, upTo);
  }

  /** What was lacking here is taken in; what is asked for goes back. */
  repair(node: number, { partition, facts, ask }: Extract<PeerMessage, { kind: 'repair' }>): void {
    const { store, send, arrived, repaired, holds } = this.#options;
    if (!holds(partition)) return;
    if (facts.length > 0) {
      // A fact has no place in a log.
      const copies = facts.map((fact: PlainFact): Copy => ({ ...fact, seq: 0, live: true }));
      store.adopt({ copies, from: { kind: 'relay' }, positions: [] }, () => {
        arrived(node, copies);
        repaired(partition, facts.length);
      });
    }
    if (ask.length > 0) send(node, { kind: 'repair', partition, facts: store.factsOf(ask), ask: [] });
  }
}
