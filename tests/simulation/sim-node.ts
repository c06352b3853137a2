// A node of the simulation: a disk, clocks and, while it runs, a process: the product's replica, and a small product on it.
import type { Copy, PeerMessage, Term } from '../../cluster/peer-messages.ts';
import { Replica } from '../../cluster/replica.ts';
import type { PeerIdentity } from '../../cluster/replica-ports.ts';
import { Ring } from '../../cluster/ring.ts';
import type { Key } from '../../runtime/key.ts';
import { accountAt } from '../../runtime/key.ts';
import type { Version } from '../../runtime/version.ts';
import { Disk, type Image, newLife } from './disk.ts';
import {
  type Ask,
  authorOf,
  decodeValue,
  encodeValue,
  type Facts,
  isPost,
  type Reply,
  type SimSession,
} from './requests.ts';
import type { World } from './world.ts';

export interface SimManifest {
  epoch: number;
  cores: number[];
  next: number[] | null;
}

export interface SimNodeOptions {
  node: number;
  world: World;
  image: Image;
  partitions: number;
  closedEveryMs: number;
  /** Written into a wiped disk, too: it is in the node's settings. */
  manifest: SimManifest;
  /** What a process says to gateways and checkers. */
  serving(node: number, terms: readonly Term[]): void;
  pushed(
    session: SimSession,
    entry: { key: Key; version: Version; removed: boolean } | null,
    cursor: Version,
  ): void;
  identityOf(node: number): PeerIdentity;
  /** Reads an account where it is served. Tries until it can; not for a process that has ended. */
  read(from: Process, wanted: number, account: number, done: (facts: Facts) => void): void;
  /** A message of the world's own: the manifest. */
  gossip(from: number, to: number, manifest: SimManifest): void;
}

export const tickEveryMs = 100;

export class SimNode {
  readonly node: number;
  image: Image;
  manifest: SimManifest;
  wallOffsetMs = 0;
  process: Process | null = null;
  readonly #options: SimNodeOptions;
  #boots = 0;

  constructor(options: SimNodeOptions) {
    this.#options = options;
    this.node = options.node;
    this.image = options.image;
    this.manifest = options.manifest;
  }

  get isRunning(): boolean {
    return this.process !== null && !this.process.isPaused;
  }

  linked(peer: number): void {
    this.process?.linked(peer);
  }

  unlinked(peer: number): void {
    this.process?.unlinked(peer);
  }

  receive(from: number, message: PeerMessage): void {
    this.process?.receive(from, message);
  }

  start(): void {
    if (this.process !== null) return;
    this.#boots++;
    this.#options.world.note(
      `node ${this.node} starts (boot ${this.#boots}, life ${this.image.incarnation})`,
    );
    this.process = new Process(this, this.#options, `${this.node}.${this.#boots}`);
  }

  crash(): void {
    if (this.process === null) return;
    this.process.isDead = true;
    this.process = null;
    this.#options.world.ended(this.node);
  }

  /** The disk is another one: what was on it is gone, or as old as a backup. */
  replaceDisk(image: Image, incarnation: number): void {
    this.crash();
    this.image = image;
    newLife(image, incarnation);
  }
}

export class Process {
  isDead = false;
  isPaused = false;
  isFull = false;
  fsyncMs = 2;
  readonly disk: Disk;
  readonly replica: Replica;
  readonly boot: string;
  readonly sessions: SimSession[] = [];
  readonly #node: SimNode;
  readonly #options: SimNodeOptions;
  readonly #inbox: (() => void)[] = [];
  readonly #wallAtBootMs: number;
  readonly #startedMs: number;

  constructor(node: SimNode, options: SimNodeOptions, boot: string) {
    this.#node = node;
    this.#options = options;
    this.boot = boot;
    const { world, partitions } = options;
    this.#wallAtBootMs = world.nowMs + node.wallOffsetMs + 1_000_000;
    this.#startedMs = world.nowMs;
    this.disk = new Disk({
      node: node.node,
      image: node.image,
      fsync: (done) => world.events.after(this.#fsyncMs(), () => this.#do(done)),
      partitionOf: (key) => this.partitionOf(key),
      addressed: (packed) => decodeValue(packed).to,
    });
    this.replica = new Replica({
      self: { node: node.node, boot, incarnation: this.disk.incarnation },
      store: this.disk,
      // A process looks at the wall once: if that jumps later, it does not.
      clock: { monoMs: () => world.nowMs, wallMs: () => this.#wallNowMs() },
      ring: ringOf(node.manifest, partitions),
      epoch: node.manifest.epoch,
      send: (to, message) => {
        if (!this.isDead) world.send(node.node, to, message);
      },
      isWritable: () => true,
      partitionOf: (key) => this.partitionOf(key),
      chance: () => world.random.fraction(),
      closedEveryMs: options.closedEveryMs,
      digestEveryMs: 700,
      events: {
        serving: (_version, terms) => {
          if (this.isDead) return;
          world.note(
            `node ${node.node} serves ${terms.map(({ partition, term }) => `${partition}@${term - 1_000_000}`).join(' ') || 'nothing'}`,
          );
          options.serving(node.node, terms);
        },
        arrived: (_from, _lane, entries) => this.#arrived(entries),
        stored: () => {},
        horizonMoved: () => {},
        wanted: () => this.#wanted(),
        scanned: () => {},
        epochOf: (peer, epoch) => {
          if (epoch < this.replica.epoch) options.gossip(node.node, peer, node.manifest);
        },
        repaired: () => {},
        ahead: () => {},
      },
    });
    this.#tick();
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

  /** Runs now, or when the process goes on; never after its end. */
  #do(act: () => void): void {
    if (this.isDead) return;
    if (this.isPaused) this.#inbox.push(act);
    else act();
  }

  resume(): void {
    this.isPaused = false;
    this.#options.world.excuse(this.#node.node);
    for (const act of this.#inbox.splice(0)) this.#do(act);
  }

  #tick(): void {
    this.#options.world.events.after(tickEveryMs, () => {
      if (this.isDead) return;
      this.#do(() => {
        this.#options.world.tend(this.#node.node);
        this.replica.tick();
        this.#pushCursors();
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
      if (manifest.epoch <= this.#node.manifest.epoch) return;
      this.disk.keep([['manifest', manifest.epoch]], () => {
        if (manifest.epoch <= this.#node.manifest.epoch) return;
        this.#node.manifest = manifest;
        const ring = ringOf(manifest, this.#options.partitions);
        this.replica.adoptRing(ring, manifest.epoch);
        const holds = (partition: number): boolean => ring.holds(this.#node.node, partition);
        this.disk.drop((key, { to }) => holds(this.partitionOf(key)) || to.some(holds));
      });
    });
  }

  // The small product

  /** Null: nobody answers. */
  ask(ask: Ask, reply: (reply: Reply) => void): void {
    this.#do(() => this.#handle(ask, reply));
  }

  #handle(ask: Ask, reply: (reply: Reply) => void): void {
    const { replica, disk } = this;
    const partition = ask.account % this.#options.partitions;
    if (!replica.server.isOpen(partition)) return reply({ kind: 'moved' });
    const term = replica.server.term(partition);
    const answer = (said: Reply): void => {
      if (this.isDead || this.#term(partition) !== term) return;
      reply(said);
    };
    switch (ask.kind) {
      case 'read': {
        const facts = new Map<Key, { version: Version; isThere: boolean }>();
        for (const [key, fact] of disk.facts()) {
          if (accountAt(key) === ask.account)
            facts.set(key, { version: fact.version, isThere: fact.packed !== null });
        }
        const said: Reply = { kind: 'read', facts, node: this.#node.node, term: term ?? 0 };
        return this.#barrier(partition, disk.head('own'), () => answer(said));
      }
      case 'claim': {
        const known = disk.latest(ask.key);
        if (known !== undefined) {
          return this.#barrier(partition, disk.head('own') + disk.inFlight, () => answer({ kind: 'taken' }));
        }
        return this.#write(ask, partition, answer);
      }
      case 'write':
        return this.#write(ask, partition, answer);
    }
  }

  #term(partition: number): number | null {
    return this.replica.server.term(partition);
  }

  /** What is read may be on this disk alone: nobody sees it before it is stored. */
  #barrier(partition: number, seq: number, done: () => void): void {
    this.replica.stored.when('own', seq, partition, done);
  }

  #write(
    ask: Extract<Ask, { kind: 'write' | 'claim' }>,
    partition: number,
    answer: (reply: Reply) => void,
  ): void {
    if (this.isFull && (ask.kind === 'claim' || ask.value !== null)) return answer({ kind: 'full' });
    const packed = ask.value === null ? null : encodeValue(ask.value);
    const before = this.disk.latest(ask.key);
    const to = [...new Set([...(ask.value?.to ?? []), ...(before?.to ?? [])])].filter(
      (one) => one !== partition,
    );
    const nowMs = this.#wallNowMs();
    this.disk.submit(nowMs, [{ key: ask.key, packed, to }], ([written]) => {
      if (written === undefined) return;
      const { seq, version } = written;
      this.replica.wrote([{ seq, version, partition }]);
      const done = (): void => {
        this.#push({ key: ask.key, version, removed: packed === null });
        answer({ kind: 'written', version });
      };
      this.replica.stored.when('own', seq, partition, done);
    });
  }

  #wallNowMs(): number {
    return Math.floor(this.#wallAtBootMs + this.#options.world.nowMs - this.#startedMs);
  }

  // Sessions

  attach(session: SimSession): void {
    this.#do(() => {
      this.sessions.push(session);
      session.waitsFor = this.replica.want(session.followees, []);
      this.#wanted();
    });
  }

  #wanted(): void {
    if (this.isDead || this.replica === undefined) return;
    const through = this.replica.wantedThrough();
    for (const session of this.sessions) if (session.waitsFor <= through) this.#gather(session);
  }

  /** What was written before the lanes carried it: read where it is served. */
  #gather(session: SimSession): void {
    if (session.isGathered) return;
    session.isGathered = true;
    const { attachment } = session;
    let waiting = session.followees.length;
    const missed: [Key, { version: Version; isThere: boolean }][] = [];
    for (const followee of session.followees) {
      this.#options.read(this, session.waitsFor, followee, (facts) => {
        missed.push(...[...facts].filter(([key, { version }]) => isPost(key) && version > session.cursor));
        waiting--;
        // It may have gone and come back meanwhile.
        if (waiting > 0 || !this.sessions.includes(session) || session.attachment !== attachment) return;
        for (const [key, { version, isThere }] of missed)
          this.#give(session, { key, version, removed: !isThere }, session.cursor);
        session.isLive = true;
        for (const { entry } of session.held.splice(0)) this.#give(session, entry, session.cursor);
      });
    }
  }

  #arrived(entries: readonly Copy[]): void {
    for (const { key, version, packed } of entries) this.#push({ key, version, removed: packed === null });
  }

  #push(entry: { key: Key; version: Version; removed: boolean }): void {
    const author = authorOf(entry.key);
    for (const session of this.sessions) {
      if (!session.followees.includes(author)) continue;
      if (session.isLive) this.#give(session, entry, this.#cursor());
      else session.held.push({ entry });
    }
  }

  #cursor(): Version {
    return this.replica.horizon.watermark();
  }

  #give(session: SimSession, entry: { key: Key; version: Version; removed: boolean }, cursor: Version): void {
    if (cursor > session.cursor) session.cursor = cursor;
    this.#options.pushed(session, entry, session.cursor);
  }

  #pushCursors(): void {
    const cursor = this.#cursor();
    for (const session of this.sessions) {
      if (!session.isLive || cursor <= session.cursor) continue;
      if (this.replica.server.term(session.account % this.#options.partitions) === null) continue;
      session.cursor = cursor;
      this.#options.pushed(session, null, cursor);
    }
  }
}

export function ringOf({ cores, next }: SimManifest, partitions: number): Ring {
  const core = (node: number) => ({ node, machine: `m${node}`, weight: 1 });
  return new Ring(cores.map(core), next === null ? null : next.map(core), partitions);
}
