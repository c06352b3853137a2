// Which partitions this core serves: it claims terms from owners, gathers what they have, serves while its leases hold, and hands over.
import type { Key } from '../runtime/key.ts';
import { makeVersion, type Version, versionMs } from '../runtime/version.ts';
import { type Copy, type PeerMessage, type Position, relayOf, type Term } from './peer-messages.ts';
import type { Grants } from './replica-grants.ts';
import type { Intake } from './replica-intake.ts';
import type { Leases } from './replica-leases.ts';
import type { PeerIdentity, ReplicaClock, ReplicaStore, Send } from './replica-ports.ts';
import type { Stored } from './replica-stored.ts';
import { holdersOf, isQuorum, isReadQuorum, type Ring } from './ring.ts';

type Granted = Extract<PeerMessage, { kind: 'granted' }>;

/** Its term, and whether new requests are taken: one that is being handed over finishes what it has. */
interface Served {
  term: number;
  isOpen: boolean;
}

/** A claim of several partitions at once. */
interface Claim {
  id: number;
  phase: 'asking' | 'gathering' | 'storing';
  atMs: number;
  /** Of those still hoped for. */
  terms: Map<number, number>;
  isSelfGranted: boolean;
  answers: Map<number, Granted>;
  /** Pulls and gives under way. */
  open: Set<number>;
}

/** A pull of a claim: pieces follow until all is here. */
interface Pull {
  claim: Claim;
  from: number;
  position: Position;
  upTo: number;
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
  /** Who serves it, as far as others have said: a linked node, or null. */
  serverOf(partition: number): number | null;
  /** The set of partitions served is another now. */
  changed(): void;
  chance(): number;
}

const askingMs = 700;
const claimMs = 6000;
/** The next owner in line waits so long for the one before it. */
const patienceMs = 400;
/** A clock that is to be above all that the last server can have given. */
const leapMs = 1000;
const hopMs = 50;
const yieldEveryMs = 1500;
const renewEveryMs = 500;
const againMs = 800;
/** Added to the ids of a claim's scans, which answer to the same message as those of newcomers. */
const scanIds = 2 ** 40;
const pullAtOnce = 512;

export class Server {
  readonly #options: ServerOptions;
  readonly #serving = new Map<number, Served>();
  /** Who has granted this node's terms, without a gap in the lease since. */
  readonly #grantedBy = new Map<number, { term: number; by: Set<number> }>();
  readonly #claims = new Map<number, Claim>();
  readonly #pulls = new Map<number, Pull>();
  readonly #gives = new Map<number, Claim>();
  readonly #scans = new Map<number, { claim: Claim; shared: ReadonlySet<number> }>();
  /** Since when nobody serves it. */
  readonly #unservedMs = new Map<number, number>();
  #yieldedMs = Number.NEGATIVE_INFINITY;
  #renewedMs = Number.NEGATIVE_INFINITY;
  #lastId = 0;

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  /** All that is served, whether new requests are taken or not. */
  terms(): Term[] {
    return [...this.#serving].flatMap(([partition, { term, isOpen }]) =>
      isOpen ? [{ partition, term }] : [],
    );
  }

  /** Or is about to: its own grant is in use. */
  serves(partition: number): boolean {
    if (this.#serving.has(partition)) return true;
    for (const { terms } of this.#claims.values()) if (terms.has(partition)) return true;
    return false;
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
    const granted = this.#grantedBy.get(partition);
    const placement = ring().placement(partition);
    // The ring may have changed since the term was granted.
    if (!placement.owners.includes(self.node)) return false;
    return isQuorum(placement, (node) => granted?.by.has(node) && (node === self.node || leases.holds(node)));
  }

  /** There was a gap in the lease: what that node granted may be somebody else's by now. */
  lapsed(node: number): void {
    for (const { by } of this.#grantedBy.values()) by.delete(node);
  }

  tick(): void {
    const { clock } = this.#options;
    for (const partition of [...this.#serving.keys()]) {
      if (!this.#isLive(partition)) this.#lose(partition);
    }
    this.#renew();
    for (const claim of [...this.#claims.values()]) {
      if (clock.monoMs() - claim.atMs > claimMs) this.#drop(claim);
      else if (claim.phase === 'asking' && clock.monoMs() - claim.atMs > askingMs) this.#asked(claim);
    }
    this.#begin();
  }

  /** Those whose grant has lapsed, or who were away, are asked again for the same term. */
  #renew(): void {
    const { ring, self, leases, send, clock } = this.#options;
    if (clock.monoMs() - this.#renewedMs < renewEveryMs) return;
    this.#renewedMs = clock.monoMs();
    const lacking = new Map<number, Term[]>();
    for (const [partition, { term }] of this.#serving) {
      const by = this.#grantedBy.get(partition)?.by;
      for (const node of holdersOf(ring().placement(partition))) {
        if (node === self.node || by?.has(node) === true || !leases.holds(node)) continue;
        const terms = lacking.get(node);
        if (terms === undefined) lacking.set(node, [{ partition, term }]);
        else terms.push({ partition, term });
      }
    }
    for (const [node, terms] of lacking) send(node, { kind: 'claim', id: 0, terms });
  }

  #lose(partition: number): void {
    const served = this.#serving.get(partition);
    this.#serving.delete(partition);
    if (served !== undefined) this.#giveBack([{ partition, term: served.term }]);
    this.#grantedBy.delete(partition);
    this.#options.stored.orphan(partition);
    this.#options.changed();
  }

  /** Claims what nobody serves and this node is in line for. */
  #begin(): void {
    const { ring, self, holds, serverOf, clock, grants } = this.#options;
    const nowMs = clock.monoMs();
    const claimed = new Set([...this.#claims.values()].flatMap(({ terms }) => [...terms.keys()]));
    const wanted = new Map<number, number>();
    const better = new Map<number, number[]>();
    for (let partition = 0; partition < ring().partitions; partition++) {
      const { owners } = ring().placement(partition);
      if (
        !owners.includes(self.node) ||
        !holds(partition) ||
        this.#serving.has(partition) ||
        claimed.has(partition)
      )
        continue;
      const server = serverOf(partition);
      if (server !== null) {
        this.#unservedMs.delete(partition);
        if (owners[0] === self.node) better.set(server, [...(better.get(server) ?? []), partition]);
        continue;
      }
      const sinceMs = this.#unservedMs.get(partition) ?? nowMs;
      this.#unservedMs.set(partition, sinceMs);
      if (nowMs - sinceMs < this.#rank(owners) * patienceMs) continue;
      wanted.set(partition, Math.max(grants.term(partition) + 1, clock.wallMs()));
    }
    if (wanted.size > 0) this.#claim(wanted);
    if (better.size > 0) this.#askToYield(better);
  }

  /** How many reachable owners are before this one. */
  #rank(owners: readonly number[]): number {
    const { self, leases } = this.#options;
    let rank = 0;
    for (const node of owners) {
      if (node === self.node) return rank;
      if (leases.isLinked(node)) rank++;
    }
    return rank;
  }

  /** The preferred server asks for what is its own, when it has all that there is. */
  #askToYield(better: Map<number, number[]>): void {
    const { clock, send } = this.#options;
    if (clock.monoMs() - this.#yieldedMs < yieldEveryMs) return;
    this.#yieldedMs = clock.monoMs();
    for (const [server, partitions] of better) send(server, { kind: 'yield', partitions });
  }

  #claim(terms: Map<number, number>): void {
    const { clock, self, grants } = this.#options;
    const id = ++this.#lastId;
    const claim: Claim = {
      id,
      phase: 'asking',
      // Two who claim at once do not go on doing so.
      atMs: clock.monoMs() + this.#options.chance() * 300,
      terms,
      isSelfGranted: false,
      answers: new Map(),
      open: new Set(),
    };
    this.#claims.set(id, claim);
    const own = [...terms].map(([partition, term]) => ({ partition, term }));
    grants.consider(self, own, (granted) => {
      if (!this.#claims.has(id)) return;
      claim.isSelfGranted = true;
      this.#keepOnly(claim, (partition) => granted.includes(partition));
      for (const partition of claim.terms.keys()) this.#note(partition, claim, self.node);
      if (claim.terms.size === 0) return this.#drop(claim);
      this.#ask(claim);
    });
  }

  #ask(claim: Claim): void {
    const { ring, self, send, leases } = this.#options;
    const asked = new Map<number, Term[]>();
    for (const [partition, term] of claim.terms) {
      for (const node of holdersOf(ring().placement(partition))) {
        if (node === self.node || !leases.isLinked(node)) continue;
        asked.set(node, [...(asked.get(node) ?? []), { partition, term }]);
      }
    }
    for (const [node, terms] of asked) send(node, { kind: 'claim', id: claim.id, terms });
    if (asked.size === 0) this.#asked(claim);
  }

  #note(partition: number, { terms }: Pick<Claim, 'terms'>, node: number): void {
    const term = terms.get(partition);
    if (term === undefined) return;
    const known = this.#grantedBy.get(partition);
    if (known?.term === term) known.by.add(node);
    else this.#grantedBy.set(partition, { term, by: new Set([node]) });
  }

  #keepOnly(claim: Claim, keep: (partition: number) => boolean): void {
    const lost: Term[] = [];
    for (const [partition, term] of [...claim.terms]) {
      if (keep(partition)) continue;
      claim.terms.delete(partition);
      this.#forget(partition);
      lost.push({ partition, term });
    }
    if (lost.length > 0) this.#giveBack(lost);
  }

  /** A claim that came to nothing is made again after a while: not at once, or two might stand in each other's way for ever. */
  #forget(partition: number): void {
    const { clock, chance } = this.#options;
    this.#unservedMs.set(partition, clock.monoMs() + chance() * againMs);
    if (!this.#serving.has(partition)) this.#grantedBy.delete(partition);
  }

  #drop(claim: Claim): void {
    this.#claims.delete(claim.id);
    for (const [id, { claim: of }] of this.#pulls) if (of === claim) this.#pulls.delete(id);
    for (const [id, of] of this.#gives) if (of === claim) this.#gives.delete(id);
    for (const [id, { claim: of }] of this.#scans) if (of === claim) this.#scans.delete(id);
    this.#keepOnly(claim, () => false);
  }

  /** An owner's answer. Of `id` 0: a grant was renewed. */
  granted(node: number, message: Granted): void {
    if (message.id === 0) {
      for (const partition of message.granted) {
        if (this.#serving.has(partition)) this.#grantedBy.get(partition)?.by.add(node);
      }
      return;
    }
    const claim = this.#claims.get(message.id);
    if (claim === undefined || claim.phase !== 'asking') return;
    claim.answers.set(node, message);
    for (const partition of message.granted) this.#note(partition, claim, node);
    const { ring, self, leases } = this.#options;
    const waitsFor = [...claim.terms.keys()].some((partition) =>
      holdersOf(ring().placement(partition)).some(
        (holder) => holder !== self.node && leases.isLinked(holder) && !claim.answers.has(holder),
      ),
    );
    if (!waitsFor) this.#asked(claim);
  }

  /** Who was to answer has, or has had its time. */
  #asked(claim: Claim): void {
    const { ring, self } = this.#options;
    if (!claim.isSelfGranted) return;
    const holdsToo = (node: number, partition: number): boolean =>
      node === self.node || (claim.answers.get(node)?.held.includes(partition) ?? false);
    this.#keepOnly(claim, (partition) => {
      const placement = ring().placement(partition);
      const by = this.#grantedBy.get(partition)?.by;
      return (
        by !== undefined &&
        isQuorum(placement, (node) => by.has(node)) &&
        isReadQuorum(placement, (node) => by.has(node) && holdsToo(node, partition))
      );
    });
    if (claim.terms.size === 0) return this.#drop(claim);
    claim.phase = 'gathering';
    this.#gather(claim);
    if (claim.terms.size === 0) return this.#drop(claim);
    this.#settle(claim);
  }

  /** Everything that those who granted have and this node lacks; and to them what they lack. */
  #gather(claim: Claim): void {
    const { self, intake } = this.#options;
    const mine = intake.have();
    for (const [node, { have, held }] of claim.answers) {
      const shared = new Set(held.filter((partition) => claim.terms.has(partition)));
      if (shared.size === 0) continue;
      for (const position of have) {
        if (position.origin === self.node || position.origin === relayOf(self.node)) continue;
        const seq = intake.seqOf('replica', position.origin, position.incarnation);
        if (seq < position.from) {
          // It has got as facts what this node would need as entries.
          this.#scan(claim, node, shared);
          break;
        }
        if (seq < position.seq)
          this.#pull({ claim, from: node, position: { ...position, seq }, upTo: position.seq });
      }
      for (const { origin, incarnation, seq } of mine) {
        if (origin === node || origin === relayOf(node)) continue;
        const theirs =
          have.find((other) => other.origin === origin && other.incarnation === incarnation)?.seq ?? 0;
        if (theirs < seq)
          this.#give(claim, { node, shared, from: { origin, incarnation, seq: theirs }, upTo: seq });
      }
    }
  }

  #scan(claim: Claim, node: number, shared: ReadonlySet<number>, after: Key | null = null): void {
    const id = ++this.#lastId + scanIds;
    this.#scans.set(id, { claim, shared });
    claim.open.add(id);
    this.#options.send(node, { kind: 'scan', id, partitions: [...shared], after, asOwner: true });
  }

  /** False: it is not one of a claim's. */
  scanned(node: number, message: Extract<PeerMessage, { kind: 'scanned' }>, relayed: () => void): boolean {
    const scan = this.#scans.get(message.id);
    if (scan === undefined) return false;
    this.#scans.delete(message.id);
    const { claim, shared } = scan;
    const copies = message.facts.map((fact) => ({ ...fact, live: true }));
    this.#options.store.adopt({ copies, from: { kind: 'relay' }, positions: [] }, () => {
      relayed();
      if (message.next !== null && this.#claims.has(claim.id)) this.#scan(claim, node, shared, message.next);
      claim.open.delete(message.id);
      this.#settle(claim);
    });
    return true;
  }

  /** The owner does not hold them any more: the claim comes to nothing, and another one is made. */
  unscanned(id: number): void {
    const scan = this.#scans.get(id);
    if (scan !== undefined) this.#drop(scan.claim);
  }

  #pull(pull: Pull): void {
    const id = ++this.#lastId;
    this.#pulls.set(id, pull);
    pull.claim.open.add(id);
    const { origin, incarnation, seq: after } = pull.position;
    const { upTo } = pull;
    const partitions = [...pull.claim.terms.keys()];
    this.#options.send(pull.from, {
      kind: 'pull',
      id,
      origin,
      incarnation,
      after,
      upTo,
      partitions,
      committed: false,
    });
  }

  /** False: it is not one of a claim's. */
  pulled(message: Extract<PeerMessage, { kind: 'pulled' }>): boolean {
    const pull = this.#pulls.get(message.id);
    if (pull === undefined) return false;
    this.#pulls.delete(message.id);
    const { claim } = pull;
    this.#options.store.adopt({ copies: message.entries, from: { kind: 'relay' }, positions: [] }, () => {
      if (!message.isLast) {
        const position = { ...pull.position, seq: message.upTo };
        this.#pull({ ...pull, position });
      }
      claim.open.delete(message.id);
      this.#settle(claim);
    });
    return true;
  }

  #give(
    claim: Claim,
    { node, shared, from, upTo }: { node: number; shared: ReadonlySet<number>; from: Position; upTo: number },
  ): void {
    const { store, send, partitionOf } = this.#options;
    let after = from.seq;
    while (after < upTo) {
      const piece = store.read(from.origin, from.incarnation, after, pullAtOnce);
      // So old that it was acknowledged long ago, by others.
      if (piece === null) return;
      const entries: Copy[] = piece.entries.filter(
        ({ key, seq }) => seq <= upTo && shared.has(partitionOf(key)),
      );
      if (entries.length > 0) {
        const id = ++this.#lastId;
        claim.open.add(id);
        this.#gives.set(id, claim);
        send(node, { kind: 'give', id, entries });
      }
      if (piece.upTo <= after) return;
      after = piece.upTo;
    }
  }

  given(id: number): void {
    const claim = this.#gives.get(id);
    if (claim === undefined) return;
    this.#gives.delete(id);
    claim.open.delete(id);
    this.#settle(claim);
  }

  #settle(claim: Claim): void {
    if (claim.phase !== 'gathering' || claim.open.size > 0 || !this.#claims.has(claim.id)) return;
    claim.phase = 'storing';
    const { store, stored } = this.#options;
    let waiting = 2 * claim.terms.size;
    const arrived = (): void => {
      waiting--;
      if (waiting === 0 && this.#claims.has(claim.id)) this.#serve(claim);
    };
    for (const partition of [...claim.terms.keys()]) {
      stored.when('own', store.head('own'), partition, arrived);
      stored.when('relay', store.head('relay'), partition, arrived);
    }
  }

  #serve(claim: Claim): void {
    const { store, clock, self, changed } = this.#options;
    this.#claims.delete(claim.id);
    const clocks = [store.clock, ...[...claim.answers.values()].map(({ clock: seen }) => seen)];
    // By the wall the server before was at most half a second ahead; a clock that ran ahead of all walls stands still until they catch up.
    const aboveMs = Math.max(clock.wallMs() + leapMs, ...clocks.map((seen) => versionMs(seen) + hopMs));
    store.observe(makeVersion(aboveMs, 0, self.node));
    for (const [partition, term] of claim.terms) {
      this.#unservedMs.delete(partition);
      if (this.#grantedBy.get(partition)?.term === term && this.#isLive(partition))
        this.#serving.set(partition, { term, isOpen: true });
    }
    this.#keepOnly(claim, (partition) => this.#serving.has(partition));
    changed();
  }

  /** The preferred server is ready: nothing new is begun; when all that was is stored, the terms are given back. */
  yielded(node: number, partitions: readonly number[]): void {
    const { ring, store, stored, changed } = this.#options;
    for (const partition of partitions) {
      const served = this.#serving.get(partition);
      if (served === undefined || !served.isOpen || ring().placement(partition).owners[0] !== node) continue;
      served.isOpen = false;
      stored.when('own', this.#lastGiven(store), partition, () => this.#release(partition, served));
    }
    changed();
  }

  /** What is on its way to the disk comes after the head. */
  #lastGiven(store: ReplicaStore): number {
    return store.head('own') + store.inFlight;
  }

  #release(partition: number, served: Served): void {
    if (this.#serving.get(partition) !== served) return;
    this.#lose(partition);
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
    const unused = terms.filter(({ partition, term }) => {
      if (this.#serving.get(partition)?.term === term) return false;
      for (const claim of this.#claims.values()) if (claim.terms.get(partition) === term) return false;
      return true;
    });
    if (unused.length > 0) this.#options.send(node, { kind: 'release', terms: unused });
  }

  /** Gives back all, in order: the process is about to stop. */
  close(): void {
    for (const [partition, served] of this.#serving) {
      served.isOpen = false;
      this.#options.stored.when('own', this.#lastGiven(this.#options.store), partition, () =>
        this.#release(partition, served),
      );
    }
    this.#options.changed();
  }

  /** Of a new ring: what this node owns no more is given up. */
  ringChanged(): void {
    const { ring, self } = this.#options;
    for (const [partition, served] of [...this.#serving])
      if (!ring().placement(partition).owners.includes(self.node)) this.#release(partition, served);
  }

  /** The highest version is above all that the server before can have given: see `leapMs`. */
  get clock(): Version {
    return this.#options.store.clock;
  }
}
