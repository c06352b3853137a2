// A core as one of many: terms, lanes, scans and the watermark of one node, put together. Pure but for its ports: the simulation runs this file.
import type { Key } from '../runtime/key.ts';
import { bytesOfLatin1, latin1OfBytes } from '../runtime/status-id.ts';
import { makeVersion, type Version } from '../runtime/version.ts';
import {
  type Copy,
  type Lane,
  type PeerMessage,
  type Position,
  relayBit,
  relayOf,
  type Term,
} from './peer-messages.ts';
import { Feeds } from './replica-feeds.ts';
import { Grants } from './replica-grants.ts';
import { Horizon } from './replica-horizon.ts';
import { Intake } from './replica-intake.ts';
import { Leases } from './replica-leases.ts';
import type { PeerIdentity, ReplicaClock, ReplicaStore, Send } from './replica-ports.ts';
import { Repair } from './replica-repair.ts';
import { Scans } from './replica-scans.ts';
import { Server } from './replica-server.ts';
import { type Orphan, Stored, type Written } from './replica-stored.ts';
import type { Ring } from './ring.ts';

export interface ReplicaEvents {
  /** What this node serves has changed: gateways are to know. */
  serving(version: number, terms: readonly Term[]): void;
  /** Entries of others, on the disk if they are facts here, in the order in which they were sent. */
  arrived(from: number, lane: Lane | 'pulled', entries: readonly Copy[]): void;
  /** More of the own log is stored by enough owners, or passed over. */
  stored(): void;
  /** The watermark may have moved. */
  horizonMoved(): void;
  /** `wantedThrough` may have moved. */
  wanted(): void;
  /** Partitions owned and not there yet. */
  scanned(facts: number, missing: number): void;
  /** A peer knows an older ring, or a newer one. */
  epochOf(node: number, epoch: number): void;
  repaired(partition: number, facts: number): void;
  /** A peer's clock is too far ahead. */
  ahead(node: number): void;
}

export interface ReplicaOptions {
  self: PeerIdentity;
  store: ReplicaStore;
  clock: ReplicaClock;
  ring: Ring;
  epoch: number;
  send: Send;
  isWritable(node: number): boolean;
  partitionOf(key: Key): number;
  chance(): number;
  events: ReplicaEvents;
  /** How often a server says up to where its partitions are closed: how far the watermark is behind, at least. */
  closedEveryMs: number;
  digestEveryMs: number;
}

interface Peer {
  /** What it serves, as it said itself, by link: for claims. */
  serving: { version: number; terms: ReadonlyMap<number, number> };
  /** The version of the list of authors sent last, when, and the one it has said it has. */
  wantVersion: number;
  wantSentMs: number;
  wantConfirmed: number;
  pingedMs: number;
  /** What it has said of the end of its log, until all of that is here. */
  statement: Extract<PeerMessage, { kind: 'closed' }> | null;
  /** Versions of its list of terms for which copies of an absent origin's log were asked of it, and have come. */
  pulling: Map<number, number>;
  pulled: Map<number, number>;
  /** Partitions it owns and has not got. */
  unheld: number;
  epoch: number;
}

/** Copies of an absent origin's log asked of somebody. */
interface Copies {
  from: number;
  position: Position;
  version: number;
  sentMs: number;
}

export const pingEveryMs = 500;
const readAtOnce = 512;
const orphansName = 'orphans';
const wantPatienceMs = 2000;
const pullPatienceMs = 4000;
const farSeq = Number.MAX_SAFE_INTEGER;

export class Replica {
  readonly server: Server;
  readonly stored: Stored;
  readonly scans: Scans;
  readonly leases: Leases;
  readonly horizon: Horizon;
  readonly #options: ReplicaOptions;
  readonly #grants: Grants;
  readonly #feeds: Feeds;
  readonly #intake: Intake;
  readonly #repair: Repair;
  readonly #peers = new Map<number, Peer>();
  readonly #copies = new Map<number, Copies>();
  readonly #wanted = new Set<number>();
  /** Of the list of wanted authors, from 1. */
  #wantVersion = 1;
  #ring: Ring;
  #epoch: number;
  #servingVersion = 0;
  #hasChanged = false;
  #closedMs = Number.NEGATIVE_INFINITY;
  #lastId = relayBit;
  #closed: Version;

  constructor(options: ReplicaOptions) {
    const { self, store, clock, send, partitionOf, chance, events, isWritable } = options;
    this.#options = options;
    this.#ring = options.ring;
    this.#epoch = options.epoch;
    this.#closed = store.clock;
    this.#relayed = store.head('relay');
    const ring = (): Ring => this.#ring;
    this.leases = new Leases(clock, () => this.#isNewLife);
    const { leases } = this;
    this.stored = new Stored({
      self: self.node,
      ring,
      own: store.head('own'),
      relay: store.head('relay'),
      version: store.clock,
      moved: () => {
        this.#feeds.pump();
        events.stored();
      },
      late: (log, seq, done) => this.#relayAgain(log, seq, done),
      keep: (orphans, done) => store.keep([[orphansName, keptOrphans(orphans)]], done),
      orphans: orphansOf(store.kept(orphansName)),
    });
    const { stored } = this;
    this.#feeds = new Feeds({ self: self.node, store, stored, send, isWritable, partitionOf });
    this.#intake = new Intake({
      self: self.node,
      store,
      clock,
      ring,
      send,
      partitionOf,
      hasData: () => !this.scans.isEmpty,
      wantOf: (node) => this.#peers.get(node)?.wantVersion ?? 0,
      arrived: (from, lane, entries) => {
        if (entries.length > 0) events.arrived(from, lane, entries);
      },
      moved: (from) => this.#state(from),
      trimmed: (from) => this.#trimmed(from),
    });
    const intake = this.#intake;
    const serverOf = (partition: number): number | null => this.serverOf(partition);
    const holds = (partition: number): boolean => this.scans.holds(partition);
    this.#grants = new Grants({
      store,
      partitions: options.ring.partitions,
      self: self.node,
      serves: (partition) => this.server.serves(partition),
      isReady: () => this.leases.isReady,
      ask: (holder, terms) => {
        if (leases.isLinked(holder)) send(holder, { kind: 'using', terms: [...terms] });
      },
      isOver: (holder) => leases.isOver(holder),
    });
    const grants = this.#grants;
    this.server = new Server({
      self,
      store,
      clock,
      ring,
      leases,
      grants,
      intake,
      stored,
      send,
      partitionOf,
      holds,
      serverOf,
      changed: () => {
        this.#hasChanged = true;
      },
      chance,
    });
    this.scans = new Scans({
      self,
      store,
      clock,
      ring,
      intake,
      grants,
      send,
      serverOf,
      termsOf: (node) => this.#peers.get(node)?.serving.terms ?? new Map(),
      identity: (node) => leases.identity(node),
      progressed: (facts) => events.scanned(facts, this.scans.missing().length),
      held: () => events.scanned(0, this.scans.missing().length),
    });
    this.scans.found();
    this.#repair = new Repair({
      self: self.node,
      store,
      clock,
      ring,
      send,
      serves: (partition) => this.server.isOpen(partition),
      holds,
      isLinked: (node) => leases.isLinked(node),
      everyMs: options.digestEveryMs,
      repaired: (partition, facts) => events.repaired(partition, facts),
    });
    this.horizon = new Horizon({
      partitions: options.ring.partitions,
      mayFollow: (change) => this.#mayFollow(change),
    });
  }

  get epoch(): number {
    return this.#epoch;
  }

  get ring(): Ring {
    return this.#ring;
  }

  // Links

  linked(identity: PeerIdentity): void {
    const { node } = identity;
    this.leases.linked(identity);
    this.#peers.set(node, {
      serving: { version: 0, terms: new Map() },
      wantVersion: 0,
      wantSentMs: 0,
      wantConfirmed: 0,
      pingedMs: Number.NEGATIVE_INFINITY,
      statement: null,
      pulling: new Map(),
      pulled: new Map(),
      unheld: 0,
      epoch: 0,
    });
    this.#feeds.linked(node);
    // Before the lane that carries them begins.
    this.#wantAll(node);
    this.#intake.linked(node);
    this.#ping(node);
  }

  unlinked(node: number): void {
    this.leases.unlinked(node);
    this.#peers.delete(node);
    this.#feeds.unlinked(node);
    this.#intake.unlinked(node);
    this.scans.unlinked(node);
    this.horizon.forget(node);
    for (const [id, copies] of this.#copies) if (copies.from === node) this.#copies.delete(id);
    this.#options.events.wanted();
  }

  /** The link takes more again. */
  writable(): void {
    this.#feeds.pump();
  }

  receive(node: number, message: PeerMessage): void {
    const peer = this.#peers.get(node);
    if (peer === undefined) return;
    this.#take(node, peer, message);
    this.#tell();
  }

  #take(node: number, peer: Peer, message: PeerMessage): void {
    switch (message.kind) {
      case 'ping':
        return this.#pinged(node, peer, message);
      case 'pong': {
        this.#observe(node, message.clock);
        this.#options.events.epochOf(node, message.epoch);
        if (this.leases.ponged(node, message) === 'lapsed') this.server.lapsed(node);
        return;
      }
      case 'claim':
        return this.#claimed(node, message);
      case 'granted':
        return this.server.granted(node, message);
      case 'release': {
        const identity = this.leases.identity(node);
        if (identity === null) return;
        for (const { partition, term } of message.terms) this.#grants.release(partition, term, identity);
        return;
      }
      case 'using':
        return this.server.using(node, message.terms);
      case 'yield':
        return this.server.yielded(node, message.partitions);
      case 'serving':
        if (message.version >= peer.serving.version)
          peer.serving = {
            version: message.version,
            terms: new Map(message.terms.map(({ partition, term }) => [partition, term])),
          };
        return;
      case 'follow':
        return this.#feeds.follow(node, message);
      case 'followed':
        return this.#intake.followed(node, message);
      case 'entries':
        return this.#intake.entries(node, message);
      case 'trimmed':
        return this.#intake.trimmed(node, message);
      case 'stored':
        return this.#feeds.stored(node, message);
      case 'closed':
        return this.#closedAt(node, peer, message);
      case 'want':
        return this.#feeds.want(node, message);
      case 'wanted':
        peer.wantConfirmed = Math.max(peer.wantConfirmed, message.version);
        return this.#options.events.wanted();
      case 'pull':
        return this.#pulledBy(node, message);
      case 'pulled':
        return this.#pulled(node, message);
      case 'give':
        this.#options.store.adopt({ copies: message.entries, from: { kind: 'relay' }, positions: [] }, () => {
          this.#wroteRelay();
          this.#options.events.arrived(node, 'pulled', message.entries);
          this.#options.send(node, { kind: 'given', id: message.id });
        });
        return;
      case 'given':
        return this.server.given(message.id);
      case 'scan':
        return this.#scannedBy(node, message);
      case 'scanned':
        if (!this.server.scanned(node, message, () => this.#wroteRelay())) this.scans.scanned(node, message);
        return;
      case 'unscanned':
        this.server.unscanned(message.id);
        return this.scans.unscanned(message.id);
      case 'digest':
        return this.#repair.digest(node, message);
      case 'compare':
        return this.#repair.compare(node, message);
      case 'compared':
        return this.#repair.compared(node, message);
      case 'repair':
        return this.#repair.repair(node, message);
    }
  }

  // Time

  /** To be called every 50 to 100 ms. */
  tick(): void {
    const nowMs = this.#options.clock.monoMs();
    for (const [node, peer] of this.#peers) {
      if (nowMs - peer.pingedMs >= pingEveryMs) this.#ping(node);
      if (peer.wantConfirmed < peer.wantVersion && nowMs - peer.wantSentMs > wantPatienceMs)
        this.#wantAll(node);
    }
    this.scans.found();
    this.server.tick();
    this.#intake.tick();
    this.scans.tick();
    this.#repair.tick();
    this.#askAgain();
    if (nowMs - this.#closedMs >= this.#options.closedEveryMs) this.#sayClosed();
    this.#feeds.pump();
    for (const node of this.#peers.keys()) this.#state(node);
    this.#tell();
  }

  #ping(node: number): void {
    const { clock, store, send } = this.#options;
    const peer = this.#peers.get(node);
    if (peer === undefined) return;
    peer.pingedMs = clock.monoMs();
    const { id, confirmed } = this.leases.ping(node);
    const unheld = this.scans.missing().length;
    const about = { wallMs: clock.wallMs(), clock: store.clock, epoch: this.#epoch, unheld };
    send(node, { kind: 'ping', id, confirmed, ...about });
    this.#say(node);
  }

  #pinged(node: number, peer: Peer, ping: Extract<PeerMessage, { kind: 'ping' }>): void {
    const { clock, store, send, events } = this.#options;
    peer.unheld = ping.unheld;
    peer.epoch = ping.epoch;
    events.epochOf(node, ping.epoch);
    // Who does not know that the ring changes must not go on as if it did not.
    const isCurrent = ping.epoch >= this.#epoch;
    const { leased } = this.leases.pinged(node, ping, isCurrent);
    if (this.leases.isAhead(node)) events.ahead(node);
    else this.#observe(node, ping.clock);
    send(node, {
      kind: 'pong',
      id: ping.id,
      leased,
      wallMs: clock.wallMs(),
      clock: store.clock,
      epoch: this.#epoch,
    });
  }

  #observe(node: number, version: Version): void {
    if (!this.leases.isAhead(node)) this.#options.store.observe(version);
  }

  // Terms

  #claimed(node: number, message: Extract<PeerMessage, { kind: 'claim' }>): void {
    const identity = this.leases.identity(node);
    if (identity === null) return;
    const { store, send } = this.#options;
    this.#grants.consider(identity, message.terms, (granted, refused) => {
      if (!this.#peers.has(node)) return;
      send(node, {
        kind: 'granted',
        id: message.id,
        granted,
        refused,
        held: granted.filter((partition) => this.scans.holds(partition)),
        have: [...this.#heads().map((head) => ({ ...head, from: 0 })), ...this.#intake.have()],
        clock: store.clock,
      });
    });
  }

  #heads(): Position[] {
    const { self, store } = this.#options;
    const { incarnation } = store;
    return [
      { origin: self.node, incarnation, seq: store.head('own') },
      { origin: relayOf(self.node), incarnation, seq: store.head('relay') },
    ];
  }

  /** Who serves it, as far as is known: this node, or one that is linked. */
  serverOf(partition: number): number | null {
    if (this.server.isOpen(partition)) return this.#options.self.node;
    let best: { node: number; term: number } | null = null;
    for (const [node, { serving }] of this.#peers) {
      const term = serving.terms.get(partition);
      if (term !== undefined && (best === null || term > best.term)) best = { node, term };
    }
    return best?.node ?? null;
  }

  /** Once for all that one message or one tick has changed. */
  #tell(): void {
    if (!this.#hasChanged) return;
    this.#hasChanged = false;
    this.#servingVersion++;
    for (const node of this.#peers.keys()) this.#say(node);
    this.#options.events.serving(this.#servingVersion, this.server.terms());
    this.#sayClosed();
  }

  #say(node: number): void {
    this.#options.send(node, { kind: 'serving', version: this.#servingVersion, terms: this.server.terms() });
  }

  // The own log

  /** Entries of this node's own that are on its disk now. */
  wrote(written: readonly Written[]): void {
    this.stored.wrote('own', written);
    this.#feeds.pump();
    this.#tell();
  }

  #wroteRelay(): void {
    const { store, self, partitionOf } = this.#options;
    const from = this.#relayed;
    const head = store.head('relay');
    if (head <= from) return;
    this.#relayed = head;
    const piece = store.read(relayOf(self.node), store.incarnation, from, readAtOnce);
    const written = (piece?.entries ?? []).map(({ seq, key, version }) => ({
      seq,
      version,
      partition: partitionOf(key),
    }));
    this.stored.wrote('relay', written);
    this.#feeds.pump();
    if (piece !== null && piece.upTo < head) {
      this.#relayed = piece.upTo;
      this.#wroteRelay();
    }
  }

  #relayed = 0;

  /** Its place in the log has been passed over: whoever was to have it gets it by the relay. */
  #relayAgain(log: 'own' | 'relay', seq: number, done: () => void): void {
    const { store, self } = this.#options;
    const origin = log === 'own' ? self.node : relayOf(self.node);
    const copies = (store.read(origin, store.incarnation, seq - 1, 1)?.entries ?? []).filter(
      (one) => one.seq === seq,
    );
    store.adopt({ copies, from: { kind: 'again' }, positions: [] }, () => {
      this.#wroteRelay();
      done();
    });
  }

  /** Grants of an earlier life of the store may be lost: whoever relies on one must lose the lease first. */
  get #isNewLife(): boolean {
    if (!this.scans.isNewLife) return false;
    // Nobody else has ever relied on it.
    return !this.#ring.isAlone(this.#options.self.node);
  }

  // The watermark

  #sayClosed(): void {
    const { store, send, clock, self } = this.#options;
    this.#closedMs = clock.monoMs();
    const terms = this.server.terms();
    const { upTo } = this.stored;
    const closed = this.#close();
    this.horizon.take(self.node, { version: this.#servingVersion, terms, closed });
    for (const node of this.#feeds.committed()) {
      send(node, {
        kind: 'closed',
        version: this.#servingVersion,
        terms,
        closed,
        head: upTo.own,
        relay: upTo.relay,
        own: store.head('own'),
        ownRelay: store.head('relay'),
        incarnation: store.incarnation,
      });
    }
    this.#options.events.horizonMoved();
  }

  /** No entry at or below it will come into what this node serves. */
  #close(): Version {
    const { store, clock, self } = this.#options;
    let closed = this.stored.version;
    if (!this.stored.isWaiting) {
      if (store.inFlight === 0) {
        store.observe(makeVersion(clock.wallMs(), 0, self.node));
        closed = store.clock;
      }
    }
    if (closed > this.#closed) this.#closed = closed;
    return this.#closed;
  }

  #closedAt(node: number, peer: Peer, message: Extract<PeerMessage, { kind: 'closed' }>): void {
    this.#intake.heard(node, 'replica', { own: message.own, relay: message.ownRelay });
    this.#intake.heard(node, 'committed', { own: message.head, relay: message.relay });
    peer.statement = message;
    this.#pullCopies(node, peer, message.version);
    this.#state(node);
  }

  /** Takes a peer's statement when all it speaks of is here. */
  #state(node: number): void {
    const peer = this.#peers.get(node);
    const statement = peer?.statement ?? null;
    if (peer === undefined || statement === null) return;
    const { head, relay, incarnation } = statement;
    for (const lane of ['replica', 'committed'] as const) {
      if (this.#intake.seqOf(lane, node, incarnation) < head) return;
      if (this.#intake.seqOf(lane, relayOf(node), incarnation) < relay) return;
    }
    peer.statement = null;
    this.horizon.take(node, statement);
    this.#options.events.horizonMoved();
  }

  // Copies of a log whose origin is away

  #mayFollow(change: { partition: number; former: number | null; next: number; version: number }): boolean {
    const { self } = this.#options;
    const { partition, former, next, version } = change;
    // What this node takes over it has gathered.
    if (next === self.node) return true;
    const others = this.#ring.nodes();
    if (former !== null) others.add(former);
    for (const other of others) {
      if (other === self.node || other === next) continue;
      // A linked one has said that it serves it no more, and all that it had sent before is here.
      if (this.leases.isLinked(other) && this.horizon.says(other, partition) !== false) return false;
      if ((this.#peers.get(next)?.pulled.get(other) ?? -1) < version) return false;
    }
    return true;
  }

  /** A new server may have what an absent one could not send any more. Asked once for each state of what it serves. */
  #pullCopies(node: number, peer: Peer, version: number): void {
    const { self } = this.#options;
    const origins = this.#ring.nodes();
    for (const { origin } of [...this.#intake.originsOf('committed'), ...this.#intake.originsOf('replica')])
      origins.add(origin % relayBit);
    for (const origin of origins) {
      if (origin === self.node || origin === node) continue;
      if ((peer.pulling.get(origin) ?? -1) >= version) continue;
      peer.pulling.set(origin, version);
      for (const log of [origin, relayOf(origin)])
        this.#pullCopy(node, version, { origin: log, incarnation: 0, seq: 0 });
    }
  }

  #pullCopy(node: number, version: number, position: Position): void {
    const id = ++this.#lastId;
    this.#copies.set(id, { from: node, position, version, sentMs: this.#options.clock.monoMs() });
    const { origin, incarnation, seq: after } = position;
    const partitions = [...this.#ring.held(this.#options.self.node)];
    const about = { id, origin, incarnation, after, upTo: farSeq, partitions };
    this.#options.send(node, { kind: 'pull', ...about, committed: true });
  }

  #pulledBy(node: number, message: Extract<PeerMessage, { kind: 'pull' }>): void {
    const { store, send, partitionOf } = this.#options;
    const { id, origin, incarnation, after, upTo, partitions, committed } = message;
    if (incarnation === 0) {
      send(node, { kind: 'pulled', id, entries: [], upTo: 0, isLast: true, lives: store.livesOf(origin) });
      return;
    }
    const wanted = new Set(partitions);
    const piece = store.read(origin, incarnation, after, readAtOnce) ?? { entries: [], upTo };
    const within = piece.entries.filter(({ seq }) => seq <= upTo);
    const forLane = committed ? new Set(this.#feeds.copiesFor(node, within)) : new Set<Copy>();
    const entries = within.filter((entry) => wanted.has(partitionOf(entry.key)) || forLane.has(entry));
    const isLast = piece.entries.length < readAtOnce || piece.upTo >= upTo;
    send(node, { kind: 'pulled', id, entries, upTo: piece.upTo, isLast, lives: [] });
  }

  #pulled(node: number, message: Extract<PeerMessage, { kind: 'pulled' }>): void {
    if (this.server.pulled(message)) return this.#wroteRelayLater();
    const copies = this.#copies.get(message.id);
    if (copies === undefined || copies.from !== node) return;
    this.#copies.delete(message.id);
    const { store, events, self, partitionOf } = this.#options;
    const { origin, incarnation } = copies.position;
    const identity = this.leases.isLinked(origin % relayBit) ? this.leases.identity(origin % relayBit) : null;
    for (const life of message.lives) {
      // What a linked node has on its own disk comes from there. What an earlier disk of it had comes from nobody else.
      if (life === identity?.incarnation) continue;
      const seqs = (['committed', 'replica'] as const).map((lane) => this.#intake.seqOf(lane, origin, life));
      this.#pullCopy(node, copies.version, { origin, incarnation: life, seq: Math.min(...seqs) });
    }
    const isHere = ({ key, to }: Copy): boolean =>
      [partitionOf(key), ...to].some((partition) => this.#ring.holds(self.node, partition));
    const here = message.entries.filter(isHere);
    const arrived = (): void => {
      this.#wroteRelay();
      if (message.entries.length > 0) events.arrived(node, 'pulled', message.entries);
      const peer = this.#peers.get(node);
      if (peer === undefined) return;
      if (!message.isLast) {
        this.#pullCopy(node, copies.version, { origin, incarnation, seq: message.upTo });
        return;
      }
      const isOpen = [...this.#copies.values()].some(
        (other) => other.from === node && other.position.origin % relayBit === origin % relayBit,
      );
      if (!isOpen) peer.pulled.set(origin % relayBit, copies.version);
    };
    if (here.length === 0) arrived();
    else store.adopt({ copies: here, from: { kind: 'relay' }, positions: [] }, arrived);
  }

  /** An answer that never came, on a link that loses some: once more. */
  #askAgain(): void {
    const nowMs = this.#options.clock.monoMs();
    for (const [id, { from, position, version, sentMs }] of this.#copies) {
      if (nowMs - sentMs < pullPatienceMs) continue;
      this.#copies.delete(id);
      this.#pullCopy(from, version, position);
    }
  }

  #wroteRelayLater(): void {
    const { store } = this.#options;
    store.adopt({ copies: [], from: { kind: 'relay' }, positions: [] }, () => this.#wroteRelay());
  }

  // Scans

  #scannedBy(node: number, message: Extract<PeerMessage, { kind: 'scan' }>): void {
    const { store, send } = this.#options;
    const { id, partitions, after, asOwner } = message;
    const served = partitions.filter((partition) =>
      asOwner ? this.scans.holds(partition) : this.server.isOpen(partition),
    );
    if (served.length === 0) {
      send(node, { kind: 'unscanned', id });
      return;
    }
    const have = [...this.#heads(), ...this.#intake.originsOf('replica')];
    const committed = this.#intake.originsOf('committed');
    const { facts, next } = store.scan(new Set(served), after);
    const terms = this.server.terms().filter(({ partition }) => served.includes(partition));
    send(node, { kind: 'scanned', id, facts, next, have, committed, terms });
  }

  #trimmed(from: number): void {
    // Its log is of no use any more; what it had is in what it serves, and in what others have of it.
    const shared = this.#ring
      .held(this.#options.self.node)
      .filter((partition) => this.#ring.holds(from, partition));
    this.scans.lose(shared);
  }

  // Interest

  /**
   * From now on the entries of these authors are wanted, or no more, of every node. Gives back a number: once `wantedThrough` is there,
   * all that is written from then on will come.
   */
  want(add: readonly number[], remove: readonly number[]): number {
    for (const author of remove) this.#wanted.delete(author);
    for (const author of add) this.#wanted.add(author);
    this.#wantVersion++;
    for (const [node, peer] of this.#peers)
      this.#sendWant(node, peer, { add: [...add], remove: [...remove] });
    return this.#wantVersion;
  }

  /** Every linked node sends what was wanted up to here. */
  wantedThrough(): number {
    let lowest = this.#wantVersion;
    for (const { wantConfirmed } of this.#peers.values()) lowest = Math.min(lowest, wantConfirmed);
    return lowest;
  }

  isWanted(node: number, version: number): boolean {
    const peer = this.#peers.get(node);
    return peer !== undefined && peer.wantConfirmed >= version;
  }

  #wantAll(node: number): void {
    const peer = this.#peers.get(node);
    if (peer === undefined) return;
    peer.wantVersion = 0;
    this.#sendWant(node, peer, { add: [...this.#wanted], remove: [] });
  }

  #sendWant(node: number, peer: Peer, change: { add: number[]; remove: number[] }): void {
    const from = peer.wantVersion;
    peer.wantVersion = this.#wantVersion;
    peer.wantSentMs = this.#options.clock.monoMs();
    this.#options.send(node, { kind: 'want', version: this.#wantVersion, from, ...change });
  }

  // The ring

  /** A later manifest. What is owned no more is given up; what is owned newly is scanned. */
  adoptRing(ring: Ring, epoch: number): void {
    if (epoch <= this.#epoch) return;
    this.#ring = ring;
    this.#epoch = epoch;
    const { self } = this.#options;
    const gone: number[] = [];
    for (let partition = 0; partition < ring.partitions; partition++)
      if (!ring.holds(self.node, partition) && this.scans.holds(partition)) gone.push(partition);
    this.server.ringChanged();
    this.scans.lose(gone);
    this.#intake.tick();
    this.stored.advance();
    this.#tell();
  }

  /** For the keeper of the ring: how far a linked node is. */
  progressOf(node: number): { epoch: number; unheld: number } | null {
    const peer = this.#peers.get(node);
    return peer === undefined || peer.epoch === 0 ? null : { epoch: peer.epoch, unheld: peer.unheld };
  }

  /** Gives all terms back, in order. */
  close(): void {
    this.server.close();
    this.#tell();
  }
}

function keptOrphans(orphans: readonly Orphan[]): unknown {
  return orphans.map(({ log, seq, partition, version }) => [log, seq, partition, bytesOfLatin1(version)]);
}

function orphansOf(kept: unknown): Orphan[] {
  if (!Array.isArray(kept)) return [];
  return (kept as [Orphan['log'], number, number, Uint8Array][]).map(([log, seq, partition, version]) => ({
    log,
    seq,
    partition,
    version: latin1OfBytes(version) as Version,
  }));
}
