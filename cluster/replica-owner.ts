// What an owner answers to others: to claims of terms, to pulls of copies, to scans, and to what it is given.
import type { Key } from '../runtime/key.ts';
import { type Copy, type PeerMessage, type Position, type Reach, relayOf } from './peer-messages.ts';
import type { Feeds } from './replica-feeds.ts';
import type { Grants } from './replica-grants.ts';
import type { Intake } from './replica-intake.ts';
import type { Leases } from './replica-leases.ts';
import type { ReplicaStore, Send } from './replica-ports.ts';
import type { Scans } from './replica-scans.ts';
import type { Server } from './replica-server.ts';

export interface OwnerOptions {
  self: number;
  store: ReplicaStore;
  leases: Leases;
  grants: Grants;
  feeds: Feeds;
  intake: Intake;
  scans: Scans;
  server: Server;
  send: Send;
  partitionOf(key: Key): number;
  /** Homes of which some may be missing that is addressed to what is owned here. */
  owed(): number[];
  /** These are on the disk now, in the relay. */
  arrived(from: number, entries: readonly Copy[]): void;
}

const readAtOnce = 512;

type Scanning = Extract<PeerMessage, { kind: 'scan' }>;

export class Owner {
  readonly #options: OwnerOptions;

  constructor(options: OwnerOptions) {
    this.#options = options;
  }

  /** Grants what can be granted, and says what is here, when the grants are on the disk. */
  claimed(node: number, { id, terms }: Extract<PeerMessage, { kind: 'claim' }>): void {
    const { store, send, leases, grants, scans, intake } = this.#options;
    const identity = leases.identity(node);
    if (identity === null) return;
    grants.consider(identity, terms, (granted, refused) => {
      if (!leases.isLinked(node)) return;
      send(node, {
        kind: 'granted',
        id,
        granted,
        refused,
        held: granted.filter((partition) => scans.holds(partition)),
        have: [...this.#heads().map((head) => this.#reach(head)), ...intake.have()],
        clock: store.clock,
      });
    });
  }

  /** They are free again. */
  released(node: number, { terms }: Extract<PeerMessage, { kind: 'release' }>): void {
    const { leases, grants } = this.#options;
    const identity = leases.identity(node);
    if (identity === null) return;
    for (const { partition, term } of terms) grants.release(partition, term, identity);
  }

  #heads(): Position[] {
    const { self, store } = this.#options;
    const { incarnation } = store;
    return [
      { origin: self, incarnation, seq: store.head('own') },
      { origin: relayOf(self), incarnation, seq: store.head('relay') },
    ];
  }

  #reach(head: Position): Reach {
    return { ...head, from: this.#options.store.trimmedUpTo(head.origin, head.incarnation) };
  }

  /** Copies of somebody's log, as far as they are here. */
  pulledBy(node: number, message: Extract<PeerMessage, { kind: 'pull' }>): void {
    const { store, send, partitionOf, feeds, intake } = this.#options;
    const { id, origin, incarnation, after, upTo, partitions, committed } = message;
    if (incarnation === 0) {
      const lives = store.livesOf(origin);
      send(node, { kind: 'pulled', id, entries: [], upTo: 0, isLast: true, trimmedUpTo: 0, lives });
      return;
    }
    const wanted = new Set(partitions);
    const trimmed = store.trimmedUpTo(origin, incarnation);
    const piece = store.read(origin, incarnation, Math.max(after, trimmed), readAtOnce);
    // Trimmed since it was said to be here. A claim must not take that for nothing: it is made again, and scans.
    if (piece === null || (after < trimmed && !committed)) {
      send(node, { kind: 'unscanned', id });
      return;
    }
    // What a scan has brought is here as facts.
    const lacking = Math.max(trimmed, intake.baseOf(origin, incarnation));
    const trimmedUpTo = after < lacking ? lacking : 0;
    const within = piece.entries.filter(({ seq }) => seq <= upTo);
    const forLane = committed ? new Set(feeds.copiesFor(node, within)) : new Set<Copy>();
    const entries = within.filter((entry) => wanted.has(partitionOf(entry.key)) || forLane.has(entry));
    const isLast = piece.entries.length < readAtOnce || piece.upTo >= upTo;
    send(node, { kind: 'pulled', id, entries, upTo: piece.upTo, isLast, trimmedUpTo, lives: [] });
  }

  /** What a new server found and this owner lacks. */
  given(node: number, { id, entries }: Extract<PeerMessage, { kind: 'give' }>): void {
    const { store, send, arrived } = this.#options;
    store.adopt({ copies: entries, from: { kind: 'relay' }, positions: [], isNewsToOthers: true }, () => {
      arrived(node, entries);
      send(node, { kind: 'given', id });
    });
  }

  /** What lives at homes that are served here, and is addressed to the partitions. */
  #guestsFor(node: number, { id, partitions, after }: Scanning, homes: ReadonlySet<number>): void {
    const { store, send, server, partitionOf } = this.#options;
    const terms = server
      .openTerms()
      .filter(({ partition }) => homes.has(partition) && server.isOpen(partition));
    if (terms.length === 0) {
      send(node, { kind: 'unscanned', id });
      return;
    }
    const served = new Set(terms.map(({ partition }) => partition));
    const { facts: found, next } = store.scan(new Set(partitions), after);
    const facts = found.filter(({ key }) => served.has(partitionOf(key)));
    const nothing = { have: [], committed: [], whole: [], lacking: [] };
    send(node, { kind: 'scanned', id, facts, next, terms, ...nothing });
  }

  /** One piece of a scan, of those partitions that this node can answer for; the terms say which these are. */
  scannedBy(node: number, message: Scanning): void {
    const { store, send, scans, server, intake } = this.#options;
    const { id, partitions, after, asOwner, guestsOf } = message;
    if (guestsOf !== null) {
      this.#guestsFor(node, message, new Set(guestsOf));
      return;
    }
    const served = partitions.filter((partition) =>
      asOwner ? scans.holds(partition) : server.isOpen(partition),
    );
    if (served.length === 0) {
      send(node, { kind: 'unscanned', id });
      return;
    }
    const have = [...this.#heads(), ...intake.originsOf('replica'), ...intake.asFacts()];
    // What this node owns the home of came to it by the other lane: to who does not own that, it comes by this one.
    const committed = intake.originsOf('committed').map((position) => ({
      ...position,
      seq: Math.min(position.seq, intake.seqOf('replica', position.origin, position.incarnation)),
    }));
    const whole = intake.originsOf('replica').map((position) => ({
      ...position,
      seq: intake.seqOf('whole', position.origin, position.incarnation),
    }));
    const { facts, next } = store.scan(new Set(served), after);
    const terms = server.openTerms().filter(({ partition }) => served.includes(partition));
    const lacking = this.#options.owed();
    send(node, { kind: 'scanned', id, facts, next, have, committed, whole, lacking, terms });
  }
}
