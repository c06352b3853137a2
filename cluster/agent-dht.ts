// The cluster's own DHT: nodes announce where their links are, and what they share, and find each other. What it says is a hint; the
// handshake of a link decides, and of what is shared its hashes.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Client, type ClientOptions } from 'bittorrent-dht';
import type { DhtAddress } from './dht-address.ts';
import { DhtDoor, type DhtDoorOptions } from './dht-door.ts';
import { DhtGuard } from './dht-guard.ts';
import { DhtItems } from './dht-items.ts';
import { DhtLookups } from './dht-lookups.ts';
import { type DhtMeter, noDhtMeter } from './dht-meter.ts';
import { DhtSocket } from './dht-socket.ts';
import { DhtTopic, soonMs } from './dht-topic.ts';
import { DhtWaits } from './dht-waits.ts';
import { isSigned } from './ed25519.ts';
import { type LinkClock, machineClock } from './link-clock.ts';
import type { LinkLog } from './link-log.ts';
import { machineAddresses } from './machine-address.ts';

export type { DhtAddress } from './dht-address.ts';

export interface DhtOptions {
  /** UDP; 0 or absent: any free port. */
  port?: number;
  /** The IPv4 address to listen at. 0.0.0.0 is all of them. */
  host: string;
  /** Where others reach this node, if that is not `host`. Without it a first node that listens at 0.0.0.0 is found only once it has company. */
  advertise?: string;
  /** One or two, of 32 bytes: the manifest's. */
  keys: readonly Uint8Array[];
  clusterId: Uint8Array;
  /** What `contacts()` gave when this node last ran. */
  contacts?: readonly DhtAddress[];
  /** Where an invite or a setting says that other nodes are. */
  bootstrap?: readonly DhtAddress[];
  /** After each refresh that found somebody, this node possibly among them. */
  onPeers?(peers: DhtAddress[]): void;
  log: LinkLog;
  meter?: DhtMeter;
  clock?: LinkClock;
  wallMs?(): number;
  /** A text that changes when the machine's addresses do. */
  addresses?(): string;
  /** For how long others keep what this node announced: about this, and at most a third more. 15 minutes unless told. */
  peersLastMs?: number;
  /** BEP 44's check of a signature; Ed25519 unless told. Must not throw. */
  verify?: NonNullable<ClientOptions['verify']>;
  /** Standard clients find what `announceHash` shares, too. They, and nobody here, see nothing else. Absent: shut. */
  door?: DhtDoorOptions;
}

/** The port is taken, the address is not this machine's, or the system refuses. */
export class DhtError extends Error {
  override name = 'DhtError';
  code = 'cannot-listen' as const;
}

/** A node that does not answer within about this is passed over. */
const answerMs = 300;
const contactsMost = 64;
const peersMost = 2048;
const usualPeersLastMs = 15 * 60_000;
/** With fewer contacts each newcomer is news: it may be who holds what this node announced. */
const smallCluster = 20;
/** Info hashes announced at a time. */
const hashesMost = 64;

/** Rejects with a `DhtError` when it cannot listen. */
export async function openDht(options: DhtOptions): Promise<AgentDht> {
  const guard = new DhtGuard(options.keys);
  const clock = options.clock ?? machineClock;
  const socket = new DhtSocket({
    guard,
    clock,
    meter: options.meter ?? noDhtMeter,
    log: options.log,
    wallMs: options.wallMs ?? Date.now,
  });
  const known = [...(options.bootstrap ?? []), ...(options.contacts ?? [])];
  const advertise = options.advertise ?? (options.host === '0.0.0.0' ? undefined : options.host);
  const client = new Client({
    socket,
    bootstrap: known.slice(0, contactsMost).map(({ host, port }) => ({ host, port })),
    ...(advertise === undefined ? {} : { host: advertise }),
    maxAge: options.peersLastMs ?? usualPeersLastMs,
    maxPeers: peersMost,
    timeout: answerMs,
    timeBucketOutdated: 60_000,
    verify: options.verify ?? ((signature, said, publicKey) => isSigned(said, { signature, publicKey })),
  });
  const listening = once(client, 'listening');
  client.listen(options.port ?? 0, options.host);
  try {
    await listening;
  } catch (error) {
    client.on('error', () => {});
    client.destroy(() => {});
    throw new DhtError(`the DHT cannot listen at ${options.host}:${options.port ?? 0}: ${String(error)}`, {
      cause: error,
    });
  }
  const meter = options.meter ?? noDhtMeter;
  const peersLastMs = options.peersLastMs ?? usualPeersLastMs;
  const door =
    options.door === undefined
      ? null
      : new DhtDoor({ ...options.door, socket, clock, meter, log: options.log, peersLastMs, advertise });
  return new AgentDht({ ...options, peersLastMs, clock, client, guard, door });
}

export class AgentDht {
  readonly address: DhtAddress;
  readonly #options: Omit<DhtOptions, 'door'>;
  readonly #client: Client;
  readonly #guard: DhtGuard;
  readonly #door: DhtDoor | null;
  readonly #clock: LinkClock;
  readonly #refreshMs: number;
  readonly #stopTicking: () => void;
  readonly #waits: DhtWaits;
  readonly #lookups: DhtLookups;
  /** Where the cluster's links are. */
  readonly #links: DhtTopic;
  /** What this node shares, by its info hash in hex. */
  readonly #shared = new Map<string, DhtTopic>();
  /** Small signed items (BEP 44) that the DHT keeps for a while. */
  readonly items: DhtItems;
  #addresses: string;
  #isClosed = false;

  /** Use `openDht`. */
  constructor(
    options: Omit<DhtOptions, 'door'> & {
      peersLastMs: number;
      clock: LinkClock;
      client: Client;
      guard: DhtGuard;
      door: DhtDoor | null;
    },
  ) {
    const { client, clock, guard, door, peersLastMs, onPeers } = options;
    this.#options = options;
    this.#client = client;
    this.#clock = clock;
    this.#guard = guard;
    this.#door = door;
    this.#waits = new DhtWaits(clock);
    this.#lookups = new DhtLookups(client, this.#waits);
    this.items = new DhtItems(client, this.#waits);
    this.#refreshMs = peersLastMs / 3;
    this.#links = this.#topic(createHash('sha1').update(options.clusterId).digest(), onPeers);
    this.#addresses = this.#machineAddresses();
    const { address, port } = client.address();
    this.address = { host: address, port };
    client.on('error', (error) => options.log.warn({ error: String(error) }, 'the DHT failed'));
    // Packets that are late or answer nothing. The meter counts what is worth it.
    client.on('warning', () => {});
    client.on('node', () => {
      if (this.contacts().length <= smallCluster) this.#refreshSoon();
    });
    if (door !== null) {
      client.on('announce', (peer: DhtAddress, hash: Uint8Array) => door.heard(hash, [peer]));
    }
    this.#stopTicking = clock.every(Math.min(soonMs, this.#refreshMs / 2), () => this.#tick());
  }

  /** From now on others find this link port. Resolves when they have been told once, or when there was nobody to tell. */
  announce(linkPort: number): Promise<void> {
    return this.#links.announce(linkPort);
  }

  /** Where the links of the cluster's nodes are, as others say; this node's own may be among them. Empty when nobody answers. */
  lookup(): Promise<DhtAddress[]> {
    return this.#links.lookup();
  }

  /**
   * From now on, until `forgetHash`, others find this TCP port under the info hash; through the door, if there is one, standard clients
   * do. Resolves when they have been told once, or when there was nobody to tell. Rejects with a `RangeError` for what is no info hash, and for one too many.
   */
  async announceHash(hash: Uint8Array, port: number): Promise<void> {
    if (hash.length !== 20) throw new RangeError('an info hash has 20 bytes');
    const name = Buffer.from(hash).toString('hex');
    const known = this.#shared.get(name);
    if (known === undefined && this.#shared.size >= hashesMost)
      throw new RangeError(`at most ${hashesMost} info hashes are announced at a time`);
    const topic = known ?? this.#topic(hash, (peers) => this.#door?.heard(hash, peers));
    this.#shared.set(name, topic);
    await Promise.all([topic.announce(port), this.#door?.share(hash, port)]);
  }

  /** What others were told grows old. */
  forgetHash(hash: Uint8Array): void {
    const name = Buffer.from(hash).toString('hex');
    this.#shared.get(name)?.close();
    this.#shared.delete(name);
    this.#door?.forget(hash);
  }

  /** Who shares this, as others say; this node itself may be among them. Empty when nobody answers. */
  async lookupHash(hash: Uint8Array): Promise<DhtAddress[]> {
    const [inside, outside = []] = await Promise.all([this.#lookups.lookup(hash), this.#door?.lookup(hash)]);
    this.#door?.heard(hash, inside.peers);
    const all = [...inside.peers, ...outside].map((peer) => [`${peer.host}:${peer.port}`, peer] as const);
    return [...new Map(all).values()];
  }

  /** Other nodes of the DHT, to be kept for the next start. */
  contacts(): DhtAddress[] {
    return this.#client
      .toJSON()
      .nodes.slice(0, contactsMost)
      .map(({ host, port }) => ({ host, port }));
  }

  /** Standard clients, and nodes of their DHT, that this node knows by its door. */
  strangers(): DhtAddress[] {
    return this.#door?.contacts() ?? [];
  }

  setKeys(keys: readonly Uint8Array[]): void {
    this.#guard.setKeys(keys);
  }

  /** Whoever waits for an answer gets what there is. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopTicking();
    for (const topic of this.#topics()) topic.close();
    this.#waits.close();
    await this.#door?.close();
    await new Promise<void>((resolve) => this.#client.destroy(resolve));
  }

  #topic(hash: Uint8Array, onPeers: ((peers: DhtAddress[]) => void) | undefined): DhtTopic {
    return new DhtTopic({
      hash: Uint8Array.from(hash),
      client: this.#client,
      lookups: this.#lookups,
      waits: this.#waits,
      clock: this.#clock,
      refreshMs: this.#refreshMs,
      isAlone: () => this.contacts().length === 0,
      ...(onPeers === undefined ? {} : { onPeers }),
    });
  }

  #topics(): DhtTopic[] {
    return [this.#links, ...this.#shared.values()];
  }

  #tick(): void {
    const addresses = this.#machineAddresses();
    if (addresses !== this.#addresses) {
      this.#addresses = addresses;
      this.#options.log.info({ addresses }, 'the machine’s addresses have changed: announced anew');
      this.#refreshSoon();
    }
    for (const topic of this.#topics()) topic.tick();
    this.#door?.tick();
  }

  #refreshSoon(): void {
    for (const topic of this.#topics()) topic.refreshSoon();
  }

  #machineAddresses(): string {
    return (this.#options.addresses ?? machineAddresses)();
  }
}
