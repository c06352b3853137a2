// The socket under bittorrent-dht: what it sends is sealed, and only what a member sealed, in a form we know, reaches it.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { EventEmitter } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { DhtGuard, DropReason } from './dht-guard.ts';
import { checkedMessage } from './dht-message.ts';
import type { DhtMeter } from './dht-meter.ts';
import type { LinkClock } from './link-clock.ts';
import type { LinkLog } from './link-log.ts';

export interface DhtSocketOptions {
  guard: DhtGuard;
  meter: DhtMeter;
  log: LinkLog;
  clock: LinkClock;
  /** The wall clock, for the stamps. */
  wallMs(): number;
}

const reportEveryMs = 60_000;

/** As much of a `dgram` socket as the library uses. */
export class DhtSocket extends EventEmitter {
  readonly #options: DhtSocketOptions;
  readonly #socket: Socket;
  readonly #dropped = new Map<string, number>();
  #reportedMs = Number.NEGATIVE_INFINITY;
  /** Whose packet is being handled, and what it was sealed with: answers go back in the same call. */
  #handled: { from: RemoteInfo; key: Uint8Array } | null = null;
  #isClosed = false;

  constructor(options: DhtSocketOptions) {
    super();
    this.#options = options;
    this.#socket = createSocket('udp4');
    this.#socket.on('message', (packet, from) => this.#receive(packet, from));
    this.#socket.on('listening', () => this.emit('listening'));
    this.#socket.on('error', (error) => this.emit('error', error));
    this.#socket.on('close', () => this.emit('close'));
  }

  bind(port: number, host: string): void {
    this.#socket.bind(port, host);
  }

  address(): AddressInfo {
    return this.#socket.address();
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
    const { guard, wallMs } = this.#options;
    const { from, key } = this.#handled ?? {};
    const isAnswer = from?.port === port && from.address === host;
    const frame = guard.seal(payload.subarray(offset, offset + length), wallMs(), isAnswer ? key : undefined);
    this.#options.meter.count('packets-out', 1);
    this.#socket.send(frame, port, host, sent);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.close();
  }

  #receive(packet: Buffer, from: RemoteInfo): void {
    const { guard, meter, log, wallMs } = this.#options;
    meter.count('packets-in', 1);
    const opened = guard.open(packet, wallMs());
    if (opened.kind === 'dropped') {
      this.#drop(opened.why, from);
      return;
    }
    const message = checkedMessage(opened.payload);
    if (message === null) {
      this.#drop('malformed', from);
      return;
    }
    try {
      this.#handled = { from, key: opened.key };
      // Everything the library does with a packet it does before this returns.
      this.emit('message', message, from);
    } catch (error) {
      meter.count('faults', 1);
      log.warn({ error: String(error), from: from.address }, 'the DHT failed over a packet');
    } finally {
      this.#handled = null;
    }
  }

  #drop(why: DropReason | 'malformed', from: RemoteInfo): void {
    const { meter, log, clock } = this.#options;
    meter.count(why, 1);
    this.#dropped.set(why, (this.#dropped.get(why) ?? 0) + 1);
    // Anybody can send anything: one line a minute is what it is worth.
    if (clock.nowMs() < this.#reportedMs + reportEveryMs) return;
    this.#reportedMs = clock.nowMs();
    log.warn(
      { ...Object.fromEntries(this.#dropped), last: why, from: from.address },
      'packets for the DHT were dropped',
    );
    this.#dropped.clear();
  }
}
