// Copies of the others' logs: asked of each new server, and until they are here its word is not believed. Their origins may be away.
import type { Key } from '../runtime/key.ts';
import { type Copy, type PeerMessage, type Position, placeOf, relayBit, relayOf } from './peer-messages.ts';
import type { Horizon, HorizonChange, Statement } from './replica-horizon.ts';
import type { Intake } from './replica-intake.ts';
import type { Leases } from './replica-leases.ts';
import type { ReplicaClock, ReplicaStore, Send } from './replica-ports.ts';
import type { Ring } from './ring.ts';

/** Versions of a node's list of terms for which copies of each origin's log were asked of it, and have come. */
interface Peer {
  asked: Map<number, number>;
  here: Map<number, number>;
}

/** What a node serves, by the statement that copies are asked for. */
type Said = Pick<Statement, 'version' | 'terms'>;

interface Asked {
  from: number;
  position: Position;
  said: Said;
  sentMs: number;
  /** The answer has come, and is on its way to the disk. */
  isTaken: boolean;
}

export interface CopiesOptions {
  self: number;
  store: Pick<ReplicaStore, 'adopt'>;
  clock: ReplicaClock;
  ring: () => Ring;
  leases: Pick<Leases, 'isLinked'>;
  horizon: Pick<Horizon, 'says'>;
  intake: Pick<Intake, 'seqOf' | 'originsOf'>;
  send: Send;
  partitionOf(key: Key): number;
  /** These are on the disk now, in the relay: those that concern what this node owns. */
  arrived(from: number, entries: readonly Copy[]): void;
  /** Some of what was to come a node has only as facts: whoever listens has to read anew, and what lives here as a guest may be missing. */
  missed(): void;
}

const patienceMs = 4000;
const farSeq = Number.MAX_SAFE_INTEGER;

export class Copies {
  readonly #options: CopiesOptions;
  readonly #peers = new Map<number, Peer>();
  readonly #asked = new Map<number, Asked>();
  /** What was missed, because it was trimmed, is told of once: up to there, of each life of a log. */
  readonly #missedUpTo = new Map<string, number>();
  /** Claims pull, too: theirs are below. */
  #lastId = relayBit;

  constructor(options: CopiesOptions) {
    this.#options = options;
  }

  linked(node: number): void {
    this.#peers.set(node, { asked: new Map(), here: new Map() });
  }

  unlinked(node: number): void {
    this.#peers.delete(node);
    for (const [id, { from }] of this.#asked) if (from === node) this.#asked.delete(id);
  }

  /** Is everything here that any other server than `next` had answered for? See `HorizonOptions`. */
  mayFollow({ partition, former, next, version }: HorizonChange): boolean {
    const { self, ring, leases, horizon } = this.#options;
    // What this node takes over it has gathered.
    if (next === self) return true;
    const others = ring().nodes();
    if (former !== null) others.add(former);
    for (const other of others) {
      if (other === self || other === next) continue;
      // A linked one has said that it serves it no more, and all that it had sent before is here.
      if (leases.isLinked(other) && horizon.says(other, partition) !== false) return false;
      if ((this.#peers.get(next)?.here.get(other) ?? -1) < version) return false;
    }
    return true;
  }

  /** A new server may have what an absent one could not send any more. Asked once for each state of what it serves. */
  ask(node: number, said: Said): void {
    const { self, ring, intake } = this.#options;
    const { version } = said;
    const peer = this.#peers.get(node);
    if (peer === undefined) return;
    const origins = ring().nodes();
    for (const lane of ['committed', 'replica'] as const)
      for (const { origin } of intake.originsOf(lane)) origins.add(origin % relayBit);
    for (const origin of origins) {
      if (origin === self || origin === node) continue;
      if ((peer.asked.get(origin) ?? -1) >= version) continue;
      peer.asked.set(origin, version);
      for (const log of [origin, relayOf(origin)])
        this.#pull(node, said, { origin: log, incarnation: 0, seq: 0 });
    }
  }

  #pull(node: number, said: Said, position: Position): void {
    const { clock, ring, self, send } = this.#options;
    const id = ++this.#lastId;
    this.#asked.set(id, { from: node, position, said, sentMs: clock.monoMs(), isTaken: false });
    const { origin, incarnation, seq: after } = position;
    const about = { id, origin, incarnation, after, upTo: farSeq, partitions: [...ring().held(self)] };
    send(node, { kind: 'pull', ...about, committed: true });
  }

  /** An answer to `ask`; what it brings is passed on when it is on the disk. An answer that nobody waits for changes nothing. */
  pulled(node: number, message: Extract<PeerMessage, { kind: 'pulled' }>): void {
    const asked = this.#asked.get(message.id);
    if (asked === undefined || asked.from !== node || asked.isTaken) return;
    asked.isTaken = true;
    const { store, arrived } = this.#options;
    const { position, said } = asked;
    this.#pullLives(node, asked, message.lives);
    const place = placeOf(position.origin, position.incarnation);
    if (message.trimmedUpTo > (this.#missedUpTo.get(place) ?? 0)) {
      this.#missedUpTo.set(place, message.trimmedUpTo);
      this.#options.missed();
    }
    const entries = message.entries.filter((entry) => this.#isMeant(entry, asked));
    const here = entries.filter((entry) => this.#isHere(entry));
    const done = (): void => {
      arrived(node, entries);
      // Only now: what was asked later may be here before it.
      if (!this.#asked.delete(message.id)) return;
      const origin = position.origin % relayBit;
      if (!message.isLast) this.#pull(node, said, { ...position, seq: message.upTo });
      else if (!this.#isAsked(node, origin)) this.#hasCome(node, origin);
    };
    if (here.length === 0) done();
    else store.adopt({ copies: here, from: { kind: 'relay' }, positions: [] }, done);
  }

  /** All that was asked, for whichever version. The last to come is not always of the last version: an answer may be lost, or long on its way. */
  #hasCome(node: number, origin: number): void {
    const peer = this.#peers.get(node);
    const version = peer?.asked.get(origin);
    if (version !== undefined) peer?.here.set(origin, version);
  }

  /**
   * Of an origin that is linked, too. That it serves nothing it may have said before it last did, and what it wrote then may not get
   * through: of what it answered for, the new server has all.
   */
  #pullLives(node: number, { position: { origin }, said }: Asked, lives: readonly number[]): void {
    const { intake } = this.#options;
    for (const life of lives) {
      const lanes = ['committed', 'replica', 'whole'] as const;
      const seqs = lanes.map((lane) => intake.seqOf(lane, origin, life));
      // What one node has trimmed another may have still.
      this.#pull(node, said, { origin, incarnation: life, seq: Math.min(...seqs) });
    }
  }

  /**
   * Only whoever serves a home has all that was written there, and nothing that may not be stored. Of other homes a node has copies, too,
   * but may lack some in between: those are asked of their own servers.
   */
  #isMeant({ key }: Copy, { said }: Asked): boolean {
    const home = this.#options.partitionOf(key);
    return said.terms.some(({ partition }) => partition === home);
  }

  /** It concerns what this node owns. */
  #isHere({ key, to }: Copy): boolean {
    const { self, ring, partitionOf } = this.#options;
    return [partitionOf(key), ...to].some((partition) => ring().holds(self, partition));
  }

  #isAsked(node: number, origin: number): boolean {
    for (const { from, position } of this.#asked.values())
      if (from === node && position.origin % relayBit === origin) return true;
    return false;
  }

  /** An answer that never came, on a link that loses some: once more. */
  tick(): void {
    const nowMs = this.#options.clock.monoMs();
    for (const [id, { from, position, said, sentMs, isTaken }] of this.#asked) {
      if (isTaken || nowMs - sentMs < patienceMs) continue;
      this.#asked.delete(id);
      this.#pull(from, said, position);
    }
  }
}
