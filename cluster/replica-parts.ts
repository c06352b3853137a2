// How a replica is put together: each part with what it needs of the others. What comes in, and when, replica.ts passes on.
import { versionMs } from '../runtime/version.ts';
import type { Copy, Lane } from './peer-messages.ts';
import { Copies } from './replica-copies.ts';
import { Feeds } from './replica-feeds.ts';
import { Grants } from './replica-grants.ts';
import { Guests } from './replica-guests.ts';
import { Heartbeats } from './replica-heartbeats.ts';
import { Horizon } from './replica-horizon.ts';
import { Intake } from './replica-intake.ts';
import { Interest } from './replica-interest.ts';
import { KeptTime } from './replica-kept.ts';
import { Leases } from './replica-leases.ts';
import { Leaving } from './replica-leaving.ts';
import type { ReplicaOptions } from './replica-options.ts';
import { keepOrphans, keptOrphans } from './replica-orphans.ts';
import { ownTail, TailNote } from './replica-own-tail.ts';
import { Owner } from './replica-owner.ts';
import { Relay } from './replica-relay.ts';
import { Repair } from './replica-repair.ts';
import { Scans } from './replica-scans.ts';
import { Server } from './replica-server.ts';
import { Serving } from './replica-serving.ts';
import { Statements } from './replica-statements.ts';
import { Stored } from './replica-stored.ts';
import { TakeoverNotes } from './replica-takeover-notes.ts';
import { Untold } from './replica-untold.ts';
import { preferredBy, quorum, type Ring } from './ring.ts';

/** A node that is further behind than this does not ask for what others serve. */
const currentWithinMs = 1500;

/** The ring that this node knows by now. */
export interface KnownRing {
  ring: () => Ring;
  epoch: () => number;
}

export class Parts {
  readonly leases: Leases;
  readonly stored: Stored;
  readonly relay: Relay;
  readonly interest: Interest;
  readonly feeds: Feeds;
  readonly intake: Intake;
  readonly grants: Grants;
  readonly leaving: Leaving;
  readonly server: Server;
  readonly untold: Untold;
  readonly serving: Serving;
  readonly scans: Scans;
  readonly guests: Guests;
  readonly repair: Repair;
  readonly kept: KeptTime;
  readonly horizon: Horizon;
  readonly copies: Copies;
  readonly statements: Statements;
  readonly heartbeats: Heartbeats;
  readonly owner: Owner;
  readonly tailNote: TailNote;
  readonly takeoverNotes: TakeoverNotes;
  readonly #options: ReplicaOptions;
  readonly #known: KnownRing;

  /** A part is handed to those that are made after it. What it calls of later ones it calls when all are there. */
  constructor(options: ReplicaOptions, known: KnownRing) {
    this.#options = options;
    this.#known = known;
    const { clock, send, ring } = options;
    // The clock stands where it has to before anything looks at it.
    this.kept = new KeptTime(options.store);
    this.leases = new Leases(clock, () => this.#isNewLife);
    const tail = ownTail(options.self.node, options.store, this.kept.storedUpTo);
    this.stored = this.#makeStored(tail);
    this.relay = this.#makeRelay();
    this.interest = new Interest({ clock, send });
    this.feeds = this.#makeFeeds();
    this.intake = this.#makeIntake();
    this.grants = this.#makeGrants();
    this.leaving = new Leaving({
      self: options.self.node,
      clock,
      ring: known.ring,
      send,
      move: () => this.server.moving.begin(),
      hasMoved: () => this.server.moving.isDone,
      go: () => this.server.close(),
      hasItsOwn: (node) => {
        const terms = this.serving.termsOf(node);
        return preferredBy(node, known.ring()).every((partition) => terms.has(partition));
      },
    });
    this.server = this.#makeServer();
    this.untold = this.#makeUntold();
    this.serving = this.#makeServing();
    this.scans = this.#makeScans();
    this.scans.found();
    this.guests = this.#makeGuests();
    this.guests.owe(this.scans.missing());
    this.repair = this.#makeRepair();
    this.horizon = new Horizon({
      partitions: ring.partitions,
      from: this.kept.watermark,
      mayFollow: (change) => this.copies.mayFollow(change),
    });
    this.copies = this.#makeCopies();
    this.statements = this.#makeStatements();
    this.heartbeats = this.#makeHeartbeats();
    this.owner = this.#makeOwner();
    this.tailNote = this.#makeTailNote(tail);
    this.takeoverNotes = this.#makeTakeoverNotes();
  }

  /** Partitions owned and not here yet, and those that others are to own and nobody serves: their new owners may lack something. */
  get unheld(): number {
    const ring = this.#known.ring();
    const { node } = this.#options.self;
    const unserved = ring.held(node).filter((partition) => {
      if (ring.placement(partition).next === null) return false;
      const server = this.serving.serverOf(partition);
      return server === null || (server !== node && !this.leases.holds(server));
    });
    return this.scans.missing().length + unserved.length;
  }

  /** Grants of an earlier life of the store may be lost: whoever relies on one must lose the lease first. */
  get #isNewLife(): boolean {
    if (!this.scans.isNewLife) return false;
    // Nobody else has ever relied on it.
    return !this.#known.ring().isAlone(this.#options.self.node);
  }

  #makeStored(tail: readonly Copy[] | null): Stored {
    const { self, store, events, partitionOf } = this.#options;
    return new Stored({
      self: self.node,
      ring: this.#known.ring,
      own: store.head('own'),
      relay: store.head('relay'),
      tail: tail?.map(({ seq, version, key }) => ({ seq, version, partition: partitionOf(key) })) ?? null,
      version: store.clock,
      serverOf: (partition) => this.serving.serverOf(partition),
      isServing: (partition) => this.server.isServing(partition),
      moved: () => {
        this.feeds.pump();
        events.stored();
      },
      late: (log, seq, done) => this.relay.again(log, seq, done),
      keep: (orphans, done) => keepOrphans(store, orphans, done),
      orphans: keptOrphans(store),
    });
  }

  #makeTailNote(tail: readonly Copy[] | null): TailNote {
    const { store, partitionOf } = this.#options;
    return new TailNote({ tail, store, stored: this.stored, partitionOf });
  }

  #makeTakeoverNotes(): TakeoverNotes {
    const { store, partitionOf } = this.#options;
    const { intake, horizon, tailNote: tail } = this;
    const closedOf = horizon.closedOf.bind(horizon);
    return new TakeoverNotes({ store, intake, tail, partitionOf, closedOf });
  }

  #makeRelay(): Relay {
    const { self, store, partitionOf } = this.#options;
    const { stored } = this;
    return new Relay({ self: self.node, store, stored, partitionOf, grown: () => this.feeds.pump() });
  }

  #makeFeeds(): Feeds {
    const { self, store, send, isWritable, partitionOf } = this.#options;
    const { stored } = this;
    const { epoch } = this.#known;
    return new Feeds({ self: self.node, store, stored, send, isWritable, partitionOf, epoch });
  }

  #makeIntake(): Intake {
    const { self, store, clock, send, partitionOf, events } = this.#options;
    return new Intake({
      self: self.node,
      store,
      clock,
      ring: this.#known.ring,
      send,
      partitionOf,
      hasData: () => !this.scans.isEmpty,
      untold: () => this.untold,
      epoch: this.#known.epoch,
      wantOf: (node) => this.interest.sentTo(node),
      arrived: (from, lane, entries) => {
        if (entries.length > 0) events.arrived(from, lane, entries);
      },
      moved: (from) => this.statements.take(from),
      trimmed: (by, lane, scanned) => this.#trimmed(by, lane, scanned),
      skipped: (lane) => this.#missed(lane === 'committed'),
    });
  }

  /**
   * A node's log does not go back as far as this one would need: what both of them own is scanned again, and not answered for meanwhile.
   * Of all else that node wrote no change of the ring has ended before this one had it. Nor does it lack anything where nothing is stored
   * without it: that others have all of that, nobody could say. If a scan had set the lane back, only what that brought is lacking.
   */
  #trimmed(by: number, lane: Lane, scanned: ReadonlySet<number> | null): void {
    if (lane === 'committed') return;
    const ring = this.#known.ring();
    const { node } = this.#options.self;
    const isStoredByOthers = (partition: number): boolean => {
      const { owners } = ring.placement(partition);
      return owners.filter((owner) => owner !== node).length >= quorum(owners.length);
    };
    const lacking = ring
      .held(node)
      .filter((partition) => ring.holds(by, partition) && isStoredByOthers(partition))
      .filter((partition) => scanned === null || scanned.has(partition));
    this.scans.lose(lacking);
    this.guests.owe(lacking);
    this.server.giveUp(lacking);
  }

  /** Something will come by no lane. `addressed`: perhaps also what lives elsewhere and is addressed to what is owned here. */
  #missed(addressed: boolean): void {
    if (addressed) this.guests.oweAll();
    this.#options.events.missed();
  }

  #makeGrants(): Grants {
    const { self, store, ring, send } = this.#options;
    const { leases } = this;
    return new Grants({
      store,
      partitions: ring.partitions,
      self: self.node,
      serves: (partition) => this.server.serves(partition),
      isReady: () => leases.isReady,
      ask: (holder, terms) => {
        if (leases.isLinked(holder)) send(holder, { kind: 'using', terms: [...terms] });
      },
      isOver: (holder) => leases.isOver(holder),
    });
  }

  #makeServer(): Server {
    const { self, store, clock, send, partitionOf, chance, events } = this.#options;
    const { leases, grants, intake, stored } = this;
    return new Server({
      self,
      store,
      clock,
      ring: this.#known.ring,
      leases,
      grants,
      intake,
      stored,
      send,
      partitionOf,
      holds: (partition) => this.scans.holds(partition) && (this.#options.mayServe?.(partition) ?? true),
      isBusy: (partition) => this.#options.isBusy?.(partition) ?? false,
      isCurrent: () => versionMs(store.clock) - versionMs(this.horizon.watermark()) < currentWithinMs,
      serverOf: (partition) => this.serving.serverOf(partition),
      isAwaited: (node) => this.leaving.isAwaited(node),
      isMoving: (node) => this.leaving.isMoving(node),
      arrived: (from, entries) => {
        if (entries.length > 0) events.arrived(from, 'pulled', entries);
      },
      relayed: () => this.relay.wrote(),
      noteLate: (partitions, done) => this.takeoverNotes.note(partitions, done),
      changed: () => this.serving.changed(),
      chance,
    });
  }

  #makeUntold(): Untold {
    const { store, partitionOf } = this.#options;
    const { server, relay } = this;
    return new Untold({ store, server, relay, partitionOf });
  }

  #makeServing(): Serving {
    const { self, send, events } = this.#options;
    return new Serving({
      self: self.node,
      send,
      terms: () => this.server.terms(),
      openTerms: () => this.server.openTerms(),
      isOpen: (partition) => this.server.isOpen(partition),
      told: (version, terms) => {
        events.serving(version, terms);
        this.statements.say();
      },
    });
  }

  #makeScans(): Scans {
    const { self, store, clock, send, events } = this.#options;
    const { intake, grants, leases, serving } = this;
    return new Scans({
      self,
      store,
      clock,
      ring: this.#known.ring,
      intake,
      grants,
      send,
      serverOf: (partition) => serving.serverOf(partition),
      termsOf: (node) => serving.termsOf(node),
      identity: (node) => leases.identity(node),
      lacks: (homes) => this.guests.owe(homes),
      progressed: (facts) => events.scanned(facts, this.scans.missing().length),
      held: () => events.scanned(0, this.scans.missing().length),
    });
  }

  #makeGuests(): Guests {
    const { self, store, clock, send, events } = this.#options;
    const { scans, serving } = this;
    return new Guests({
      self: self.node,
      store,
      clock,
      ring: this.#known.ring,
      send,
      holds: (partition) => scans.holds(partition),
      serverOf: (partition) => serving.serverOf(partition),
      termsOf: (node) => serving.termsOf(node),
      found: () => events.missed(),
    });
  }

  #makeRepair(): Repair {
    const { self, store, clock, send, digestEveryMs, events } = this.#options;
    const { leases, server, scans } = this;
    return new Repair({
      self: self.node,
      store,
      clock,
      ring: this.#known.ring,
      send,
      serves: (partition) => server.isOpen(partition),
      holds: (partition) => scans.holds(partition),
      isLinked: (node) => leases.isLinked(node),
      everyMs: digestEveryMs,
      arrived: (from, facts) => events.arrived(from, 'pulled', facts),
      repaired: (partition, facts) => events.repaired(partition, facts),
    });
  }

  #makeCopies(): Copies {
    const { self, store, clock, send, partitionOf, events } = this.#options;
    const { leases, horizon, intake, relay } = this;
    return new Copies({
      self: self.node,
      store,
      clock,
      ring: this.#known.ring,
      leases,
      horizon,
      intake,
      send,
      partitionOf,
      arrived: (from, entries) => {
        relay.wrote();
        if (entries.length > 0) events.arrived(from, 'pulled', entries);
      },
      missed: () => this.#missed(true),
    });
  }

  #makeStatements(): Statements {
    const { self, store, clock, send, closedEveryMs, events } = this.#options;
    const { stored, feeds, intake, horizon, serving, server, kept } = this;
    return new Statements({
      self: self.node,
      store,
      clock,
      stored,
      feeds,
      intake,
      horizon,
      serving,
      send,
      terms: () => server.terms(),
      everyMs: closedEveryMs,
      isAlone: () => this.#known.ring().isAlone(self.node),
      isTelling: () => this.relay.isTelling,
      kept,
      moved: () => events.horizonMoved(),
    });
  }

  #makeHeartbeats(): Heartbeats {
    const { store, clock, send, events } = this.#options;
    const { leases, serving, server } = this;
    return new Heartbeats({
      store,
      clock,
      leases,
      send,
      epoch: this.#known.epoch,
      unheld: () => this.unheld,
      epochOf: (node, epoch) => events.epochOf(node, epoch),
      ahead: (node) => events.ahead(node),
      pinged: (node) => serving.say(node),
      lapsed: (node) => server.lapsed(node),
    });
  }

  #makeOwner(): Owner {
    const { self, store, send, partitionOf, events } = this.#options;
    const { leases, grants, feeds, intake, scans, server, relay } = this;
    return new Owner({
      self: self.node,
      store,
      leases,
      grants,
      feeds,
      intake,
      scans,
      server,
      send,
      partitionOf,
      owed: () => this.guests.owed(),
      arrived: (from, entries) => {
        relay.wrote();
        events.arrived(from, 'pulled', entries);
      },
    });
  }
}
