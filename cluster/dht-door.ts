// The door of the guarded DHT: standard BitTorrent clients find what this node shares, and who else shares it, and are found. Behind it is
// a bittorrent-dht of its own on the same port, so that strangers enter no table of the members' DHT and nothing of theirs is asked for
// there; all that crosses are addresses of who shares an info hash.
import { Client } from 'bittorrent-dht';
import type { DhtAddress } from './dht-address.ts';
import { DoorPeers } from './dht-door-peers.ts';
import { type DoorRates, usualDoorRates } from './dht-door-rates.ts';
import { DoorSocket } from './dht-door-socket.ts';
import { DhtLookups } from './dht-lookups.ts';
import type { DhtMeter } from './dht-meter.ts';
import type { DhtSocket } from './dht-socket.ts';
import { DhtTopic } from './dht-topic.ts';
import { DhtWaits } from './dht-waits.ts';
import type { LinkClock } from './link-clock.ts';
import type { LinkLog } from './link-log.ts';
import { addressTowards } from './machine-address.ts';

export interface DhtDoorOptions {
  /** Nodes of the open DHT to begin with, as IPv4 addresses. None: strangers come by themselves. */
  entries?: readonly DhtAddress[];
  rates?: DoorRates;
}

interface Behind {
  socket: DhtSocket;
  clock: LinkClock;
  meter: DhtMeter;
  log: LinkLog;
  peersLastMs: number;
  /** Where others reach this node; undefined: at the machine's address of their network. */
  advertise: string | undefined;
}

/** Strangers may be far away. */
const answerMs = 1500;
const contactsMost = 64;
const smallTable = 20;
/** Between two looks for one hash; who is known already is told at once. */
const lookRestMs = 5000;
/** Members should not wait for strangers. */
const lookMostMs = 1000;
const entriesRestMs = 5000;

interface Shared {
  topic: DhtTopic;
  peers: DoorPeers;
}

export class DhtDoor {
  readonly #options: DhtDoorOptions & Behind;
  readonly #client: Client;
  readonly #waits: DhtWaits;
  readonly #lookups: DhtLookups;
  readonly #shared = new Map<string, Shared>();
  /** By the hash in hex: when it was looked up last, and what was found. Only of what is shared. */
  readonly #looked = new Map<string, { atMs: number; found: Promise<DhtAddress[]> }>();
  #enteredAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: DhtDoorOptions & Behind) {
    this.#options = options;
    const { socket, clock, meter, log, peersLastMs, rates = usualDoorRates } = options;
    const inner = new DoorSocket({
      socket,
      clock,
      meter,
      rates,
      isShared: (hash) => this.#shared.has(nameOf(hash)),
      peersOf: (hash, asker) => this.#peersOf(hash, asker),
    });
    this.#client = new Client({
      socket: inner,
      // The library's own way in could be kept going for ever by whoever answers it.
      bootstrap: false,
      maxAge: peersLastMs,
      maxPeers: 256,
      timeout: answerMs,
      timeBucketOutdated: 5 * 60_000,
    });
    inner.ownId = this.#client.nodeId;
    this.#waits = new DhtWaits(clock);
    this.#lookups = new DhtLookups(this.#client, this.#waits);
    this.#client.on('error', (error) => log.warn({ error: String(error) }, 'the DHT of strangers failed'));
    this.#client.on('warning', () => {});
    this.#client.on('announce', (peer: DhtAddress, hash: Uint8Array) => {
      this.#shared.get(nameOf(hash))?.peers.hear('stranger', peer, clock.nowMs());
    });
    this.#client.on('node', () => {
      if (this.contacts().length > smallTable) return;
      // It may be who knows more.
      this.#looked.clear();
      for (const { topic } of this.#shared.values()) topic.refreshSoon();
    });
    this.#client.listen();
    this.#enter();
  }

  /** Strangers may ask for this from now on, and are told so. */
  async share(hash: Uint8Array, port: number): Promise<void> {
    const known = this.#shared.get(nameOf(hash));
    const shared = known ?? { topic: this.#topic(hash), peers: this.#peers(port) };
    shared.peers.port = port;
    this.#shared.set(nameOf(hash), shared);
    await shared.topic.announce(port);
  }

  forget(hash: Uint8Array): void {
    this.#shared.get(nameOf(hash))?.topic.close();
    this.#shared.delete(nameOf(hash));
    this.#looked.delete(nameOf(hash));
  }

  /** Members who share this: strangers are told, if this node shares it too. */
  heard(hash: Uint8Array, members: readonly DhtAddress[]): void {
    const peers = this.#shared.get(nameOf(hash))?.peers;
    for (const member of members) peers?.hear('member', member, this.#options.clock.nowMs());
  }

  /** Strangers who share this, as they and the nodes of the open DHT say. What comes late is for the next who asks. */
  async lookup(hash: Uint8Array): Promise<DhtAddress[]> {
    const nowMs = this.#options.clock.nowMs();
    const name = nameOf(hash);
    const shared = this.#shared.get(name);
    if (shared === undefined) return (await this.#lookups.lookup(hash)).peers;
    const last = this.#looked.get(name);
    const looked =
      last !== undefined && nowMs < last.atMs + lookRestMs
        ? last
        : { atMs: nowMs, found: this.#lookups.lookup(hash).then(({ peers }) => peers) };
    this.#looked.set(name, looked);
    const found = await this.#inTime(looked.found, last?.found);
    return [...shared.peers.strangers(nowMs), ...found];
  }

  contacts(): DhtAddress[] {
    const { nodes } = this.#client.toJSON();
    return nodes.slice(0, contactsMost).map(({ host, port }) => ({ host, port }));
  }

  tick(): void {
    for (const { topic } of this.#shared.values()) topic.tick();
    const isLost = this.#options.clock.nowMs() > this.#enteredAtMs + entriesRestMs;
    if (isLost && this.contacts().length === 0) this.#enter();
  }

  async close(): Promise<void> {
    for (const { topic } of this.#shared.values()) topic.close();
    this.#waits.close();
    await new Promise<void>((resolve) => this.#client.destroy(resolve));
  }

  async #inTime(
    found: Promise<DhtAddress[]>,
    before: Promise<DhtAddress[]> = Promise.resolve([]),
  ): Promise<DhtAddress[]> {
    let cancel = (): void => {};
    const late = new Promise<DhtAddress[]>((resolve) => {
      cancel = this.#options.clock.after(lookMostMs, () => resolve(found === before ? [] : before));
    });
    return await Promise.race([found, late]).finally(() => cancel());
  }

  #enter(): void {
    this.#enteredAtMs = this.#options.clock.nowMs();
    for (const { host, port } of this.#options.entries ?? []) this.#client.addNode({ host, port });
  }

  #topic(hash: Uint8Array): DhtTopic {
    const { clock, peersLastMs } = this.#options;
    return new DhtTopic({
      hash: Uint8Array.from(hash),
      client: this.#client,
      lookups: this.#lookups,
      waits: this.#waits,
      clock,
      refreshMs: peersLastMs / 3,
      isAlone: () => this.contacts().length === 0,
    });
  }

  #peers(port: number): DoorPeers {
    return new DoorPeers({ port, lastMs: 2 * this.#options.peersLastMs });
  }

  #peersOf(hash: Buffer, asker: string): Buffer[] {
    const { clock, advertise } = this.#options;
    const peers = this.#shared.get(nameOf(hash))?.peers;
    return peers?.told(advertise ?? addressTowards(asker), clock.nowMs()) ?? [];
  }
}

function nameOf(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString('hex');
}
