// Who has said that they share one info hash, as the door passes it on to standard clients: members of the DHT and strangers, kept apart
// so that strangers push out no member.
import { compactAddress, type DhtAddress } from './dht-address.ts';

/** Of each sort. The one who was heard of longest ago gives way. */
const peersMost = 500;
/** Ports at one stranger's address. */
const portsMost = 8;
/** In one answer: with eight bytes each it stays within a packet. */
const toldMost = 50;

export type PeerSort = 'member' | 'stranger';

export class DoorPeers {
  /** Where standard clients reach this node itself. */
  port: number;
  readonly #lastMs: number;
  readonly #peers: Readonly<Record<PeerSort, Map<string, { peer: DhtAddress; untilMs: number }>>> = {
    member: new Map(),
    stranger: new Map(),
  };

  constructor({ port, lastMs }: { port: number; lastMs: number }) {
    this.port = port;
    this.#lastMs = lastMs;
  }

  hear(sort: PeerSort, peer: DhtAddress, nowMs: number): void {
    const name = `${peer.host}:${peer.port}`;
    const peers = this.#peers[sort];
    peers.delete(name);
    if (sort === 'stranger') this.#crowdOut(peer.host);
    if (peers.size >= peersMost) {
      const [oldest] = peers.keys();
      if (oldest !== undefined) peers.delete(oldest);
    }
    peers.set(name, { peer, untilMs: nowMs + this.#lastMs });
  }

  strangers(nowMs: number): DhtAddress[] {
    return this.#known('stranger', nowMs);
  }

  /** In BEP 5's form: this node (at `own`, if that is known) and some of the others, different ones each time. */
  told(own: string | null, nowMs: number): Buffer[] {
    const isOther = ({ host, port }: DhtAddress): boolean => host !== own || port !== this.port;
    const known = [...this.#known('member', nowMs), ...this.#known('stranger', nowMs)];
    const others = known.filter(isOther);
    for (let at = others.length - 1; at > 0; at--) {
      const other = Math.floor(Math.random() * (at + 1));
      [others[at], others[other]] = [others[other], others[at]] as [DhtAddress, DhtAddress];
    }
    const self = own === null ? [] : [{ host: own, port: this.port }];
    const told = [...self, ...others].slice(0, toldMost).map(compactAddress);
    return told.filter((peer) => peer !== null);
  }

  #known(sort: PeerSort, nowMs: number): DhtAddress[] {
    const peers = this.#peers[sort];
    // In the order in which they were heard of.
    for (const [name, { untilMs }] of peers) {
      if (untilMs > nowMs) break;
      peers.delete(name);
    }
    return [...peers.values()].map(({ peer }) => peer);
  }

  #crowdOut(host: string): void {
    const same = [...this.#peers.stranger].filter(([, { peer }]) => peer.host === host);
    for (const [name] of same.slice(0, Math.max(0, same.length - portsMost + 1)))
      this.#peers.stranger.delete(name);
  }
}
