// The connections of one torrent: whom it dials, whom it takes in, whom it keeps of two to the same peer, and whom never again.
import { connect, isIP } from 'node:net';
import { Addresses } from './swarm-addresses.ts';
import { readPex, writePex } from './swarm-extended.ts';
import type { SwarmMeter } from './swarm-meter.ts';
import type { SwarmAddress, TorrentProgress } from './swarm-order.ts';
import { type PeerEvents, SwarmPeer } from './swarm-peer.ts';

export interface CrowdPorts {
  /** Hex. */
  hash: string;
  /** This node's, hex. */
  peerId: string;
  nextId(): number;
  nowMs(): number;
  random(): number;
  meter: SwarmMeter;
  progress: TorrentProgress;
  /** Where to dial from; null: wherever the system chooses. */
  localAddress: string | null;
  events: PeerEvents;
  /** Says who this node is. */
  greet(peer: SwarmPeer): void;
  /** It is one of the crowd now. */
  joined(peer: SwarmPeer): void;
}

/** Open connections, those that are dialed among them. */
export const peersMost = 100;
/** Dialed until so many are there: the rest is room for others. */
export const peersAim = 40;
export const dialingMost = 12;
const failuresOfWholeMost = 2;
/** Peers that are gone and may still turn out to have lied. */
const metMost = 1024;

export class Crowd {
  /** Those that have said who they are. */
  readonly peers = new Map<number, SwarmPeer>();
  readonly addresses: Addresses;
  readonly #ports: CrowdPorts;
  readonly #dialing = new Set<SwarmPeer>();
  readonly #met = new Map<number, { host: string; address: SwarmAddress | null }>();
  #isClosed = false;

  constructor(ports: CrowdPorts) {
    this.#ports = ports;
    this.addresses = new Addresses(ports);
  }

  /** More peers, if there are too few. Who is whole is easy to find: it does not try again and again. */
  dial({ isWhole }: { isWhole: boolean }): void {
    if (this.#isClosed) return;
    const { nowMs, nextId, meter, localAddress, events, greet } = this.#ports;
    const lacking = Math.min(
      peersAim - this.peers.size - this.#dialing.size,
      dialingMost - this.#dialing.size,
    );
    for (const address of this.addresses.next(
      lacking,
      nowMs(),
      isWhole ? failuresOfWholeMost : Number.POSITIVE_INFINITY,
    )) {
      const isSameKind = localAddress !== null && isIP(address.host) === isIP(localAddress);
      const socket = connect({ ...address, ...(isSameKind ? { localAddress } : {}) });
      const peer = new SwarmPeer({
        id: nextId(),
        socket,
        dialed: address,
        nowMs,
        meter,
        events: {
          ...events,
          greeted: (greeting, hash) => this.#greeted(greeting, hash),
          gone: (gone) => this.#neverMet(gone),
        },
      });
      this.#dialing.add(peer);
      greet(peer);
    }
  }

  /** A peer that dialed and asked for this torrent. Gives why it is refused, or null. */
  welcome(peer: SwarmPeer): string | null {
    const refusal = this.#refusal(peer);
    if (refusal !== null) return refusal;
    this.#ports.greet(peer);
    this.#join(peer);
    return null;
  }

  /** Where a peer that dialed can be reached. */
  listensAt(peer: SwarmPeer, port: number): void {
    if (peer.address !== null) return;
    peer.address = { host: peer.host, port };
    if (this.addresses.isBanned(peer.address)) {
      peer.close('it is banned');
      return;
    }
    this.addresses.met(peer.address, this.#ports.nowMs());
    this.#met.set(peer.id, { host: peer.host, address: peer.address });
  }

  gone(peer: SwarmPeer): void {
    if (this.peers.delete(peer.id)) this.#ports.progress.peers--;
    if (peer.address !== null) this.addresses.gone(peer.address, this.#ports.nowMs(), { hasFailed: false });
  }

  /** It has lied, perhaps a while ago. */
  ban(id: number, why: string): void {
    const met = this.#met.get(id);
    if (met === undefined) return;
    this.#met.delete(id);
    this.#ports.meter.count('peers-banned', 1);
    this.#ports.progress.banned++;
    this.addresses.ban(met.host, met.address);
    this.peers.get(id)?.close(why);
  }

  /** Both are whole: there is nothing to say. */
  part(peer: SwarmPeer): void {
    const { address } = peer;
    peer.close('both are whole');
    if (address !== null) this.addresses.isWhole(address, this.#ports.nowMs());
  }

  /** Tells peers of each other. */
  tell(): void {
    const nowMs = this.#ports.nowMs();
    for (const peer of this.peers.values()) {
      if (!peer.knows('ut_pex')) continue;
      const others: SwarmAddress[] = [];
      for (const other of this.peers.values())
        if (other !== peer && other.address !== null) others.push(other.address);
      const message = peer.pex.tell(nowMs, others);
      if (message !== null) peer.extend('ut_pex', writePex(message));
    }
  }

  /** It tells of others. */
  hear(peer: SwarmPeer, bytes: Buffer): void {
    const nowMs = this.#ports.nowMs();
    const message = peer.pex.mayTake(nowMs) ? readPex(bytes) : null;
    if (message !== null) this.addresses.learn(message.added, nowMs);
  }

  look(nowMs: number): void {
    for (const peer of [...this.peers.values(), ...this.#dialing]) peer.look(nowMs);
  }

  close(why: string): void {
    this.#isClosed = true;
    for (const peer of [...this.peers.values(), ...this.#dialing]) peer.close(why);
  }

  #greeted(peer: SwarmPeer, hash: string): void {
    this.#dialing.delete(peer);
    const refusal = hash === this.#ports.hash ? this.#refusal(peer) : 'it has another torrent';
    if (refusal !== null) {
      peer.close(refusal);
      return;
    }
    if (peer.address !== null) this.addresses.met(peer.address, this.#ports.nowMs());
    this.#join(peer);
  }

  #refusal(peer: SwarmPeer): string | null {
    const { peerId, nowMs } = this.#ports;
    if (this.#isClosed) return 'the torrent is closed';
    if (peer.peerId === peerId) {
      // It is called by names of its own: not worth another call.
      if (peer.address !== null) this.addresses.isWhole(peer.address, nowMs());
      return 'it is this node';
    }
    if (this.addresses.isHostBanned(peer.host)) return 'its host is banned';
    if (peer.address !== null && this.addresses.isBanned(peer.address)) return 'it is banned';
    const twin = this.#twinOf(peer);
    if (twin === null) return this.peers.size >= peersMost ? `${peersMost} peers are connected` : null;
    if (this.#isBetter(peer, twin)) {
      twin.close('another connection to it stays');
      return null;
    }
    // Both connections have one address: it stays busy while the other lasts.
    if (peer.address !== null && twin.address === null) twin.address = peer.address;
    return 'it is connected already';
  }

  #twinOf(peer: SwarmPeer): SwarmPeer | null {
    for (const other of this.peers.values()) if (other.peerId === peer.peerId) return other;
    return null;
  }

  /** Both sides choose the same: the one that was dialed by the lower id; of two like that, the older. */
  #isBetter(peer: SwarmPeer, twin: SwarmPeer): boolean {
    const isDialedByLower = ({ dialed }: SwarmPeer): boolean =>
      (dialed !== null) === this.#ports.peerId < peer.peerId;
    return isDialedByLower(peer) && !isDialedByLower(twin);
  }

  #join(peer: SwarmPeer): void {
    const { events, meter, progress, joined } = this.#ports;
    peer.events = events;
    this.peers.set(peer.id, peer);
    this.#met.set(peer.id, { host: peer.host, address: peer.address });
    if (this.#met.size > metMost) {
      for (const oldest of this.#met.keys()) {
        this.#met.delete(oldest);
        break;
      }
    }
    progress.peers++;
    meter.count('peers-met', 1);
    joined(peer);
  }

  #neverMet(peer: SwarmPeer): void {
    this.#dialing.delete(peer);
    if (peer.dialed !== null)
      this.addresses.gone(peer.dialed, this.#ports.nowMs(), { hasFailed: peer.peerId === '' });
  }
}
