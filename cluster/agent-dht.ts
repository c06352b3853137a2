// The cluster's own DHT: nodes announce where their links are and find each other. What it says is a hint; a link's handshake decides.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { type Address, Client, type ClientOptions } from 'bittorrent-dht';
import { DhtGuard } from './dht-guard.ts';
import { DhtItems } from './dht-items.ts';
import { type DhtMeter, noDhtMeter } from './dht-meter.ts';
import { DhtSocket } from './dht-socket.ts';
import { DhtWaits } from './dht-waits.ts';
import { isSigned } from './ed25519.ts';
import { type LinkClock, machineClock } from './link-clock.ts';
import type { LinkLog } from './link-log.ts';
import { sameBytes } from './packed.ts';

export interface DhtAddress {
  host: string;
  port: number;
}

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
  verify?: ClientOptions['verify'];
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
/** With fewer contacts each newcomer is news: it may be who holds what this node announced. */
const smallCluster = 20;
const aloneRefreshMs = 5000;
const soonMs = 1000;

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
    maxAge: options.peersLastMs ?? 15 * 60_000,
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
  return new AgentDht({ ...options, clock, client, guard });
}

export class AgentDht {
  readonly address: DhtAddress;
  readonly #options: DhtOptions;
  readonly #client: Client;
  readonly #guard: DhtGuard;
  readonly #clock: LinkClock;
  readonly #target: Buffer;
  readonly #refreshMs: number;
  readonly #stopTicking: () => void;
  readonly #waits: DhtWaits;
  /** Small signed items (BEP 44) that the DHT keeps for a while. */
  readonly items: DhtItems;
  #linkPort: number | null = null;
  #looking: Promise<DhtAddress[]> | null = null;
  #refreshing: Promise<void> | null = null;
  #refreshedAtMs = Number.NEGATIVE_INFINITY;
  #refreshAtMs: number;
  #addresses: string;
  #isClosed = false;

  /** Use `openDht`. */
  constructor(options: DhtOptions & { clock: LinkClock; client: Client; guard: DhtGuard }) {
    const { client, clock, guard, peersLastMs = 15 * 60_000 } = options;
    this.#options = options;
    this.#client = client;
    this.#clock = clock;
    this.#guard = guard;
    this.#waits = new DhtWaits(clock);
    this.items = new DhtItems(client, this.#waits);
    this.#target = createHash('sha1').update(options.clusterId).digest();
    this.#refreshMs = peersLastMs / 3;
    this.#addresses = this.#machineAddresses();
    this.#refreshAtMs = clock.nowMs();
    const { address, port } = client.address();
    this.address = { host: address, port };
    client.on('error', (error) => options.log.warn({ error: String(error) }, 'the DHT failed'));
    // Packets that are late or answer nothing. The meter counts what is worth it.
    client.on('warning', () => {});
    client.on('node', () => {
      if (this.contacts().length <= smallCluster) this.#refreshSoon();
    });
    this.#stopTicking = clock.every(Math.min(soonMs, this.#refreshMs / 2), () => this.#tick());
  }

  /** From now on others find this link port. Resolves when they have been told once, or when there was nobody to tell. */
  async announce(linkPort: number): Promise<void> {
    this.#linkPort = linkPort;
    await this.#refreshing;
    await this.#refresh();
  }

  /** Where the links of the cluster's nodes are, as others say; this node's own may be among them. Empty when nobody answers. */
  lookup(): Promise<DhtAddress[]> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  /** Other nodes of the DHT, to be kept for the next start. */
  contacts(): DhtAddress[] {
    return this.#client
      .toJSON()
      .nodes.slice(0, contactsMost)
      .map(({ host, port }) => ({ host, port }));
  }

  setKeys(keys: readonly Uint8Array[]): void {
    this.#guard.setKeys(keys);
  }

  /** Whoever waits for an answer gets what there is. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopTicking();
    this.#waits.close();
    await new Promise<void>((resolve) => this.#client.destroy(resolve));
  }

  #tick(): void {
    const nowMs = this.#clock.nowMs();
    const addresses = this.#machineAddresses();
    if (addresses !== this.#addresses) {
      this.#addresses = addresses;
      this.#options.log.info({ addresses }, 'the machine’s addresses have changed: announced anew');
      this.#refreshSoon();
    }
    if (nowMs >= this.#refreshAtMs && this.#refreshing === null) void this.#refresh();
  }

  #refreshSoon(): void {
    const soonest = Math.max(this.#clock.nowMs(), this.#refreshedAtMs + soonMs);
    this.#refreshAtMs = Math.min(this.#refreshAtMs, soonest);
  }

  #refresh(): Promise<void> {
    this.#refreshedAtMs = this.#clock.nowMs();
    this.#refreshAtMs = Number.POSITIVE_INFINITY;
    const refreshing = this.#lookAndAnnounce().finally(() => {
      const isAlone = this.contacts().length === 0;
      // Apart from each other, so that a cluster that started at once does not announce at once for ever.
      const restMs = isAlone
        ? Math.min(aloneRefreshMs, this.#refreshMs)
        : this.#refreshMs * (0.9 + 0.1 * Math.random());
      this.#refreshAtMs = Math.min(this.#refreshAtMs, this.#clock.nowMs() + restMs);
      if (this.#refreshing === refreshing) this.#refreshing = null;
    });
    this.#refreshing = refreshing;
    return refreshing;
  }

  async #lookAndAnnounce(): Promise<void> {
    // First the lookup: it tells the library who is near now, and it announces to nobody else.
    const peers = await this.lookup();
    if (this.#isClosed) return;
    if (peers.length > 0) this.#options.onPeers?.(peers);
    const port = this.#linkPort;
    if (port === null) return;
    await this.#waits.for<void>(undefined, (settle) => {
      // An error says that there was nobody, or that nobody answered: the next refresh is soon enough.
      this.#client.announce(this.#target, port, () => settle());
    });
  }

  async #look(): Promise<DhtAddress[]> {
    const found = new Map<string, DhtAddress>();
    const take = ({ host, port }: Address, of: Uint8Array): void => {
      if (found.size < peersMost && sameBytes(of, this.#target)) found.set(`${host}:${port}`, { host, port });
    };
    this.#client.on('peer', take);
    await this.#waits.for<void>(undefined, (settle) => {
      this.#client.lookup(this.#target, () => settle());
    });
    this.#client.off('peer', take);
    return [...found.values()];
  }

  #machineAddresses(): string {
    return (this.#options.addresses ?? machineAddresses)();
  }
}

function machineAddresses(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address)
    .sort()
    .join(' ');
}
