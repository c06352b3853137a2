// A process of a simulated node: the product's replica on a simulated disk, and a small product on that. It may stand still, or end.
import type { PeerMessage, Term } from '../../cluster/peer-messages.ts';
import { Replica } from '../../cluster/replica.ts';
import type { ReplicaEvents } from '../../cluster/replica-options.ts';
import type { PeerIdentity } from '../../cluster/replica-ports.ts';
import { accountAt, type Key } from '../../runtime/key.ts';
import type { Version } from '../../runtime/version.ts';
import { Disk, type Image } from './disk.ts';
import { type Ask, decodeValue, type Facts, type Reply, type SimSession } from './requests.ts';
import { Live, type LiveEntry } from './sim-live.ts';
import { ringOf, type SimManifest } from './sim-manifest.ts';
import { Product } from './sim-product.ts';
import type { World } from './world.ts';

/** What a right clock shows when the simulation begins. */
export const wallZeroMs = 1_000_000;

/** The node that it runs on. */
export interface ProcessHost {
  readonly node: number;
  readonly image: Image;
  readonly wallOffsetMs: number;
  manifest: SimManifest;
}

export interface ProcessOptions {
  world: World;
  partitions: number;
  closedEveryMs: number;
  digestEveryMs: number;
  /** How long an fsync takes at most, usually. */
  fsyncMs: number;
  /** What a process says to gateways and checkers. */
  serving(node: number, terms: readonly Term[]): void;
  pushed(session: SimSession, entry: LiveEntry | null, cursor: Version): void;
  committed(key: Key, version: Version): void;
  identityOf(node: number): PeerIdentity;
  /** Reads an account where it is served. Tries until it can; not for a process that has ended. */
  read(from: Process, wanted: number, account: number, done: (facts: Facts) => void): void;
  /** A message of the world's own: the manifest. */
  gossip(from: number, to: number, manifest: SimManifest): void;
}

const tickEveryMs = 100;

export class Process {
  isDead = false;
  isPaused = false;
  /** Its disk takes no more writes. */
  isFull = false;
  /** How long an fsync takes at most, usually. */
  fsyncMs: number;
  readonly disk: Disk;
  readonly replica: Replica;
  readonly boot: string;
  readonly #host: ProcessHost;
  readonly #options: ProcessOptions;
  readonly #live: Live;
  readonly #product: Product;
  readonly #inbox: (() => void)[] = [];
  readonly #wallAtBootMs: number;
  readonly #startedMs: number;

  constructor(host: ProcessHost, options: ProcessOptions, boot: string) {
    this.#host = host;
    this.#options = options;
    this.boot = boot;
    this.fsyncMs = options.fsyncMs;
    const { world, partitions, pushed, read } = options;
    const { node } = host;
    this.#wallAtBootMs = world.nowMs + host.wallOffsetMs + wallZeroMs;
    this.#startedMs = world.nowMs;
    this.disk = new Disk({
      node,
      image: host.image,
      fsync: (done) => world.events.after(this.#fsyncMs(), () => this.#do(done)),
      partitionOf: (key) => this.partitionOf(key),
      addressed: (packed) => decodeValue(packed).to,
      closedOf: (key) => this.replica.horizon.closedOf(this.partitionOf(key)),
    });
    this.replica = this.#makeReplica();
    this.#live = new Live({
      replica: this.replica,
      partitions,
      pushed,
      read: (wanted, account, done) => read(this, wanted, account, done),
    });
    this.#product = new Product({
      node,
      partitions,
      disk: this.disk,
      replica: this.replica,
      wallMs: () => this.#wallNowMs(),
      isFull: () => this.isFull,
      isDead: () => this.isDead,
      written: (entry) => this.#live.push(entry),
    });
    this.#tick();
  }

  #makeReplica(): Replica {
    const { world, partitions, closedEveryMs, digestEveryMs } = this.#options;
    const { node, manifest } = this.#host;
    return new Replica({
      self: { node, boot: this.boot, incarnation: this.disk.incarnation },
      store: this.disk,
      // A process looks at the wall once: if that jumps later, it does not.
      clock: { monoMs: () => world.nowMs, wallMs: () => this.#wallNowMs() },
      ring: ringOf(manifest, partitions),
      epoch: manifest.epoch,
      send: (to, message) => {
        if (!this.isDead) world.send(node, to, message);
      },
      isWritable: () => true,
      partitionOf: (key) => this.partitionOf(key),
      chance: () => world.random.fraction(),
      closedEveryMs,
      digestEveryMs,
      events: this.#events(),
    });
  }

  #events(): ReplicaEvents {
    const { world, serving, committed, gossip } = this.#options;
    const { node } = this.#host;
    return {
      serving: (_version, terms) => {
        if (this.isDead) return;
        const said = terms.map(({ partition, term }) => `${partition}@${term - 1_000_000}`).join(' ');
        world.note(`node ${node} serves ${said || 'nothing'}`);
        serving(node, terms);
      },
      arrived: (_from, lane, entries) => {
        if (lane === 'committed' || lane === 'relayed')
          for (const { key, version } of entries) committed(key, version);
        this.#live.arrived(entries);
      },
      stored: () => {},
      horizonMoved: () => {},
      wanted: () => {
        if (!this.isDead) this.#live.wanted();
      },
      missed: () => this.#live.missed(),
      scanned: () => {},
      epochOf: (peer, epoch) => {
        if (epoch < this.replica.epoch) gossip(node, peer, this.#host.manifest);
      },
      repaired: () => {},
      ahead: () => {},
    };
  }

  partitionOf(key: Key): number {
    return accountAt(key) % this.#options.partitions;
  }

  #fsyncMs(): number {
    const { world } = this.#options;
    return world.random.chance(0.01)
      ? world.random.between(20, 200)
      : world.random.between(0.3, this.fsyncMs);
  }

  #wallNowMs(): number {
    return Math.floor(this.#wallAtBootMs + this.#options.world.nowMs - this.#startedMs);
  }

  /** Runs now, or when the process goes on; never after its end. */
  #do(act: () => void): void {
    if (this.isDead) return;
    if (this.isPaused) this.#inbox.push(act);
    else act();
  }

  resume(): void {
    this.isPaused = false;
    this.#options.world.excuse(this.#host.node);
    for (const act of this.#inbox.splice(0)) this.#do(act);
  }

  #tick(): void {
    this.#options.world.events.after(tickEveryMs, () => {
      if (this.isDead) return;
      this.#do(() => {
        this.#options.world.tend(this.#host.node);
        this.replica.tick();
        this.#live.pushCursors();
      });
      this.#tick();
    });
  }

  linked(peer: number): void {
    const identity = this.#options.identityOf(peer);
    this.#do(() => this.replica.linked(identity));
  }

  unlinked(peer: number): void {
    this.#do(() => this.replica.unlinked(peer));
  }

  receive(from: number, message: PeerMessage): void {
    this.#do(() => this.replica.receive(from, message));
  }

  /** A later manifest: on disk before it counts. */
  adopt(manifest: SimManifest): void {
    this.#do(() => {
      if (manifest.epoch <= this.#host.manifest.epoch) return;
      this.disk.keep([['manifest', manifest.epoch]], () => {
        if (manifest.epoch <= this.#host.manifest.epoch) return;
        this.#host.manifest = manifest;
        const ring = ringOf(manifest, this.#options.partitions);
        this.replica.adoptRing(ring, manifest.epoch);
        const holds = (partition: number): boolean => ring.holds(this.#host.node, partition);
        this.disk.drop((key, { to }) => holds(this.partitionOf(key)) || to.some(holds));
      });
    });
  }

  /** As the product does from time to time: who is linked is waited for, and `floor` is how far those are who are not. */
  trim(floor: { own: number; relay: number }, most: number): void {
    const { own, relay } = this.replica.settledUpTo();
    this.disk.trim({ own: Math.min(own, floor.own), relay: Math.min(relay, floor.relay) }, most);
  }

  /** Its disk is as it was when it started. */
  mendDisk(): void {
    this.isFull = false;
    this.fsyncMs = this.#options.fsyncMs;
  }

  /** A client's request. When the process ends before it answers, nobody does. */
  ask(ask: Ask, reply: (reply: Reply) => void): void {
    this.#do(() => this.#product.ask(ask, reply));
  }

  attach(session: SimSession): void {
    this.#do(() => this.#live.attach(session));
  }

  detach(session: SimSession): void {
    this.#live.detach(session);
  }
}
