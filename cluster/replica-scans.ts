// How a core gets partitions it owns and does not have: it scans them where they are served, then follows the logs from there.
import type { Key } from '../runtime/key.ts';
import { type PeerMessage, type Position, placeOf, relayBit, relayOf } from './peer-messages.ts';
import type { Grants } from './replica-grants.ts';
import type { Intake } from './replica-intake.ts';
import type { LanePosition, PeerIdentity, ReplicaClock, ReplicaStore, Send } from './replica-ports.ts';
import type { KeptSetBack } from './replica-set-backs.ts';
import type { Ring } from './ring.ts';

type Scanned = Extract<PeerMessage, { kind: 'scanned' }>;

interface Scan {
  id: number;
  server: number;
  /** Those still hoped for, with the terms at the beginning: a new server in between, and the scan proves nothing. */
  terms: Map<number, number>;
  from: LanePosition[];
  target: { own: number; relay: number; incarnation: number } | null;
  pieceMs: number;
  after: Key | null;
}

export interface ScansOptions {
  self: PeerIdentity;
  store: ReplicaStore;
  clock: ReplicaClock;
  ring: () => Ring;
  intake: Intake;
  grants: Grants;
  send: Send;
  serverOf(partition: number): number | null;
  termsOf(node: number): ReadonlyMap<number, number>;
  identity(node: number): PeerIdentity | null;
  /** What lives at these homes and is addressed to what is scanned may be missing where that is served. */
  lacks(homes: readonly number[]): void;
  /** How many are there, for who waits. */
  progressed(facts: number): void;
  held(): void;
}

const pieceMostMs = 10_000;
const laggardMs = 2000;
const heldName = 'held';

export class Scans {
  /** The store has not been here before, or not in this life. */
  readonly isNewLife: boolean;
  readonly #options: ScansOptions;
  readonly #held: Set<number>;
  /** On their way to the disk. */
  readonly #holding = new Set<number>();
  /** Servers that were too far behind to be scanned, and when that was seen. */
  readonly #laggards = new Map<number, number>();
  #scan: Scan | null = null;
  #lastId = 0;

  constructor(options: ScansOptions) {
    this.#options = options;
    const kept = options.store.kept(heldName);
    const [incarnation, partitions, bases, setBacks = []] = Array.isArray(kept)
      ? (kept as [number, number[], [string, number][], KeptSetBack[]?])
      : [0, [], []];
    // A store that was wiped, copied or restored has lost what it acknowledged since: it counts for nothing until it has scanned.
    const isSameLife = incarnation === options.store.incarnation;
    this.#held = new Set(isSameLife ? partitions : []);
    this.isNewLife = !isSameLife;
    if (!isSameLife) return;
    for (const [place, seq] of bases) options.intake.base(place, seq);
    options.intake.setBacks.restore(setBacks);
  }

  /** Everything of the partition that was acknowledged is here, or will come by the lanes. */
  holds(partition: number): boolean {
    return this.#held.has(partition);
  }

  /** No partition is here: the store is new, or owns nothing. */
  get isEmpty(): boolean {
    return this.#held.size === 0;
  }

  /** Partitions owned and not yet held. */
  missing(): number[] {
    const { ring, self } = this.#options;
    return ring()
      .held(self.node)
      .filter((partition) => !this.#held.has(partition));
  }

  /** What nobody else owns is here or nowhere. */
  found(): void {
    const { ring, self } = this.#options;
    const alone = this.missing().filter((partition) => {
      const { owners, next } = ring().placement(partition);
      return owners.length === 1 && owners[0] === self.node && next === null;
    });
    if (alone.length > 0) this.#hold(alone);
  }

  /** A cluster is made of stores that have what they own: nobody has anything else, and nobody was promised anything. */
  founded(): void {
    const missing = this.missing();
    if (missing.length > 0) this.#hold(missing);
  }

  /** Owned no more, or not to be relied on: they are scanned again when they are owned. */
  lose(partitions: Iterable<number>): void {
    let changed = false;
    for (const partition of partitions) {
      changed = this.#held.delete(partition) || this.#holding.delete(partition) || changed;
      // What a scan under way has brought of it may be too old.
      this.#scan?.terms.delete(partition);
    }
    if (changed) this.#keep(this.#held, () => {});
  }

  /** What the ring gives to others, by now: true if there was any. */
  loseForeign(): boolean {
    const { ring, self } = this.#options;
    // Given back before what a scan had asked for has come: it would be held, and be too old when the ring gives it to this node again.
    const coming = this.#scan?.terms.keys() ?? [];
    const foreign = [...this.#held, ...this.#holding, ...coming].filter(
      (partition) => !ring().holds(self.node, partition),
    );
    this.lose(foreign);
    return foreign.length > 0;
  }

  #hold(partitions: readonly number[]): void {
    for (const partition of partitions) this.#holding.add(partition);
    this.#keep(new Set([...this.#held, ...this.#holding]), () => {
      // Lost meanwhile, some of them.
      for (const partition of partitions) if (this.#holding.delete(partition)) this.#held.add(partition);
      this.#options.held();
    });
  }

  #keep(held: ReadonlySet<number>, done: () => void): void {
    const { store, intake } = this.#options;
    const record = [store.incarnation, [...held], intake.bases(), intake.setBacks.listed()];
    store.keep([[heldName, record]], done);
  }

  /** Goes on with the scan under way, or begins the next one. One at a time. */
  tick(): void {
    const { clock, intake, serverOf, self, termsOf, send } = this.#options;
    const scan = this.#scan;
    if (scan !== null) {
      if (scan.target !== null) this.#settle(scan);
      else if (clock.monoMs() - scan.pieceMs > pieceMostMs) this.#scan = null;
      return;
    }
    const missing = this.missing();
    for (const partition of missing) {
      const server = serverOf(partition);
      // Its lanes must run before the scan begins: what is written meanwhile comes by them.
      if (server === null || server === self.node || !intake.isFollowing(server)) continue;
      if (clock.monoMs() - (this.#laggards.get(server) ?? Number.NEGATIVE_INFINITY) < laggardMs) continue;
      const terms = new Map([...termsOf(server)].filter(([served]) => missing.includes(served)));
      if (terms.size === 0) continue;
      const id = ++this.#lastId;
      this.#scan = { id, server, terms, from: [], target: null, pieceMs: clock.monoMs(), after: null };
      const about = { partitions: [...terms.keys()], asOwner: false, guestsOf: null };
      send(server, { kind: 'scan', id, after: null, ...about });
      return;
    }
  }

  /** A piece of the scan: the next one is asked for when it is on the disk. */
  scanned(node: number, message: Scanned): void {
    const scan = this.#scan;
    if (scan === null || scan.id !== message.id || scan.server !== node || scan.target !== null) return;
    const { store, clock, send, progressed } = this.#options;
    if (scan.from.length === 0) {
      if (this.#isTooFarBehind(message.have)) {
        this.#laggards.set(node, clock.monoMs());
        this.#scan = null;
        return;
      }
      scan.from = [
        ...message.have.map((position) => ({ lane: 'replica' as const, ...position })),
        ...message.committed.map((position) => ({ lane: 'committed' as const, ...position })),
        ...message.whole.map((position) => ({ lane: 'whole' as const, ...position })),
      ];
    }
    for (const [partition, term] of scan.terms) {
      if (!message.terms.some((served) => served.partition === partition && served.term === term))
        scan.terms.delete(partition);
    }
    scan.pieceMs = clock.monoMs();
    this.#options.lacks(message.lacking);
    const copies = message.facts.map((fact) => ({ ...fact, live: false }));
    store.adopt({ copies, from: { kind: 'state' }, positions: [] }, () => {
      if (this.#scan !== scan) return;
      progressed(copies.length);
      scan.pieceMs = clock.monoMs();
      if (scan.terms.size === 0) this.#scan = null;
      else if (message.next !== null) {
        scan.after = message.next;
        const about = { partitions: [...scan.terms.keys()], asOwner: false, guestsOf: null };
        send(node, { kind: 'scan', id: scan.id, after: message.next, ...about });
      } else this.#scanned(scan, message);
    });
  }

  /** What it has not got of the logs of others no lane would bring here either. Where the origin is away nobody needs it. */
  #isTooFarBehind(have: readonly Position[]): boolean {
    const { intake } = this.#options;
    return have.some(
      (position) => intake.isFollowing(position.origin % relayBit) && intake.setBacks.isGone(position),
    );
  }

  /** It can't be had there now: it is tried again. */
  unscanned(id: number): void {
    if (this.#scan?.id === id) this.#scan = null;
  }

  unlinked(node: number): void {
    if (this.#scan?.server === node) this.#scan = null;
  }

  /** All is here as it was when each piece was read; from where the server stood at first, the lanes bring the rest. */
  #scanned(scan: Scan, { have }: Scanned): void {
    const { intake, self } = this.#options;
    const at = (origin: number) => have.find((position) => position.origin === origin);
    const own = at(scan.server);
    scan.target = {
      own: own?.seq ?? 0,
      relay: at(relayOf(scan.server))?.seq ?? 0,
      incarnation: own?.incarnation ?? 0,
    };
    const others = scan.from.filter(
      ({ origin }) =>
        origin !== scan.server &&
        origin !== relayOf(scan.server) &&
        origin !== self.node &&
        origin !== relayOf(self.node),
    );
    const lanes = others.filter(({ lane }) => lane === 'replica');
    const isBack = lanes.map((position) => intake.setBacks.note(position, scan.terms.keys()));
    if (isBack.includes(true)) this.#keep(this.#held, () => {});
    intake.rewind(others, scan.server);
    for (const { origin, incarnation, seq, lane } of scan.from) {
      const isServers = origin === scan.server || origin === relayOf(scan.server);
      // What this node wrote before its disk was wiped has come back as facts, too.
      const isFormer =
        (origin === self.node || origin === relayOf(self.node)) && incarnation !== self.incarnation;
      if ((isServers || isFormer) && lane === 'replica') intake.base(placeOf(origin, incarnation), seq);
    }
    this.#settle(scan);
  }

  #settle(scan: Scan): void {
    const { intake, grants, identity, termsOf } = this.#options;
    if (scan.target === null) return;
    const { own, relay, incarnation } = scan.target;
    const isCaughtUp =
      intake.seqOf('replica', scan.server, incarnation) >= own &&
      intake.seqOf('replica', relayOf(scan.server), incarnation) >= relay;
    const holder = identity(scan.server);
    if (!isCaughtUp || holder === null) return;
    this.#scan = null;
    const now = termsOf(scan.server);
    const terms = [...scan.terms]
      .map(([partition, term]) => ({ partition, term }))
      .filter(({ partition, term }) => now.get(partition) === term);
    const partitions = terms.map(({ partition }) => partition);
    for (const partition of partitions) this.#holding.add(partition);
    // What is lost from now on is not held.
    const isStill = (partition: number): boolean => this.#holding.has(partition);
    grants.learn(terms, holder, () => this.#hold(partitions.filter(isStill)));
  }
}
