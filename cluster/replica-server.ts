// Which partitions this core serves: as long as enough owners have granted its terms and their leases hold; and how it hands them over.
import type { Key } from '../runtime/key.ts';
import type { Copy, PeerMessage, Term } from './peer-messages.ts';
import { Backing } from './replica-backing.ts';
import { Claims } from './replica-claims.ts';
import type { Gathering } from './replica-gathering.ts';
import type { Grants } from './replica-grants.ts';
import type { Intake } from './replica-intake.ts';
import type { Leases } from './replica-leases.ts';
import { Moving, partOf, slowMs } from './replica-moving.ts';
import type { PeerIdentity, ReplicaClock, ReplicaStore, Send } from './replica-ports.ts';
import type { Stored } from './replica-stored.ts';
import { Turns } from './replica-turns.ts';
import { holdersOf, isQuorum, preferredBy, type Ring } from './ring.ts';

/** Its term, and whether new requests are taken: one that is being handed over finishes what it has. */
interface Served {
  term: number;
  isOpen: boolean;
  /** Being handed over since then, with all that was begun stored: it is given back when what waited for that has been answered. */
  storedMs: number | null;
}

export interface ServerOptions {
  self: PeerIdentity;
  store: ReplicaStore;
  clock: ReplicaClock;
  ring: () => Ring;
  leases: Leases;
  grants: Grants;
  intake: Intake;
  stored: Stored;
  send: Send;
  partitionOf(key: Key): number;
  holds(partition: number): boolean;
  /** See `TurnsOptions`. */
  isCurrent(): boolean;
  /** Who serves it, as far as others have said: a linked node, or null. */
  serverOf(partition: number): number | null;
  /** See `TurnsOptions`. */
  isAwaited(node: number): boolean;
  /** See `TurnsOptions`. */
  isMoving(node: number): boolean;
  /** Entries that were gathered for what is to be served: on the disk now. */
  arrived(from: number, entries: readonly Copy[]): void;
  /** See `GatheringOptions`. */
  relayed(): void;
  /** See `TakeoverNotes`. */
  noteLate(partitions: ReadonlySet<number>, done: () => void): void;
  /** The set of partitions served is another now. */
  changed(): void;
  chance(): number;
  /** Requests about it are under way: see `ReplicaOptions`. */
  isBusy(partition: number): boolean;
}

/** Requests under way hold up a handover for no longer. */
const busyMs = 2000;
/** Others are asked for what is this node's to serve so often; less and less often when its claims come to nothing. */
const yieldEveryMs = 1500;
const mostYieldPauseMs = 24_000;
const renewEveryMs = 500;

export class Server {
  readonly #options: ServerOptions;
  readonly #serving = new Map<number, Served>();
  readonly #backing = new Backing();
  readonly #turns: Turns;
  readonly #claims: Claims;
  /** Gives what is served here to others, before this core ends. */
  readonly moving: Moving;
  #yieldedMs = Number.NEGATIVE_INFINITY;
  /** What was asked for last. */
  #asked: number[] = [];
  #yieldPauseMs = yieldEveryMs;
  #renewedMs = Number.NEGATIVE_INFINITY;
  #isClosing = false;

  constructor(options: ServerOptions) {
    this.#options = options;
    const { self, store, clock, ring, leases, grants, intake, stored, send, partitionOf, chance } = options;
    this.#turns = new Turns({
      self: self.node,
      clock,
      ring,
      leases,
      grants,
      holds: (partition) => options.holds(partition),
      isTaken: (partition) => this.serves(partition),
      isCurrent: () => options.isCurrent(),
      serverOf: (partition) => options.serverOf(partition),
      isAwaited: (node) => options.isAwaited(node),
      isMoving: (node) => options.isMoving(node),
      chance,
    });
    this.moving = new Moving({
      self: self.node,
      clock,
      ring,
      leases,
      open: () => this.openTerms().map(({ partition }) => partition),
      isServing: (partition) => this.#serving.has(partition),
      serverOf: (partition) => options.serverOf(partition),
      finish: (partitions) => this.#finishAll(partitions),
    });
    this.#claims = new Claims({
      self,
      store,
      clock,
      ring,
      leases,
      grants,
      backing: this.#backing,
      intake,
      stored,
      send,
      partitionOf,
      chance,
      arrived: (from, entries) => options.arrived(from, entries),
      relayed: () => options.relayed(),
      noteLate: (partitions, done) => options.noteLate(partitions, done),
      serve: (term) => this.#serve(term),
      failed: (terms) => this.#failed(terms),
      served: () => options.changed(),
    });
  }

  /** What the claims under way gather. */
  get gathering(): Gathering {
    return this.#claims.gathering;
  }

  /** All that is served and takes new requests. */
  openTerms(): Term[] {
    return this.#terms(({ isOpen }) => isOpen);
  }

  /** And what is being handed over: nobody else can serve it yet. */
  terms(): Term[] {
    return this.#terms(() => true);
  }

  #terms(isMeant: (served: Served) => boolean): Term[] {
    return [...this.#serving].flatMap(([partition, served]) =>
      isMeant(served) ? [{ partition, term: served.term }] : [],
    );
  }

  /** Or is about to: its own grant is in use. */
  serves(partition: number): boolean {
    return this.#serving.has(partition) || this.#claims.has(partition);
  }

  /** It claims nothing any more, and gives back what it has. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** Perhaps without taking new requests any more. */
  isServing(partition: number): boolean {
    return this.#serving.has(partition);
  }

  /** May a request begin now? By the clock of now. */
  isOpen(partition: number): boolean {
    return (this.#serving.get(partition)?.isOpen ?? false) && this.#isLive(partition);
  }

  /** The term under which an answer may go out now; null: none may. */
  term(partition: number): number | null {
    const served = this.#serving.get(partition);
    return served !== undefined && this.#isLive(partition) ? served.term : null;
  }

  #isLive(partition: number): boolean {
    const { ring, self, leases } = this.#options;
    const by = this.#backing.of(partition);
    const placement = ring().placement(partition);
    // The ring may have changed since the term was granted.
    if (!placement.owners.includes(self.node)) return false;
    return isQuorum(placement, (node) => by.has(node) && (node === self.node || leases.holds(node)));
  }

  linked(node: number): void {
    this.#claims.linked(node);
    this.#turns.linked();
  }

  /** There was a gap in the lease: what that node granted may be somebody else's by now. */
  lapsed(node: number): void {
    this.#backing.lapsed(node);
  }

  /** Gives up what has no quorum any more, and claims what is to be claimed. To be called every 50 to 100 ms. */
  tick(): void {
    for (const [partition, served] of [...this.#serving]) {
      if (!this.#isLive(partition)) this.#lose(partition);
      else this.#end(partition, served);
    }
    this.#renew();
    this.#claims.tick();
    this.moving.tick();
    // What it has given back it must not take again.
    if (this.#isClosing || this.moving.hasBegun) return;
    const { claim, failures, better } = this.#turns.look();
    if (claim.size > 0) this.#claims.begin(claim, failures);
    if (better.size > 0) this.#askToYield(better);
    else if (this.#isThrough()) this.#asked = [];
  }

  /** Those whose grant has lapsed, or who were away, are asked again for the same term. */
  #renew(): void {
    const { ring, self, leases, send, clock } = this.#options;
    if (clock.monoMs() - this.#renewedMs < renewEveryMs) return;
    this.#renewedMs = clock.monoMs();
    const lacking = new Map<number, Term[]>();
    for (const [partition, { term }] of this.#serving) {
      const by = this.#backing.of(partition);
      for (const node of holdersOf(ring().placement(partition))) {
        if (node === self.node || by.has(node) || !leases.holds(node)) continue;
        const terms = lacking.get(node);
        if (terms === undefined) lacking.set(node, [{ partition, term }]);
        else terms.push({ partition, term });
      }
    }
    for (const [node, terms] of lacking) send(node, { kind: 'claim', id: 0, terms });
  }

  /** The preferred server asks those who serve it for what is its own, two parts at a time in all, when it has all that there is. */
  #askToYield(better: ReadonlyMap<number, number[]>): void {
    const { clock, send, ring, self } = this.#options;
    const isThrough = this.#isThrough();
    const tookMs = clock.monoMs() - this.#yieldedMs;
    if (!isThrough && tookMs < this.#yieldPauseMs) return;
    // Where parts are slow all of the rest is unserved once, not each for as long.
    const isSlow = this.#asked.length > 0 && tookMs >= slowMs;
    this.#yieldedMs = clock.monoMs();
    this.#asked = [];
    const size = partOf(preferredBy(self.node, ring()).length);
    const most = isSlow ? Number.POSITIVE_INFINITY : Math.min(size, Math.ceil((2 * size) / better.size));
    for (const [server, all] of better) {
      const partitions = all.slice(0, most);
      this.#asked.push(...partitions);
      send(server, { kind: 'yield', partitions });
    }
  }

  /** All that it asked for last is served here. */
  #isThrough(): boolean {
    return this.#asked.every((partition) => this.#serving.has(partition));
  }

  /** An owner's answer. Of `id` 0: a grant was renewed. */
  granted(node: number, message: Extract<PeerMessage, { kind: 'granted' }>): void {
    if (message.id !== 0) {
      this.#claims.granted(node, message);
      return;
    }
    for (const partition of message.granted)
      if (this.#serving.has(partition)) this.#backing.renew(partition, node);
  }

  /** A claim has come to its end: is it served now? */
  #serve({ partition, term }: Term): boolean {
    if (!this.#isClosing && this.#backing.isOf({ partition, term }) && this.#isLive(partition)) {
      this.#turns.served(partition);
      this.#serving.set(partition, { term, isOpen: true, storedMs: null });
      this.#yieldPauseMs = yieldEveryMs;
    }
    return this.#serving.has(partition);
  }

  /** What was claimed and is not served. */
  #failed(terms: readonly Term[]): void {
    if (terms.length > 0) this.#yieldPauseMs = Math.min(2 * this.#yieldPauseMs, mostYieldPauseMs);
    for (const { partition } of terms) {
      this.#turns.failed(partition);
      if (!this.#serving.has(partition)) this.#backing.forget(partition);
    }
    this.#giveBack(terms);
  }

  #lose(partition: number): void {
    const served = this.#serving.get(partition);
    this.#serving.delete(partition);
    if (served !== undefined) this.#giveBack([{ partition, term: served.term }]);
    this.#backing.forget(partition);
    this.#options.stored.orphan(partition);
    this.#options.changed();
  }

  /** Never to be used again: others need not wait for the lease to end. */
  #giveBack(terms: readonly Term[]): void {
    const { ring, self, grants, send, leases } = this.#options;
    const to = new Map<number, Term[]>();
    for (const { partition, term } of terms) {
      grants.release(partition, term, self);
      for (const node of holdersOf(ring().placement(partition))) {
        if (node !== self.node && leases.isLinked(node))
          to.set(node, [...(to.get(node) ?? []), { partition, term }]);
      }
    }
    for (const [node, given] of to) send(node, { kind: 'release', terms: given });
  }

  /** An owner asks whether these are still in use. */
  using(node: number, terms: readonly Term[]): void {
    const unused = terms.filter(
      ({ partition, term }) =>
        this.#serving.get(partition)?.term !== term && !this.#claims.hasTerm({ partition, term }),
    );
    if (unused.length > 0) this.#options.send(node, { kind: 'release', terms: unused });
  }

  /** The preferred server is ready: nothing new is begun; when all that was is stored, the terms are given back. */
  yielded(node: number, partitions: readonly number[]): void {
    const { ring } = this.#options;
    this.#finishAll(partitions.filter((partition) => ring().placement(partition).owners[0] === node));
  }

  #finishAll(partitions: readonly number[]): void {
    for (const partition of partitions) {
      const served = this.#serving.get(partition);
      if (served?.isOpen === true) this.#finish(partition, served);
    }
    this.#options.changed();
  }

  /** Gives back all, in order, and claims nothing any more: the process is about to stop. */
  close(): void {
    this.#isClosing = true;
    for (const [partition, served] of this.#serving) this.#finish(partition, served);
    this.#options.changed();
  }

  /** Takes no more requests, and gives the term back when all that was begun is stored. */
  #finish(partition: number, served: Served): void {
    const { store, stored } = this.#options;
    served.isOpen = false;
    // What is on its way to the disk comes after the head.
    const lastGiven = store.head('own') + store.inFlight;
    stored.when('own', lastGiven, partition, () => {
      served.storedMs = this.#options.clock.monoMs();
      this.#end(partition, served);
    });
  }

  /** Gives back what has been handed over. Not before requests under way have their answers, unless that takes long. */
  #end(partition: number, served: Served): void {
    const { clock, isBusy } = this.#options;
    if (served.storedMs === null) return;
    if (!isBusy(partition) || clock.monoMs() - served.storedMs > busyMs) this.#release(partition, served);
  }

  #release(partition: number, served: Served): void {
    if (this.#serving.get(partition) === served) this.#lose(partition);
  }

  /** At once: what is here does not suffice to answer. */
  giveUp(partitions: Iterable<number>): void {
    for (const partition of partitions) {
      const served = this.#serving.get(partition);
      if (served !== undefined) this.#release(partition, served);
    }
  }

  /**
   * Of a new ring: what this node owns no more is given up. What others are to own is claimed anew: so those of them who are owners
   * already, and have lagged behind, are given what they lack, as by any new server.
   */
  ringChanged(): void {
    const { ring, self } = this.#options;
    for (const [partition, served] of [...this.#serving]) {
      const { owners, next } = ring().placement(partition);
      if (next !== null || !owners.includes(self.node)) this.#release(partition, served);
    }
  }
}
