// The swarm of one process: torrents that share a TCP port and the rates.
import { randomBytes } from 'node:crypto';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type LinkClock, machineClock } from './link-clock.ts';
import type { LinkLog } from './link-log.ts';
import { noSwarmMeter, type SwarmMeter } from './swarm-meter.ts';
import type { Torrent, TorrentOrder } from './swarm-order.ts';
import { type PeerEvents, SwarmPeer } from './swarm-peer.ts';
import { Rate } from './swarm-rate.ts';
import { newReadCache } from './swarm-reading.ts';
import { SwarmSending } from './swarm-sending.ts';
import { SwarmTorrent } from './swarm-torrent.ts';

/** Bytes of content a second, of all torrents together; null: no cap. */
export interface SwarmRates {
  up: number | null;
  down: number | null;
}

export interface SwarmOptions {
  /** Where to listen: one address, not all, unless asked for. */
  host: string;
  /** 0: any free port. */
  port: number;
  rates?: SwarmRates;
  log: LinkLog;
  meter?: SwarmMeter;
  clock?: LinkClock;
  /** From 0 to below 1. */
  random?(): number;
}

export interface Swarm {
  readonly port: number;
  readonly torrents: readonly Torrent[];
  /** Throws when there is a torrent of this hash already, or the swarm is closed. */
  add(order: TorrentOrder): Torrent;
  setRates(rates: SwarmRates): void;
  /** Removes all torrents and stops listening. */
  close(): Promise<void>;
}

/** Open connections of all torrents. */
const connectionsMost = 500;
/** Connections that have not said what they want. */
const strangersMost = 64;
const lookMs = 1000;

/** Rejects with the system's error when it cannot listen. */
export async function openSwarm(options: SwarmOptions): Promise<Swarm> {
  const server = createServer();
  server.maxConnections = connectionsMost;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.host, port: options.port, exclusive: true }, resolve);
  });
  return new OpenSwarm(server, options);
}

class OpenSwarm implements Swarm {
  readonly port: number;
  readonly #server: Server;
  readonly #options: SwarmOptions;
  readonly #clock: LinkClock;
  readonly #meter: SwarmMeter;
  readonly #random: () => number;
  readonly #peerId: Buffer;
  readonly #torrents = new Map<string, SwarmTorrent>();
  readonly #strangers = new Set<SwarmPeer>();
  readonly #upRate: Rate;
  readonly #downRate: Rate;
  readonly #sending: SwarmSending;
  readonly #cache = newReadCache();
  readonly #stopLooking: () => void;
  #stopWaiting: (() => void) | null = null;
  #lastId = 0;
  #isClosed = false;

  constructor(server: Server, options: SwarmOptions) {
    const { clock = machineClock, meter = noSwarmMeter, random = Math.random, rates } = options;
    this.#server = server;
    this.#options = options;
    this.#clock = clock;
    this.#meter = meter;
    this.#random = random;
    this.#peerId = Buffer.concat([Buffer.from('-MU0100-'), randomBytes(12)]);
    this.#upRate = new Rate(rates?.up ?? null, clock.nowMs());
    this.#downRate = new Rate(rates?.down ?? null, clock.nowMs());
    this.#sending = new SwarmSending({ rate: this.#upRate, clock });
    this.port = (server.address() as AddressInfo).port;
    this.#stopLooking = clock.every(lookMs, () => this.#look());
    server.on('error', (error) => options.log.warn({ error: String(error) }, 'the swarm’s port failed'));
    server.on('connection', (socket) => this.#meet(socket));
  }

  get torrents(): readonly Torrent[] {
    return [...this.#torrents.values()];
  }

  add(order: TorrentOrder): Torrent {
    const key = Buffer.from(order.hash).toString('hex');
    if (this.#isClosed) throw new Error('the swarm is closed');
    if (this.#torrents.has(key)) throw new Error(`the torrent ${key} is there already`);
    const { host, log } = this.#options;
    const torrent = new SwarmTorrent(order, {
      peerId: this.#peerId,
      port: () => this.port,
      localAddress: host === '0.0.0.0' || host === '::' ? null : host,
      nextId: () => ++this.#lastId,
      random: this.#random,
      clock: this.#clock,
      log,
      meter: this.#meter,
      downRate: this.#downRate,
      sending: this.#sending,
      cache: this.#cache,
      thirsty: () => this.#thirsty(),
      removed: () => this.#torrents.delete(key),
    });
    this.#torrents.set(key, torrent);
    return torrent;
  }

  setRates({ up, down }: SwarmRates): void {
    const nowMs = this.#clock.nowMs();
    this.#upRate.set(up, nowMs);
    this.#downRate.set(down, nowMs);
    this.#sending.wake();
    this.#quench();
  }

  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#stopLooking();
      this.#stopWaiting?.();
      this.#sending.close();
      for (const peer of [...this.#strangers]) peer.close('the swarm is closed');
    }
    await Promise.all([...this.#torrents.values()].map((torrent) => torrent.remove()));
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #meet(socket: Socket): void {
    if (this.#isClosed || this.#strangers.size >= strangersMost) {
      this.#meter.count('peers-refused', 1);
      socket.destroy();
      return;
    }
    const peer = new SwarmPeer({
      id: ++this.#lastId,
      socket,
      dialed: null,
      nowMs: () => this.#clock.nowMs(),
      meter: this.#meter,
      events: this.#strangerEvents(),
    });
    this.#strangers.add(peer);
  }

  #strangerEvents(): PeerEvents {
    return {
      greeted: (peer, hash) => {
        this.#strangers.delete(peer);
        const torrent = this.#torrents.get(hash);
        const refusal = torrent === undefined ? 'its torrent is not here' : torrent.welcome(peer);
        if (refusal === null) return;
        this.#meter.count('peers-refused', 1);
        peer.close(refusal);
      },
      gone: (peer) => this.#strangers.delete(peer),
      introduced() {},
      extended() {},
      choking() {},
      interest() {},
      has() {},
      isThere: () => false,
      ready() {},
      sent() {},
      block() {},
    };
  }

  #look(): void {
    const nowMs = this.#clock.nowMs();
    for (const peer of [...this.#strangers]) peer.look(nowMs);
  }

  /** The cap on what comes was reached: whoever was first is last the next time. */
  #thirsty(): void {
    if (this.#stopWaiting !== null || this.#isClosed) return;
    const waitMs = Math.min(Math.max(1, this.#downRate.waitMs(this.#clock.nowMs())), lookMs);
    this.#stopWaiting = this.#clock.after(waitMs, () => this.#quench());
  }

  #quench(): void {
    this.#stopWaiting?.();
    this.#stopWaiting = null;
    const [first, ...others] = this.#torrents;
    if (first === undefined) return;
    this.#torrents.delete(first[0]);
    this.#torrents.set(...first);
    for (const [, torrent] of [...others, first]) torrent.askAll();
  }
}
