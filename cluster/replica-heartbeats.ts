// Heartbeats between cores: leases are renewed, clocks follow each other, and each hears how far the others are with the ring.
import type { PeerMessage } from './peer-messages.ts';
import { ClockOffsets } from './replica-clock-offset.ts';
import type { Leases } from './replica-leases.ts';
import type { ReplicaClock, ReplicaStore, Send } from './replica-ports.ts';

type Ping = Extract<PeerMessage, { kind: 'ping' }>;
type Pong = Extract<PeerMessage, { kind: 'pong' }>;

interface Peer {
  pingedMs: number;
  /** Partitions it owns and has not got. */
  unheld: number;
  /** Of the ring it knows; 0: it has not said. */
  epoch: number;
}

export interface HeartbeatsOptions {
  store: ReplicaStore;
  clock: ReplicaClock;
  leases: Leases;
  send: Send;
  /** Of the ring that this node knows. */
  epoch(): number;
  /** How many partitions this node owns and has not got. */
  unheld(): number;
  epochOf(node: number, epoch: number): void;
  ahead(node: number): void;
  /** A ping was sent: what may have been lost with a link is said again behind it. */
  pinged(node: number): void;
  /** There was a gap in the lease from that node. */
  lapsed(node: number): void;
}

const pingEveryMs = 500;

export class Heartbeats {
  readonly #options: HeartbeatsOptions;
  readonly #peers = new Map<number, Peer>();
  readonly #offsets = new ClockOffsets();

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
  }

  linked(node: number): void {
    this.#peers.set(node, { pingedMs: Number.NEGATIVE_INFINITY, unheld: 0, epoch: 0 });
  }

  unlinked(node: number): void {
    this.#peers.delete(node);
    this.#offsets.forget(node);
  }

  /** To be called often, for each linked node. */
  tick(node: number): void {
    const peer = this.#peers.get(node);
    if (peer !== undefined && this.#options.clock.monoMs() - peer.pingedMs >= pingEveryMs) this.ping(node);
  }

  /** Asks for the lease, and says how far this node is. */
  ping(node: number): void {
    const { clock, store, send, leases, epoch, unheld, pinged } = this.#options;
    const peer = this.#peers.get(node);
    if (peer === undefined) return;
    peer.pingedMs = clock.monoMs();
    const { id, confirmed } = leases.ping(node);
    this.#offsets.asked(node, { id, monoMs: peer.pingedMs });
    const about = { wallMs: clock.wallMs(), clock: store.clock, epoch: epoch(), unheld: unheld() };
    send(node, { kind: 'ping', id, confirmed, ...about });
    pinged(node);
  }

  /** Renews the lease of the other, unless its clock or its ring is not to be trusted; and answers. */
  pinged(node: number, ping: Ping): void {
    const { clock, store, send, leases, epoch, epochOf, ahead } = this.#options;
    const peer = this.#peers.get(node);
    if (peer === undefined) return;
    peer.unheld = ping.unheld;
    peer.epoch = ping.epoch;
    epochOf(node, ping.epoch);
    // Who does not know that the ring changes must not go on as if it did not.
    const isCurrent = ping.epoch >= epoch();
    const { leased } = leases.pinged(node, ping, isCurrent);
    if (leases.isAhead(node)) ahead(node);
    else store.observe(ping.clock);
    const about = { wallMs: clock.wallMs(), clock: store.clock, epoch: epoch() };
    send(node, { kind: 'pong', id: ping.id, leased, ...about });
  }

  /** The other has renewed the lease of this node, or has not. */
  ponged(node: number, pong: Pong): void {
    const { store, clock, leases, epochOf, lapsed } = this.#options;
    const now = { oursMs: clock.wallMs(), monoMs: clock.monoMs() };
    this.#offsets.answered(node, { id: pong.id, theirMs: pong.wallMs, ...now });
    const lease = leases.ponged(node, pong);
    // A clock that is too far ahead is not followed.
    if (!leases.isAhead(node)) store.observe(pong.clock);
    epochOf(node, pong.epoch);
    if (lease === 'lapsed') lapsed(node);
  }

  /** Estimated: this node's wall clock less the middle one of all that are linked. */
  get clockOffsetMs(): number {
    return this.#offsets.ownMs();
  }

  /** For the keeper of the ring: how far a linked node is. Null: it has not said yet. */
  progressOf(node: number): { epoch: number; unheld: number } | null {
    const peer = this.#peers.get(node);
    return peer === undefined || peer.epoch === 0 ? null : { epoch: peer.epoch, unheld: peer.unheld };
  }
}
