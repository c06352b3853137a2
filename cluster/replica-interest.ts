// The authors whose entries this node wants of every node, as they are told to each. What is sent for it replica-feeds.ts says.
import type { PeerMessage } from './peer-messages.ts';
import type { ReplicaClock, Send } from './replica-ports.ts';

/** The version of the list that the node was sent last, when, and the one it has said it has. */
interface Peer {
  version: number;
  sentMs: number;
  confirmed: number;
}

export interface InterestOptions {
  clock: ReplicaClock;
  send: Send;
}

const patienceMs = 2000;
/** Authors in one message. */
const mostAtOnce = 10_000;
/** Between two versions: the parts of a list that is said again have numbers of their own in between. */
const step = 1_000_000;

/** The list that has come up to this version is whole: not a part of one that is said again. */
export function isWholeList(version: number): boolean {
  return version % step === 0;
}

export class Interest {
  readonly #options: InterestOptions;
  readonly #authors = new Set<number>();
  readonly #peers = new Map<number, Peer>();
  /** Of the list. */
  #version = step;

  constructor(options: InterestOptions) {
    this.#options = options;
  }

  /** Says all that is wanted. */
  linked(node: number): void {
    this.#peers.set(node, { version: 0, sentMs: 0, confirmed: 0 });
    this.#sendAll(node);
  }

  unlinked(node: number): void {
    this.#peers.delete(node);
  }

  /**
   * From now on the entries of these authors are wanted, or no more, of every node. Gives back a number: once `through` is there,
   * all that is written from then on will come.
   */
  want(add: readonly number[], remove: readonly number[]): number {
    for (const author of remove) this.#authors.delete(author);
    for (const author of add) this.#authors.add(author);
    this.#version += step;
    for (const [node, peer] of this.#peers)
      this.#send(node, peer, this.#version, { add: [...add], remove: [...remove] });
    return this.#version;
  }

  /** Every linked node sends what was wanted up to here. */
  get through(): number {
    let lowest = this.#version;
    for (const { confirmed } of this.#peers.values()) lowest = Math.min(lowest, confirmed);
    return lowest;
  }

  /** One linked node sends what was wanted up to there. */
  isConfirmed(node: number, version: number): boolean {
    const peer = this.#peers.get(node);
    return peer !== undefined && peer.confirmed >= version;
  }

  /** The version of the list that the node was sent last. */
  sentTo(node: number): number {
    return this.#peers.get(node)?.version ?? 0;
  }

  confirmed(node: number, { version }: Extract<PeerMessage, { kind: 'wanted' }>): void {
    const peer = this.#peers.get(node);
    // A part of a list says nothing of the whole.
    if (peer !== undefined && isWholeList(version)) peer.confirmed = Math.max(peer.confirmed, version);
  }

  /** What was not confirmed may have been lost: all is said again. */
  tick(node: number): void {
    const peer = this.#peers.get(node);
    if (
      peer !== undefined &&
      peer.confirmed < peer.version &&
      this.#options.clock.monoMs() - peer.sentMs > patienceMs
    )
      this.#sendAll(node);
  }

  #sendAll(node: number): void {
    const peer = this.#peers.get(node);
    if (peer === undefined) return;
    peer.version = 0;
    const authors = [...this.#authors];
    const parts = Math.max(1, Math.ceil(authors.length / mostAtOnce));
    for (let part = 0; part < parts; part++) {
      const add = authors.slice(part * mostAtOnce, (part + 1) * mostAtOnce);
      this.#send(node, peer, this.#version - (parts - 1 - part), { add, remove: [] });
    }
  }

  #send(node: number, peer: Peer, version: number, change: { add: number[]; remove: number[] }): void {
    const from = peer.version;
    peer.version = version;
    peer.sentMs = this.#options.clock.monoMs();
    this.#options.send(node, { kind: 'want', version, from, ...change });
  }
}
