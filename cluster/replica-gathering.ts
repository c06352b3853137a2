// What a claim gathers: everything that those who granted have and this node lacks; and to them goes what they lack.
import type { Key } from '../runtime/key.ts';
import { descending } from '../runtime/status-id.ts';
import { versionMs } from '../runtime/version.ts';
import { type Copy, type PeerMessage, type Position, relayOf } from './peer-messages.ts';
import type { Claim } from './replica-claim.ts';
import type { Intake } from './replica-intake.ts';
import { lastOf } from './replica-last-entries.ts';
import type { ReplicaStore, Send } from './replica-ports.ts';

/** A pull of a claim: pieces follow until all is here. */
interface Pull {
  claim: Claim;
  from: number;
  position: Position;
  upTo: number;
}

/** Asked of a node, and not answered yet. */
interface Question {
  claim: Claim;
  node: number;
  message: PeerMessage;
}

/** What goes to a node that granted: of the partitions it has all of. */
interface Gift {
  node: number;
  shared: ReadonlySet<number>;
  from: Position;
  upTo: number;
}

export interface GatheringOptions {
  self: number;
  store: ReplicaStore;
  intake: Intake;
  send: Send;
  partitionOf(key: Key): number;
  /** These are on the disk now, in the relay. Who is live here has not seen them: they came by no lane. */
  arrived(from: number, entries: readonly Copy[]): void;
  /** The relay has grown. */
  relayed(): void;
  /** The claim is still under way. */
  isOpen(claim: Claim): boolean;
  /** One more piece is here: nothing may be open any more. */
  gathered(claim: Claim): void;
  /** What is needed can't be had: the claim comes to nothing, and another one is made. */
  failed(claim: Claim): void;
}

/** Added to the ids of a claim's scans, which answer to the same message as those of newcomers. */
const scanIds = 2 ** 40;
const readAtOnce = 512;
/** What is older everybody has who was there. */
const sayAgainMs = 15_000;

export class Gathering {
  readonly #options: GatheringOptions;
  readonly #pulls = new Map<number, Pull>();
  readonly #gives = new Map<number, Claim>();
  readonly #scans = new Map<number, { claim: Claim; shared: ReadonlySet<number> }>();
  readonly #questions = new Map<number, Question>();
  #lastId = 0;

  constructor(options: GatheringOptions) {
    this.#options = options;
  }

  /** Everything that those who granted have and this node lacks; and to them what they lack. */
  begin(claim: Claim): void {
    const { self, intake } = this.#options;
    const mine = intake.have();
    this.#sayAgain(claim);
    for (const [node, { have, held }] of claim.answers) {
      const shared = new Set(held.filter((partition) => claim.terms.has(partition)));
      if (shared.size === 0) continue;
      for (const position of have) {
        if (position.origin === self || position.origin === relayOf(self)) continue;
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

  /**
   * What the last server had and may not have told everybody is here, and comes to others from its log, if that can be reached, at any
   * time. So that nobody is told of something newer first, this node says it again before it writes anything.
   */
  #sayAgain(claim: Claim): void {
    const { self, store, intake, partitionOf, relayed } = this.#options;
    const sinceMs = versionMs(store.clock) - sayAgainMs;
    const copies = intake
      .originsOf('replica')
      .filter(({ origin }) => origin !== self && origin !== relayOf(self))
      .flatMap((position) =>
        lastOf(store, position).filter(
          ({ key, version }) => versionMs(version) > sinceMs && claim.terms.has(partitionOf(key)),
        ),
      );
    if (copies.length === 0) return;
    const id = ++this.#lastId;
    claim.open.add(id);
    copies.sort((one, other) => descending(other.version, one.version));
    store.adopt({ copies, from: { kind: 'again' }, positions: [] }, () => {
      relayed();
      this.#close(claim, id);
    });
  }

  /** The claim has come to nothing. */
  stop(claim: Claim): void {
    for (const [id, { claim: of }] of this.#pulls) if (of === claim) this.#pulls.delete(id);
    for (const [id, of] of this.#gives) if (of === claim) this.#gives.delete(id);
    for (const [id, { claim: of }] of this.#scans) if (of === claim) this.#scans.delete(id);
    for (const [id, { claim: of }] of this.#questions) if (of === claim) this.#questions.delete(id);
  }

  /** What was asked by a link of before, or its answer, may be lost: it is asked by this one. Twice does no harm. */
  linked(node: number): void {
    for (const { node: asked, message } of this.#questions.values())
      if (asked === node) this.#options.send(node, message);
  }

  /** Nodes that have yet to answer. */
  *waitsFor(claim: Claim): Iterable<number> {
    for (const { claim: of, node } of this.#questions.values()) if (of === claim) yield node;
  }

  #send(id: number, question: Question): void {
    this.#questions.set(id, question);
    this.#options.send(question.node, question.message);
  }

  #scan(claim: Claim, node: number, shared: ReadonlySet<number>, after: Key | null = null): void {
    const id = ++this.#lastId + scanIds;
    this.#scans.set(id, { claim, shared });
    claim.open.add(id);
    const about = { partitions: [...shared], after, asOwner: true, guestsOf: null };
    this.#send(id, { claim, node, message: { kind: 'scan', id, ...about } });
  }

  /** `relayed`: called when it is on the disk. False: it is not one of a claim's. */
  scanned(node: number, message: Extract<PeerMessage, { kind: 'scanned' }>, relayed: () => void): boolean {
    const scan = this.#scans.get(message.id);
    if (scan === undefined) return false;
    this.#scans.delete(message.id);
    this.#questions.delete(message.id);
    const { claim, shared } = scan;
    const { store, isOpen, arrived } = this.#options;
    // A fact has no place in a log.
    const copies = message.facts.map((fact): Copy => ({ ...fact, seq: 0, live: true }));
    store.adopt({ copies, from: { kind: 'relay' }, positions: [] }, () => {
      relayed();
      arrived(node, copies);
      if (message.next !== null && isOpen(claim)) this.#scan(claim, node, shared, message.next);
      this.#close(claim, message.id);
    });
    return true;
  }

  /** The owner does not hold them any more, or not in its logs: the claim comes to nothing, and another one is made. */
  unscanned(id: number): void {
    const claim = this.#scans.get(id)?.claim ?? this.#pulls.get(id)?.claim;
    if (claim !== undefined) this.#options.failed(claim);
  }

  #pull(pull: Pull): void {
    const { claim, from, position, upTo } = pull;
    const id = ++this.#lastId;
    this.#pulls.set(id, pull);
    claim.open.add(id);
    const { origin, incarnation, seq: after } = position;
    const about = { origin, incarnation, after, upTo, partitions: [...claim.terms.keys()] };
    this.#send(id, { claim, node: from, message: { kind: 'pull', id, ...about, committed: false } });
  }

  /** False: it is not one of a claim's. */
  pulled(message: Extract<PeerMessage, { kind: 'pulled' }>): boolean {
    const pull = this.#pulls.get(message.id);
    if (pull === undefined) return false;
    this.#pulls.delete(message.id);
    this.#questions.delete(message.id);
    const { store, arrived } = this.#options;
    const copies = message.entries;
    store.adopt({ copies, from: { kind: 'relay' }, positions: [], isNewsToOthers: true }, () => {
      arrived(pull.from, message.entries);
      if (!message.isLast) this.#pull({ ...pull, position: { ...pull.position, seq: message.upTo } });
      this.#close(pull.claim, message.id);
    });
    return true;
  }

  #give(claim: Claim, { node, shared, from, upTo }: Gift): void {
    const { store, partitionOf } = this.#options;
    let after = from.seq;
    while (after < upTo) {
      const piece = store.read(from.origin, from.incarnation, after, readAtOnce);
      // So old that it was acknowledged long ago, by others.
      if (piece === null) return;
      const entries: Copy[] = piece.entries.filter(
        ({ key, seq }) => seq <= upTo && shared.has(partitionOf(key)),
      );
      if (entries.length > 0) {
        const id = ++this.#lastId;
        claim.open.add(id);
        this.#gives.set(id, claim);
        this.#send(id, { claim, node, message: { kind: 'give', id, entries } });
      }
      if (piece.upTo <= after) return;
      after = piece.upTo;
    }
  }

  /** A node has on its disk what it was given. */
  given(id: number): void {
    const claim = this.#gives.get(id);
    if (claim === undefined) return;
    this.#gives.delete(id);
    this.#questions.delete(id);
    this.#close(claim, id);
  }

  #close(claim: Claim, id: number): void {
    claim.open.delete(id);
    this.#options.gathered(claim);
  }
}
