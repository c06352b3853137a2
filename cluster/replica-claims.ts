// How this core gets to serve: it claims terms of the owners, gathers what they have, and waits until enough have stored that.
import type { Key } from '../runtime/key.ts';
import { makeVersion, versionMs } from '../runtime/version.ts';
import type { Copy, Term } from './peer-messages.ts';
import type { Backing } from './replica-backing.ts';
import type { Claim, Granted } from './replica-claim.ts';
import { Gathering } from './replica-gathering.ts';
import type { Grants } from './replica-grants.ts';
import type { Intake } from './replica-intake.ts';
import type { Leases } from './replica-leases.ts';
import type { PeerIdentity, ReplicaClock, ReplicaStore, Send } from './replica-ports.ts';
import type { Stored } from './replica-stored.ts';
import { holdersOf, isQuorum, isReadQuorum, type Ring } from './ring.ts';

export interface ClaimsOptions {
  self: PeerIdentity;
  store: ReplicaStore;
  clock: ReplicaClock;
  ring: () => Ring;
  leases: Leases;
  grants: Grants;
  backing: Backing;
  intake: Intake;
  stored: Stored;
  send: Send;
  partitionOf(key: Key): number;
  chance(): number;
  /** Entries that a claim has gathered: on the disk now. */
  arrived(from: number, entries: readonly Copy[]): void;
  /** See `GatheringOptions`. */
  relayed(): void;
  /** See `TakeoverNotes`. */
  noteLate(partitions: ReadonlySet<number>, done: () => void): void;
  /** A claim has come to its end: what of it can be served is served from now on, and has the answer true. */
  serve(term: Term): boolean;
  /** These terms were claimed and came to nothing: nobody uses them any more. */
  failed(terms: readonly Term[]): void;
  /** After all terms of a claim that has come to its end. */
  served(): void;
}

/** Owners who are to answer have so long. */
const askingMs = 700;
/** A claim that has not come to its end by then comes to nothing. */
const claimMs = 6000;
/** Where claims come to nothing again and again, both are longer by up to this factor. */
const mostPatience = 4;
/** Two who claim at once are apart by up to this the next time. */
const apartMs = 300;
/** So long an answer is waited for from a node whose link is gone: another link may come at once. */
const aloneMs = 300;
/** A clock that is to be above all that the last server can have given. */
const leapMs = 1000;
const hopMs = 50;

export class Claims {
  /** What the claims under way gather. */
  readonly gathering: Gathering;
  readonly #options: ClaimsOptions;
  readonly #claims = new Map<number, Claim>();
  #lastId = 0;

  constructor(options: ClaimsOptions) {
    this.#options = options;
    const { self, store, intake, send, partitionOf } = options;
    this.gathering = new Gathering({
      self: self.node,
      store,
      intake,
      send,
      partitionOf,
      arrived: (from, entries) => options.arrived(from, entries),
      relayed: () => options.relayed(),
      isOpen: (claim) => this.#claims.has(claim.id),
      gathered: (claim) => this.#settle(claim),
      failed: (claim) => this.#drop(claim),
    });
  }

  /** A claim of it is under way. */
  has(partition: number): boolean {
    for (const { terms } of this.#claims.values()) if (terms.has(partition)) return true;
    return false;
  }

  /** A claim under this term is under way. */
  hasTerm({ partition, term }: Term): boolean {
    for (const { terms } of this.#claims.values()) if (terms.get(partition) === term) return true;
    return false;
  }

  /** What takes too long is gone on with, or comes to nothing. */
  tick(): void {
    const { clock } = this.#options;
    for (const claim of [...this.#claims.values()]) {
      if (clock.monoMs() - claim.atMs > claimMs * claim.patience) this.#drop(claim);
      else if (claim.phase === 'asking' && this.#isOverdue(claim)) this.#asked(claim);
      else if (claim.phase === 'gathering' && this.#isLeftAlone(claim)) this.#drop(claim);
    }
  }

  /** Whoever was to answer has had its time, or is linked no more. */
  #isOverdue(claim: Claim): boolean {
    if (this.#options.clock.monoMs() - claim.atMs > askingMs * claim.patience) return true;
    return claim.isAsked && !this.#waitsFor(claim);
  }

  /** Somebody who has yet to answer is linked no more, and does not come back soon: others may have it, too. */
  #isLeftAlone(claim: Claim): boolean {
    const { clock, leases } = this.#options;
    const nowMs = clock.monoMs();
    const isAway = [...this.gathering.waitsFor(claim)].some((node) => !leases.isLinked(node));
    claim.aloneMs = isAway ? (claim.aloneMs ?? nowMs) : null;
    return claim.aloneMs !== null && nowMs - claim.aloneMs > aloneMs;
  }

  /** By partition, the terms; and how often one was claimed in vain. This node's own grants come first: they are on its disk before others are asked. */
  begin(terms: Map<number, number>, failures: number): void {
    const { clock, self, grants, backing, chance } = this.#options;
    const id = ++this.#lastId;
    const claim: Claim = {
      id,
      phase: 'asking',
      // Two who claim at once do not go on doing so.
      atMs: clock.monoMs() + chance() * apartMs,
      patience: Math.min(2 ** failures, mostPatience),
      terms,
      isSelfGranted: false,
      isAsked: false,
      answers: new Map(),
      open: new Set(),
      aloneMs: null,
    };
    this.#claims.set(id, claim);
    grants.consider(self, listed(terms), (granted) => {
      if (!this.#claims.has(id)) return;
      claim.isSelfGranted = true;
      this.#keepOnly(claim, ({ partition }) => granted.includes(partition));
      for (const one of listed(claim.terms)) backing.note(one, self.node);
      if (claim.terms.size === 0) this.#drop(claim);
      else this.#ask(claim);
    });
  }

  #ask(claim: Claim): void {
    const { ring, self, leases } = this.#options;
    const asked = new Map<number, Term[]>();
    for (const [partition, term] of claim.terms) {
      for (const node of holdersOf(ring().placement(partition))) {
        if (node === self.node || !leases.isLinked(node)) continue;
        asked.set(node, [...(asked.get(node) ?? []), { partition, term }]);
      }
    }
    claim.isAsked = true;
    for (const [node, terms] of asked) this.#options.send(node, { kind: 'claim', id: claim.id, terms });
    if (asked.size === 0) this.#asked(claim);
  }

  /** What was asked of it, or answered, by a link of before may be lost: it is asked by this one. */
  linked(node: number): void {
    this.gathering.linked(node);
    const { ring, send } = this.#options;
    for (const { phase, isAsked, answers, terms, id } of this.#claims.values()) {
      if (phase !== 'asking' || !isAsked || answers.has(node)) continue;
      const its = listed(terms).filter(({ partition }) =>
        holdersOf(ring().placement(partition)).includes(node),
      );
      if (its.length > 0) send(node, { kind: 'claim', id, terms: its });
    }
  }

  /** Whoever is linked and was asked, and has not answered. */
  #waitsFor(claim: Claim): boolean {
    const { ring, self, leases } = this.#options;
    return [...claim.terms.keys()].some((partition) =>
      holdersOf(ring().placement(partition)).some(
        (holder) => holder !== self.node && leases.isLinked(holder) && !claim.answers.has(holder),
      ),
    );
  }

  /** What is not hoped for any more is given back. */
  #keepOnly(claim: Claim, keep: (term: Term) => boolean): void {
    const lost = listed(claim.terms).filter((one) => !keep(one));
    for (const { partition } of lost) claim.terms.delete(partition);
    if (lost.length > 0) this.#options.failed(lost);
  }

  #drop(claim: Claim): void {
    this.#claims.delete(claim.id);
    this.gathering.stop(claim);
    this.#keepOnly(claim, () => false);
  }

  /** An owner's answer. */
  granted(node: number, message: Granted): void {
    const claim = this.#claims.get(message.id);
    if (claim === undefined || claim.phase !== 'asking') return;
    claim.answers.set(node, message);
    const { backing } = this.#options;
    for (const partition of message.granted) {
      const term = claim.terms.get(partition);
      if (term !== undefined) backing.note({ partition, term }, node);
    }
    if (!this.#waitsFor(claim)) this.#asked(claim);
  }

  /** Who was to answer has, or has had its time. */
  #asked(claim: Claim): void {
    const { ring, self, backing, leases } = this.#options;
    if (!claim.isSelfGranted) return;
    const holdsToo = (node: number, partition: number): boolean =>
      node === self.node || (claim.answers.get(node)?.held.includes(partition) ?? false);
    // Each gave leases only to who was not far ahead of it: so it, or this node, bounds the clock of the last server.
    const isFollowed = (node: number): boolean => node === self.node || !leases.isAhead(node);
    this.#keepOnly(claim, ({ partition }) => {
      const placement = ring().placement(partition);
      const by = backing.of(partition);
      return (
        isQuorum(placement, (node) => by.has(node)) &&
        isReadQuorum(placement, (node) => by.has(node) && holdsToo(node, partition)) &&
        isReadQuorum(placement, (node) => by.has(node) && isFollowed(node))
      );
    });
    if (claim.terms.size > 0) {
      claim.phase = 'gathering';
      this.gathering.begin(claim);
    }
    if (claim.terms.size === 0) this.#drop(claim);
    else this.#settle(claim);
  }

  /** All that was to be gathered is here; others are to have it, too. */
  #settle(claim: Claim): void {
    if (claim.phase !== 'gathering' || claim.open.size > 0 || !this.#claims.has(claim.id)) return;
    claim.phase = 'storing';
    this.#store(claim);
  }

  #store(claim: Claim): void {
    const { store, stored, noteLate } = this.#options;
    const partitions = new Set(claim.terms.keys());
    let waiting = 2 * partitions.size;
    const arrived = (): void => {
      waiting--;
      if (waiting > 0 || !this.#claims.has(claim.id)) return;
      // What that adds to the relay is to be stored, too.
      const again = (): void => {
        if (this.#claims.has(claim.id)) this.#store(claim);
      };
      if (stored.passBeforeServing(partitions, again)) return;
      noteLate(partitions, () => {
        if (this.#claims.has(claim.id)) this.#serve(claim);
      });
    };
    for (const partition of partitions) {
      stored.when('own', store.head('own'), partition, arrived);
      stored.when('relay', store.head('relay'), partition, arrived);
    }
  }

  #serve(claim: Claim): void {
    const { store, clock, self, leases, serve, served } = this.#options;
    this.#claims.delete(claim.id);
    // Who gets no lease for a clock that is far ahead does not set this one ahead either.
    const answers = [...claim.answers].filter(([node]) => !leases.isAhead(node));
    const clocks = [store.clock, ...answers.map(([, { clock: seen }]) => seen)];
    // The highest version is above all that the server before can have given.
    // By the wall the server before was at most half a second ahead; a clock that ran ahead of all walls stands still until they catch up.
    const aboveMs = Math.max(clock.wallMs() + leapMs, ...clocks.map((seen) => versionMs(seen) + hopMs));
    store.observe(makeVersion(aboveMs, 0, self.node));
    this.#keepOnly(claim, (term) => serve(term));
    served();
  }
}

function listed(terms: ReadonlyMap<number, number>): Term[] {
  return [...terms].map(([partition, term]) => ({ partition, term }));
}
