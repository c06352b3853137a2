// Whom one torrent sends to and what it shows them: choking by turns or merit, and the first copy piece by piece.
import { Choker } from './swarm-choker.ts';
import { FirstCopy } from './swarm-first-copy.ts';
import type { SwarmPeer } from './swarm-peer.ts';
import type { PieceSet } from './swarm-piece-set.ts';
import type { TorrentLayout } from './torrent-layout.ts';

export interface ServingPorts {
  layout: TorrentLayout;
  have: PieceSet;
  peers: ReadonlyMap<number, SwarmPeer>;
  nowMs(): number;
  random(): number;
}

/** Peers sent to at once, of one torrent. */
export const places = 8;
/** Of the first copy each gets another part, so that it costs nothing to send to many. */
export const placesForFirst = 32;

export class Serving {
  readonly #ports: ServingPorts;
  readonly #choker = new Choker();
  #firstCopy: FirstCopy | null = null;
  #isDue = false;
  #isOver = false;

  /** `isFirst`: peers are shown single pieces until all are out there. */
  constructor(ports: ServingPorts, { isFirst }: { isFirst: boolean }) {
    this.#ports = ports;
    if (!isFirst) return;
    const { layout, random } = ports;
    this.#firstCopy = new FirstCopy({
      pieces: layout.pieces,
      pieceLength: layout.info.pieceLength,
      random,
    });
  }

  /** What is here is not said yet: peers are shown pieces one by one. */
  get isHiding(): boolean {
    return this.#firstCopy !== null;
  }

  join(peer: SwarmPeer): void {
    this.#firstCopy?.met(peer.id);
    this.lookSoon();
  }

  gone(peer: SwarmPeer): void {
    this.#firstCopy?.gone(peer.id);
    this.lookSoon();
  }

  announced(peer: SwarmPeer, piece: number): void {
    if (this.#firstCopy === null) return;
    this.#firstCopy.announced(peer.id, piece, this.#ports.nowMs());
    this.lookSoon();
  }

  /** At the end of this turn of the loop, once. */
  lookSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      if (!this.#isOver) this.look();
    });
  }

  look(): void {
    this.#choose();
    this.#show();
  }

  end(): void {
    this.#isOver = true;
  }

  #choose(): void {
    const { have, peers, nowMs } = this.#ports;
    const now = nowMs();
    const chosen = this.#choker.choose({
      nowMs: now,
      isWhole: have.isFull,
      places: this.isHiding ? placesForFirst : places,
      peers: [...peers.values()].map((peer) => ({
        id: peer.id,
        isInterested: peer.isInterested,
        isSilent: peer.requests.isSilent,
        bytesPerS: peer.receivedBytes === 0 ? 0 : peer.speed.perS(now),
      })),
    });
    for (const peer of peers.values())
      if (peer.isServed !== chosen.has(peer.id)) peer.serve(chosen.has(peer.id));
  }

  #show(): void {
    const { peers, nowMs } = this.#ports;
    if (this.#firstCopy === null) return;
    if (this.#firstCopy.isOver) {
      this.#firstCopy = null;
      for (const peer of peers.values()) this.#sayAll(peer);
      return;
    }
    const showings = this.#firstCopy.show({
      nowMs: nowMs(),
      served: (id) => peers.get(id)?.isServed ?? false,
      has: (id, piece) => peers.get(id)?.has?.has(piece) ?? false,
    });
    for (const { peer, piece } of showings) peers.get(peer)?.sayHave(piece);
  }

  #sayAll(peer: SwarmPeer): void {
    const { have, layout } = this.#ports;
    for (let piece = 0; piece < layout.pieces; piece++) if (have.has(piece)) peer.sayHave(piece);
  }
}
