// The half of the DHT's socket that standard clients see, under a bittorrent-dht of its own: what they send comes here plain, looked at and
// counted, and answers go out plain. What may be shared is decided by dht-door.ts.
import type { RemoteInfo } from 'node:dgram';
import { EventEmitter } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type DoorMessage, readDoorMessage, refusal, withPeers } from './dht-door-message.ts';
import { type DoorRates, DoorTurnstile } from './dht-door-rates.ts';
import type { DhtEvent, DhtMeter } from './dht-meter.ts';
import type { DhtSocket } from './dht-socket.ts';
import type { LinkClock } from './link-clock.ts';

export interface DoorSocketOptions {
  socket: DhtSocket;
  rates: DoorRates;
  clock: LinkClock;
  meter: DhtMeter;
  isShared(hash: Buffer): boolean;
  /** Who asks for peers is told these. */
  peersOf(hash: Buffer, asker: string): Buffer[];
}

type Query = Extract<DoorMessage, { kind: 'query' }>;

/** As much of a `dgram` socket as the library uses. */
export class DoorSocket extends EventEmitter {
  /** The library's, set once it is there. */
  ownId: Buffer = Buffer.alloc(20);
  readonly #options: DoorSocketOptions;
  readonly #turnstile: DoorTurnstile;
  /** The question that is being handled: its answer goes back in the same call. */
  #handled: { query: Query; from: RemoteInfo } | null = null;
  #isClosed = false;

  constructor(options: DoorSocketOptions) {
    super();
    this.#options = options;
    this.#turnstile = new DoorTurnstile(options.rates);
  }

  /** The port is open already. */
  bind(): void {
    this.#options.socket.openTo((packet, from) => this.#receive(packet, from));
    queueMicrotask(() => this.emit('listening'));
  }

  address(): AddressInfo {
    return this.#options.socket.address();
  }

  send(
    payload: Uint8Array,
    offset: number,
    length: number,
    port: number,
    host: string,
    sent: (error: Error | null) => void,
  ): void {
    if (this.#isClosed) return;
    const bytes = Buffer.from(payload.buffer, payload.byteOffset + offset, length);
    const { query, from } = this.#handled ?? {};
    const isAnswer = from?.port === port && from.address === host;
    const hash = isAnswer && query?.name === 'get_peers' ? query.hash : null;
    const answer = hash === null ? bytes : withPeers(bytes, this.#options.peersOf(hash, host));
    this.#send(answer, { port, host, sent });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.socket.openTo(null);
    queueMicrotask(() => this.emit('close'));
  }

  #receive(packet: Buffer, from: RemoteInfo): DhtEvent | null {
    const { clock, meter, isShared } = this.#options;
    meter.count('door-in', 1);
    if (!this.#turnstile.admits(from.address, clock.nowMs())) return 'door-flood';
    const message = readDoorMessage(packet, this.ownId);
    if (message === null) return 'door-malformed';
    if (message.kind === 'unknown') {
      this.#answer(refusal(message.transaction, 204, 'not for strangers'), from);
      return 'door-refused';
    }
    if (message.kind === 'query' && message.name === 'announce_peer') {
      if (message.hash === null || !isShared(message.hash)) {
        this.#answer(refusal(message.transaction, 201, 'not shared here'), from);
        return 'door-refused';
      }
    }
    this.#handled = message.kind === 'query' ? { query: message, from } : null;
    try {
      // Everything the library does with a packet it does before this returns.
      this.emit('message', message.bytes, from);
    } finally {
      this.#handled = null;
    }
    return null;
  }

  #answer(bytes: Buffer, from: RemoteInfo): void {
    this.#send(bytes, { port: from.port, host: from.address, sent: () => {} });
  }

  #send(bytes: Buffer, to: { port: number; host: string; sent: (error: Error | null) => void }): void {
    this.#options.meter.count('door-out', 1);
    this.#options.socket.sendPlain(bytes, to);
  }
}
