// A core as one of many: terms, lanes, scans and the watermark of one node, put together. Pure but for its ports: the simulation runs this file.
import { isControl, type PeerControl, type PeerData, type PeerMessage } from './peer-messages.ts';
import type { Horizon } from './replica-horizon.ts';
import type { Leases } from './replica-leases.ts';
import type { ReplicaOptions } from './replica-options.ts';
import { Parts } from './replica-parts.ts';
import type { PeerIdentity } from './replica-ports.ts';
import type { Scans } from './replica-scans.ts';
import type { Server } from './replica-server.ts';
import type { Stored, Written } from './replica-stored.ts';
import type { Ring } from './ring.ts';

export class Replica {
  /** What this node serves, and under which terms. */
  readonly server: Server;
  /** What of its log is on the disk of enough owners. */
  readonly stored: Stored;
  /** What it owns and holds, or does not hold yet. */
  readonly scans: Scans;
  readonly leases: Leases;
  /** Up to where it has taken in everything. */
  readonly horizon: Horizon;
  readonly #options: ReplicaOptions;
  readonly #parts: Parts;
  readonly #linked = new Set<number>();
  #ring: Ring;
  #epoch: number;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.#ring = options.ring;
    this.#epoch = options.epoch;
    this.#parts = new Parts(options, { ring: () => this.#ring, epoch: () => this.#epoch });
    const { server, stored, scans, leases, horizon } = this.#parts;
    this.server = server;
    this.stored = stored;
    this.scans = scans;
    this.leases = leases;
    this.horizon = horizon;
    // The ring has changed while this node was down, or just before.
    if (scans.loseForeign()) this.#parts.intake.ringChanged();
  }

  /** Of the ring that this node knows. */
  get epoch(): number {
    return this.#epoch;
  }

  get ring(): Ring {
    return this.#ring;
  }

  /** Of what this node serves: one higher with each change. */
  get servingVersion(): number {
    return this.#parts.serving.version;
  }

  // Links

  /** Another core is linked. Messages of it are taken from now on. */
  linked(identity: PeerIdentity): void {
    const { node } = identity;
    this.leases.linked(identity);
    this.#parts.leaving.linked(node);
    this.#linked.add(node);
    this.#parts.serving.linked(node);
    this.#parts.heartbeats.linked(node);
    this.#parts.statements.forget(node);
    this.#parts.copies.linked(node);
    this.#parts.feeds.linked(node);
    // Before the lane that carries them begins.
    this.#parts.interest.linked(node);
    this.#parts.intake.linked(node);
    this.#parts.heartbeats.ping(node);
    this.server.linked(node);
  }

  /** The link is gone. Leases last on; what was under way with that node is begun anew with the next link. */
  unlinked(node: number): void {
    this.leases.unlinked(node);
    this.#parts.leaving.unlinked(node);
    this.#linked.delete(node);
    this.#parts.serving.unlinked(node);
    this.#parts.heartbeats.unlinked(node);
    this.#parts.statements.forget(node);
    this.#parts.interest.unlinked(node);
    this.#parts.feeds.unlinked(node);
    this.#parts.intake.unlinked(node);
    this.scans.unlinked(node);
    this.#parts.guests.unlinked(node);
    this.#parts.repair.unlinked(node);
    this.horizon.forget(node);
    this.#parts.copies.unlinked(node);
    this.#options.events.wanted();
  }

  /** The link takes more again. */
  writable(): void {
    this.#parts.feeds.pump();
  }

  /** A message of a linked node; of one that is not linked (any more), nothing happens. */
  receive(node: number, message: PeerMessage): void {
    if (!this.#linked.has(node)) return;
    if (isControl(message)) this.#takeControl(node, message);
    else this.#takeData(node, message);
    this.#parts.serving.tell();
  }

  #takeControl(node: number, message: PeerControl): void {
    switch (message.kind) {
      case 'ping':
        this.#parts.heartbeats.pinged(node, message);
        return;
      case 'pong':
        this.#parts.heartbeats.ponged(node, message);
        return;
      case 'claim':
        this.#parts.owner.claimed(node, message);
        return;
      case 'granted':
        this.server.granted(node, message);
        return;
      case 'release':
        this.#parts.owner.released(node, message);
        return;
      case 'leave':
        this.#parts.leaving.heard(node, message);
        return;
      case 'using':
        this.server.using(node, message.terms);
        return;
      case 'yield':
        this.server.yielded(node, message.partitions);
        return;
      case 'serving':
        this.#parts.serving.heard(node, message);
        if (message.terms.length > 0) this.#parts.leaving.serves(node);
        return;
    }
    message satisfies never;
  }

  #takeData(node: number, message: PeerData): void {
    const { gathering } = this.server;
    switch (message.kind) {
      case 'follow':
        this.#parts.feeds.follow(node, message);
        return;
      case 'followed':
        this.#parts.intake.followed(node, message);
        return;
      case 'entries':
        this.#parts.intake.entries(node, message);
        return;
      case 'trimmed':
        this.#parts.intake.trimmed(node, message);
        return;
      case 'stored':
        this.#parts.feeds.stored(node, message);
        return;
      case 'closed':
        this.#closed(node, message);
        return;
      case 'want':
        this.#parts.feeds.want(node, message);
        return;
      case 'wanted':
        this.#parts.interest.confirmed(node, message);
        this.#options.events.wanted();
        return;
      case 'pull':
        this.#parts.owner.pulledBy(node, message);
        return;
      case 'pulled':
        if (gathering.pulled(message)) this.#parts.relay.wroteLater();
        else this.#parts.copies.pulled(node, message);
        return;
      case 'give':
        this.#parts.owner.given(node, message);
        return;
      case 'given':
        gathering.given(message.id);
        return;
      case 'scan':
        this.#parts.owner.scannedBy(node, message);
        return;
      case 'scanned':
        if (gathering.scanned(node, message, () => this.#parts.relay.wrote())) return;
        if (!this.#parts.guests.scanned(node, message)) this.scans.scanned(node, message);
        return;
      case 'unscanned':
        gathering.unscanned(message.id);
        this.scans.unscanned(message.id);
        this.#parts.guests.unscanned(message.id);
        return;
      case 'digest':
        this.#parts.repair.digest(node, message);
        return;
      case 'compare':
        this.#parts.repair.compare(node, message);
        return;
      case 'compared':
        this.#parts.repair.compared(node, message);
        return;
      case 'repair':
        this.#parts.repair.repair(node, message);
        return;
    }
    message satisfies never;
  }

  /** A server's word counts when all that it, and those who served before it, had is here. */
  #closed(node: number, message: Extract<PeerData, { kind: 'closed' }>): void {
    const said = this.#parts.statements.heard(node, message);
    if (said !== null) this.#parts.copies.ask(node, said);
    this.#parts.statements.take(node);
  }

  // Time

  /** To be called every 50 to 100 ms. */
  tick(): void {
    const { clock, self } = this.#options;
    for (const node of this.#linked) {
      this.#parts.heartbeats.tick(node);
      this.#parts.interest.tick(node);
    }
    this.scans.found();
    this.#parts.leaving.tick();
    this.server.tick();
    this.#parts.intake.tick();
    this.scans.tick();
    this.#parts.guests.tick();
    this.#parts.repair.tick();
    this.#parts.copies.tick();
    this.#parts.statements.tick();
    this.#parts.feeds.pump();
    for (const node of this.#linked) this.#parts.statements.take(node);
    // Alone, nothing is closed that is not on the disk, and nobody else's log has a place to be kept.
    if (!this.#ring.isAlone(self.node)) {
      this.#parts.kept.tick(clock.monoMs(), this.horizon.watermark(), this.stored.upTo.own);
      this.#parts.tailNote.tick();
    }
    this.#parts.serving.tell();
  }

  // What is written, wanted and served

  /** Entries of this node's own that are on its disk now. */
  wrote(written: readonly Written[]): void {
    this.stored.wrote('own', written);
    this.#parts.feeds.pump();
    this.#parts.serving.tell();
  }

  /**
   * From now on the entries of these authors are wanted, or no more, of every node. Gives back a number: once `wantedThrough` is there,
   * all that is written from then on will come.
   */
  want(add: readonly number[], remove: readonly number[]): number {
    return this.#parts.interest.want(add, remove);
  }

  /** Every linked node sends what was wanted up to here. */
  wantedThrough(): number {
    return this.#parts.interest.through;
  }

  /** One linked node sends what was wanted up to there. */
  isWanted(node: number, version: number): boolean {
    return this.#parts.interest.isConfirmed(node, version);
  }

  /** Up to where the own log and the relay may be trimmed: everybody who is linked has been sent them, and enough owners have them. */
  settledUpTo(): { own: number; relay: number } {
    return this.#parts.feeds.settledUpTo();
  }

  /** Who serves it, as far as is known: this node, or one that is linked. Null: nobody. */
  serverOf(partition: number): number | null {
    return this.#parts.serving.serverOf(partition);
  }

  /**
   * When no other core leaves or is away with whom it shares partitions, what others can serve goes to them, and this node closes. Within
   * `backWithinMs` from then on another process on this disk takes its place: nobody else claims meanwhile what was not taken over.
   */
  leave(backWithinMs: number): void {
    this.#parts.leaving.begin(backWithinMs);
  }

  /** Gives all terms back, in order. */
  close(): void {
    this.#parts.leaving.stop();
    this.server.close();
    this.#parts.serving.tell();
  }

  // The ring

  /** A later manifest. What is owned no more is given up; what is owned newly is scanned. */
  adoptRing(ring: Ring, epoch: number): void {
    if (epoch <= this.#epoch) return;
    this.#ring = ring;
    this.#epoch = epoch;
    this.server.ringChanged();
    this.scans.loseForeign();
    // By the lane of what is addressed to this node they do not come from now on: if the ring takes them away before they are here, they are asked for.
    this.#parts.guests.owe(this.scans.missing());
    this.#parts.intake.ringChanged();
    this.#parts.intake.tick();
    this.stored.advance();
    this.#parts.serving.tell();
  }

  /** Estimated: this node's wall clock less the middle one of all that are linked. */
  get clockOffsetMs(): number {
    return this.#parts.heartbeats.clockOffsetMs;
  }

  /** Linked nodes that get no lease because their clocks are too far ahead. */
  get quarantined(): number[] {
    return [...this.#linked].filter((node) => this.leases.isAhead(node));
  }

  /** For the keeper of the ring: what of its change waits for this node. */
  get unheld(): number {
    return this.#parts.unheld;
  }

  /** And how far a linked node is. */
  progressOf(node: number): { epoch: number; unheld: number } | null {
    return this.#parts.heartbeats.progressOf(node);
  }
}
