// Copies of a log whose origin is away: asked of each new server, and until they are here its word is not believed.
import type { Key } from '../runtime/key.ts';
import { type Copy, type PeerMessage, type Position, relayBit, relayOf } from './peer-messages.ts';
import type { Horizon, HorizonChange } from './replica-horizon.ts';
import { type Intake, placeOf } from './replica-intake.ts';
import type { Leases } from './replica-leases.ts';
import type { ReplicaClock, ReplicaStore, Send } from './replica-ports.ts';
import type { Ring } from './ring.ts';

/** Versions of a node's list of terms for which copies of each origin's log were asked of it, and have come. */
interface Peer {
  asked: Map<number, number>;
  here: Map<number, number>;
}

interface Asked {
  from: number;
  position: Position;
  version: number;
  sentMs: number;
}

export interface CopiesOptions {
  self: number;
  store: ReplicaStore;
  clock: ReplicaClock;
  ring: () => Ring;
  leases: Leases;
  horizon: Horizon;
  intake: Intake;
  send: Send;
  partitionOf(key: Key): number;
  /** These are on the disk now, in the relay: those that concern what this node owns. */
  arrived(from: number, entries: readonly Copy[]): void;
  /** Some of what was to be pushed nobody has any more: whoever listens has to read anew. */
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
  ask(node: number, version: number): void {
    const { self, ring, intake } = this.#options;
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
        this.#pull(node, version, { origin: log, incarnation: 0, seq: 0 });
    }
  }

  #pull(node: number, version: number, position: Position): void {
    const { clock, ring, self, send } = this.#options;
    const id = ++this.#lastId;
    this.#asked.set(id, { from: node, position, version, sentMs: clock.monoMs() });
    const { origin, incarnation, seq: after } = position;
    const about = { id, origin, incarnation, after, upTo: farSeq, partitions: [...ring().held(self)] };
    send(node, { kind: 'pull', ...about, committed: true });
  }

  /** An answer to `ask`; what it brings is passed on when it is on the disk. An answer that nobody waits for changes nothing. */
  pulled(node: number, message: Extract<PeerMessage, { kind: 'pulled' }>): void {
    const asked = this.#asked.get(message.id);
    if (asked === undefined || asked.from !== node) return;
    this.#asked.delete(message.id);
    const { store, leases, intake, arrived } = this.#options;
    const { position, version } = asked;
    const { origin } = position;
    const identity = leases.isLinked(origin % relayBit) ? leases.identity(origin % relayBit) : null;
    for (const life of message.lives) {
      // What a linked node has on its own disk comes from there. What an earlier disk of it had comes from nobody else.
      if (life === identity?.incarnation) continue;
      const seqs = (['committed', 'replica'] as const).map((lane) => intake.seqOf(lane, origin, life));
      const seq = Math.max(Math.min(...seqs), this.#missedUpTo.get(placeOf(origin, life)) ?? 0);
      this.#pull(node, version, { origin, incarnation: life, seq });
    }
    if (message.trimmedUpTo > 0) {
      this.#missedUpTo.set(placeOf(origin, position.incarnation), message.trimmedUpTo);
      this.#options.missed();
    }
    const here = message.entries.filter((entry) => this.#isHere(entry));
    const done = (): void => {
      arrived(node, message.entries);
      const peer = this.#peers.get(node);
      if (peer === undefined) return;
      if (!message.isLast) this.#pull(node, version, { ...position, seq: message.upTo });
      else if (!this.#isAsked(node, origin % relayBit)) peer.here.set(origin % relayBit, version);
    };
    if (here.length === 0) done();
    else store.adopt({ copies: here, from: { kind: 'relay' }, positions: [] }, done);
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
    for (const [id, { from, position, version, sentMs }] of this.#asked) {
      if (nowMs - sentMs < patienceMs) continue;
      this.#asked.delete(id);
      this.#pull(from, version, position);
    }
  }
}
