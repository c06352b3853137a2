// A core among others: connects its store to the replica, and tells the core what is stored, what has come, and what it serves.
import { type AccountId, partitionCount, partitionOf } from '../runtime/account-id.ts';
import type { Entry, StoredFact } from '../runtime/behaviours.ts';
import { type Key, partitionOfKey } from '../runtime/key.ts';
import type { Store } from '../runtime/store.ts';
import { noVersion, type Version } from '../runtime/version.ts';
import { unpackWire } from '../runtime/wire-bytes.ts';
import { CoreInterest } from './core-interest.ts';
import type { CoreLog } from './core-log.ts';
import { CoreReplicaStore } from './core-replica-store.ts';
import { type Taken, Takeovers } from './core-takeovers.ts';
import { Unannounced } from './core-unannounced.ts';
import { UnderWay } from './core-under-way.ts';
import { bitsOf } from './partition-set.ts';
import type { Copy, PeerMessage, Term } from './peer-messages.ts';
import { Replica } from './replica.ts';
import type { PeerIdentity, ReplicaClock, Send } from './replica-ports.ts';
import type { Ring } from './ring.ts';
import type { CoreProgress } from './ring-keeper.ts';

export interface CoreClusterOptions {
  store: Store;
  node: number;
  boot: string;
  clock: ReplicaClock;
  ring: Ring;
  epoch: number;
  isFounder: boolean;
  chance: () => number;
  log: CoreLog;
  /** Entries that enough owners have on disk, in the order in which they are to be announced. */
  announce(entries: Entry[], isOwn: boolean): void;
  /** Everything with versions up to this one has been announced. */
  reached(version: Version): void;
  /** Owners of a partition differed, and so many facts were lacking here. */
  repaired(facts: number): void;
  /** What authors of other cores wrote may never have come. */
  missed(): void;
  /** Whether it matters that two versions of what stands under this key meet here. */
  mayMeet(key: Key): boolean;
  /** Two of them have. */
  met(key: Key, one: StoredFact, other: StoredFact): void;
  /** Of authors of other cores that somebody here receives, with no trace on this disk. */
  heard(entries: Entry[]): void;
  /** All authors that somebody here receives. */
  authors(): Iterable<AccountId>;
  serving(version: number, terms: readonly Term[]): void;
  /** Some of it others served before. */
  taken(taken: Taken): void;
  /** These partitions are served no more: what is in memory of their accounts is somebody else's now. */
  lost(partitions: ReadonlySet<number>): void;
}

const tickEveryMs = 50;
const closedEveryMs = 100;
/** A partition is compared with its other owners so often, about: 1,024 of them take a few minutes. */
const digestEveryMs = 200;

export class CoreCluster {
  readonly replica: Replica;
  readonly #options: CoreClusterOptions;
  readonly #store: CoreReplicaStore;
  readonly interest: CoreInterest;
  readonly underWay = new UnderWay();
  readonly #takeovers: Takeovers;
  readonly #unannounced = new Unannounced();
  readonly #timer: NodeJS.Timeout;
  #served: ReadonlySet<number> = new Set();
  readonly #waitingFor = new Map<number, Set<() => void>>();
  readonly #storing = new Map<number, { position: number; stored: Promise<void> }>();
  /** The place of each partition's last entry in the own log. */
  readonly #lastOf = new Float64Array(partitionCount);
  #send: Send = () => {};
  #isWritable: (node: number) => boolean = () => true;
  #moving: Promise<void> = Promise.resolve();
  /** What the store takes in is on its way to the disk. */
  #placing: Promise<void> = Promise.resolve();
  #isSettled = false;
  /** Everything of every account is on this disk; looked at anew with every tick. */
  hasAll = false;

  constructor(options: CoreClusterOptions) {
    const { store, node, boot, clock, ring, epoch, isFounder, chance } = options;
    this.#options = options;
    this.#store = new CoreReplicaStore(store, node, (key) =>
      this.replica.horizon.closedOf(partitionOfKey(key)),
    );
    this.#takeovers = new Takeovers(node);
    this.replica = new Replica({
      self: { node, boot, incarnation: store.incarnation },
      store: this.#store,
      clock,
      ring,
      epoch,
      send: (to, message) => this.#send(to, message),
      isWritable: (to) => this.#isWritable(to),
      partitionOf: partitionOfKey,
      chance,
      mayServe: (partition) => this.#hasViews(partition),
      isBusy: (partition) => this.underWay.isBusy(partition),
      closedEveryMs,
      digestEveryMs,
      events: {
        serving: (version, terms) => this.#serving(version, terms),
        arrived: (_from, lane, entries) => this.#arrived(entries, lane === 'relayed'),
        stored: () => this.#announce(),
        horizonMoved: () => this.#reached(),
        wanted: () => this.interest.settled(),
        scanned: () => this.#settlePartitions(),
        epochOf: () => {},
        repaired: (partition, facts) => {
          options.log.warn({ partition, facts }, 'owners of a partition differed and were made equal');
          options.repaired(facts);
        },
        missed: () => {
          options.log.warn(
            {},
            'the log of another core does not go back far enough: what it would have brought is asked for',
          );
          options.missed();
        },
        ahead: (peer) =>
          options.log.warn({ node: peer }, 'the clock of a core is too far ahead: it gets no lease'),
      },
    });
    this.interest = new CoreInterest({
      node,
      replica: this.replica,
      authors: () => options.authors(),
      isHeld: (partition) => this.replica.scans.holds(partition),
      isKnown: ({ key, version }) => (store.reader.fact(key)?.version ?? noVersion) >= version,
    });
    // A start may come between a ring and what follows from it: that is seen to when all else is there.
    this.#place(ring);
    if (isFounder) this.replica.scans.founded();
    this.#timer = setInterval(() => this.#tick(), tickEveryMs);
  }

  /** To whom replication speaks; called once, before anybody is linked. */
  connect(send: Send, isWritable: (node: number) => boolean): void {
    this.#send = send;
    this.#isWritable = isWritable;
  }

  /** Alone, and serving everything: nothing needs to be asked before anything. */
  get isSole(): boolean {
    return this.isAlone && this.#served.size === partitionCount;
  }

  /** Nobody else owns anything: what is on this disk is all there is. */
  get isAlone(): boolean {
    return this.replica.ring.isAlone(this.#options.node);
  }

  linked(identity: PeerIdentity): void {
    this.#takeovers.linked(identity.node);
    this.replica.linked(identity);
  }

  unlinked(node: number): void {
    this.replica.unlinked(node);
    this.interest.settled();
  }

  /** Its bytes may be views of a frame that is gone when this returns. */
  receive(node: number, message: PeerMessage): void {
    if (message.kind === 'serving') this.#takeovers.heard(node, message);
    this.replica.receive(node, kept(message));
  }

  writable(): void {
    this.replica.writable();
  }

  adoptRing(ring: Ring, epoch: number): void {
    const isNews = epoch > this.replica.epoch;
    if (isNews) this.interest.settle(ring);
    // First of all: what comes of a partition that is owned must be taken in.
    if (isNews) this.#place(ring);
    this.replica.adoptRing(ring, epoch);
    this.#settlePartitions();
  }

  /** Alone: resolves when everything is served. Among others that may need them, so nobody waits. */
  async ready(): Promise<void> {
    while (this.isAlone && !this.isSole) await new Promise((resolve) => setTimeout(resolve, tickEveryMs / 5));
  }

  /** What this core says of itself to all others. */
  report(): { serving: number; held: number; unheld: number; clockOffsetMs: number } {
    const { unheld } = this.progress();
    const held = this.replica.ring.held(this.#options.node).length;
    return { serving: this.#served.size, held, unheld, clockOffsetMs: this.replica.clockOffsetMs };
  }

  /** Who serves what, as far as is known here. */
  servers(): { partition: number; node: number; term: number }[] {
    return Array.from({ length: partitionCount }, (_, partition) => partition).flatMap((partition) => {
      const node = this.replica.serverOf(partition);
      return node === null ? [] : [{ partition, node, term: this.term(partition) ?? 0 }];
    });
  }

  progress(): CoreProgress {
    return { epoch: this.replica.epoch, unheld: this.replica.unheld };
  }

  // What this core has written

  /** The entries of one transaction of the core's own are on its disk. */
  wrote(entries: Entry[], position: number): void {
    const last = entries.at(-1);
    if (this.isAlone && this.#unannounced.isEmpty && last !== undefined) {
      this.replica.stored.skipTo(position, last.version);
      this.#options.announce(entries, true);
      return;
    }
    this.#unannounced.wrote(entries, position);
    const first = position - entries.length + 1;
    this.replica.wrote(
      entries.map(({ key, version }, place) => {
        const partition = partitionOfKey(key);
        this.#lastOf[partition] = first + place;
        return { seq: first + place, version, partition };
      }),
    );
    this.#announce();
  }

  /** Entries that came from other cores are on the disk. */
  adopted(entries: Entry[]): void {
    const unannounced = this.#store.unannounced(entries);
    if (unannounced.length > 0) this.#options.announce(unannounced, false);
  }

  /** A message of entries is on the disk, as far as they are facts here. They are announced in its order, those that are not among them. */
  #arrived(copies: readonly Copy[], isRelayed: boolean): void {
    let run: Entry[] = [];
    let isFact = true;
    const tell = (): void => {
      if (run.length > 0) (isFact ? this.#announceOthers : this.#options.heard)(run);
      run = [];
    };
    for (const copy of copies) {
      const adopted = this.#store.arrived(copy);
      this.#meet(copy, adopted);
      if (adopted === null && !this.interest.hears(copy, isRelayed)) continue;
      if (isFact !== (adopted !== null)) tell();
      isFact = adopted !== null;
      run.push(adopted ?? entryOf(copy));
    }
    tell();
  }

  /** What came, and what it replaced; or what it could not replace. */
  #meet({ key, version, packed }: Copy, adopted: Entry | null): void {
    const { store, mayMeet, met } = this.#options;
    if (!mayMeet(key)) return;
    const other = adopted === null ? store.reader.fact(key) : adopted.before;
    if (other === null || other.version === version) return;
    met(key, { version, value: packed === null ? null : unpackWire(packed) }, other);
  }

  readonly #announceOthers = (entries: Entry[]): void => this.#options.announce(entries, false);

  #announce(): void {
    const { stored } = this.replica;
    for (const entries of this.#unannounced.take(stored)) this.#options.announce(entries, true);
    if (this.#unannounced.isEmpty) this.#reached();
  }

  #reached(): void {
    // Alone, each transaction says it itself.
    if (this.isAlone) return;
    this.#options.reached(this.replica.horizon.watermark());
  }

  /** Resolves when enough owners have the partitions' entries, up to a place of the own log: that of the last one on this disk. */
  stored(partitions: Iterable<number>, upTo: number | null = null): Promise<void> | null {
    const waits: Promise<void>[] = [];
    for (const partition of partitions) {
      const position = upTo ?? this.#lastOf[partition] ?? 0;
      if (this.replica.stored.isStored('own', position, partition)) continue;
      waits.push(this.#whenStored(position, partition));
    }
    return waits.length === 0 ? null : Promise.all(waits).then(() => {});
  }

  /** Or when the partition is served no more: nobody knows then whether it will ever be. */
  #whenStored(position: number, partition: number): Promise<void> {
    const known = this.#storing.get(partition);
    // Whoever reads meanwhile waits for the same.
    if (known?.position === position) return known.stored;
    const waiting = this.#waitingFor.get(partition) ?? new Set();
    this.#waitingFor.set(partition, waiting);
    const stored = new Promise<void>((resolve) => {
      const done = (): void => {
        waiting.delete(done);
        if (this.#storing.get(partition)?.position === position) this.#storing.delete(partition);
        resolve();
      };
      waiting.add(done);
      this.replica.stored.when('own', position, partition, done);
    });
    if (waiting.size > 0) this.#storing.set(partition, { position, stored });
    return stored;
  }

  // What this core serves

  isOpen(partition: number): boolean {
    return this.replica.server.isOpen(partition);
  }

  /** The term under which an answer may go out now. */
  term(partition: number): number | null {
    return this.replica.server.term(partition);
  }

  #serving(version: number, terms: readonly Term[]): void {
    const { server } = this.replica;
    // What takes no new requests is served until those that were begun are done.
    const served = new Set(terms.map(({ partition }) => partition));
    for (const partition of this.#served) if (server.isServing(partition)) served.add(partition);
    const lost = new Set([...this.#served].filter((partition) => !served.has(partition)));
    this.#served = served;
    if (lost.size > 0) this.#options.lost(lost);
    for (const partition of lost) for (const done of [...(this.#waitingFor.get(partition) ?? [])]) done();
    this.#options.taken(this.#takeovers.serving(terms));
    this.#options.serving(version, terms);
  }

  // What this core owns

  /** From now on the store takes in what the ring gives it, and nothing else. */
  #place(ring: Ring): void {
    const { store, node } = this.#options;
    const owns = (partition: number): boolean => ring.holds(node, partition);
    let differs = false;
    for (let partition = 0; partition < partitionCount; partition++)
      differs ||= store.partitions.owns(partition) !== owns(partition);
    if (!differs) return;
    this.#placing = store.partitions.place(owns);
    // Whoever settles what follows from it hears of a failure.
    this.#placing.catch(() => {});
  }

  /** Views of partitions that have come, and of those that are gone: in the background, one after the other. */
  #settlePartitions(): void {
    this.#isSettled = true;
    const { store, log } = this.#options;
    this.interest.settle();
    this.#moving = this.#moving
      .then(async () => {
        await this.#placing;
        const { stale, ungained } = store.partitions.unsettled();
        if (stale.length > 0) await store.partitions.drop(stale);
        if (ungained.length > 0) await store.partitions.gain(ungained);
      })
      .catch((error: unknown) => log.warn({ err: error }, 'partitions that came or went are seen to later'));
  }

  /** Everything of the account is on this disk: what it has written, and what is derived from it. */
  isHere(account: AccountId): boolean {
    return this.#isComplete(partitionOf(account));
  }

  /** The partitions of which everything is here, a bit each. */
  held(): Uint8Array {
    const complete = this.replica.ring.held(this.#options.node).filter((one) => this.#isComplete(one));
    return bitsOf(complete, partitionCount);
  }

  #isComplete(partition: number): boolean {
    const { ring, scans } = this.replica;
    return ring.holds(this.#options.node, partition) && scans.holds(partition) && this.#hasViews(partition);
  }

  #hasViews(partition: number): boolean {
    return this.#options.store.partitions.hasViews(partition);
  }

  #tick(): void {
    if (!this.#isSettled) this.#settlePartitions();
    this.replica.tick();
    // Who is away for longer than the log goes back scans.
    this.#options.store.trimFloor = this.replica.settledUpTo();
    let hasAll = true;
    for (let partition = 0; partition < partitionCount && hasAll; partition++)
      hasAll = this.#isComplete(partition);
    // Alone there is nobody to ask.
    this.hasAll = hasAll || this.isAlone;
  }

  /** Up to where all that was announced before this start is done. */
  get start(): Version {
    return this.isAlone ? this.#options.store.version : this.replica.horizon.watermark();
  }

  /**
   * Gives its partitions back, as far as that can be done within `withinMs`. `backWithinMs`: for another process on this store, which takes its
   * place within so long; this one serves until no other core is away in the same way, and until others serve what they can.
   */
  async handOver(withinMs: number, backWithinMs: number | null = null): Promise<void> {
    if (this.isAlone) return;
    const { server } = this.replica;
    if (backWithinMs === null) this.replica.close();
    else this.replica.leave(backWithinMs);
    while (!server.isClosing) await new Promise((resolve) => setTimeout(resolve, tickEveryMs));
    const endMs = performance.now() + withinMs;
    while (performance.now() < endMs && [...this.#served].some((partition) => server.isServing(partition)))
      await new Promise((resolve) => setTimeout(resolve, tickEveryMs));
  }

  close(): void {
    clearInterval(this.#timer);
    this.#store.close();
  }
}

/** The message with bytes of its own where they are kept. */
function kept(message: PeerMessage): PeerMessage {
  switch (message.kind) {
    case 'entries':
    case 'pulled':
    case 'give':
      return { ...message, entries: message.entries.map(withOwnBytes) };
    case 'scanned':
    case 'repair':
      return { ...message, facts: message.facts.map(withOwnBytes) };
    case 'follow':
      return { ...message, partitions: message.partitions.slice() };
    default:
      return message;
  }
}

function withOwnBytes<T extends { packed: Uint8Array | null }>(one: T): T {
  return { ...one, packed: one.packed?.slice() ?? null };
}

/** Of something that is not here nobody knows what was before it. */
function entryOf({ key, version, packed, live }: Copy): Entry {
  return { key, version, value: packed === null ? null : unpackWire(packed), before: null, live };
}

/** All keys of one account are of one partition. */
export function partitionsOf(keys: Iterable<Key>): Set<number> {
  const partitions = new Set<number>();
  for (const key of keys) partitions.add(partitionOfKey(key));
  return partitions;
}
