// The socket under bittorrent-dht: what it sends is sealed, and only what a member sealed, in a form we know, reaches it. What no member
// sealed is dropped, unless there is a door (dht-door.ts), which has a bittorrent-dht of its own.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { EventEmitter } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { DhtGuard } from './dht-guard.ts';
import { checkedMessage } from './dht-message.ts';
import type { DhtEvent, DhtMeter } from './dht-meter.ts';
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

/** Takes a packet that no member sealed, or says why not. */
export type Door = (packet: Buffer, from: RemoteInfo) => DhtEvent | null;

/** As much of a `dgram` socket as the library uses. */
export class DhtSocket extends EventEmitter {
  readonly #options: DhtSocketOptions;
  readonly #socket: Socket;
  readonly #dropped = new Map<string, number>();
  #reportedMs = Number.NEGATIVE_INFINITY;
  /** Whose packet is being handled, and what it was sealed with: answers go back in the same call. */
  #handled: { from: RemoteInfo; key: Uint8Array } | null = null;
  #door: Door | null = null;
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

  /** From now on strangers come in here; null: by no way. */
  openTo(door: Door | null): void {
    this.#door = door;
  }

  /** To strangers only. An address that cannot be is no fault: they name it. */
  sendPlain(
    bytes: Buffer,
    { port, host, sent }: { port: number; host: string; sent: (error: Error | null) => void },
  ): void {
    if (this.#isClosed) return;
    if (port < 1 || port > 65_535) sent(new RangeError(`no port: ${port}`));
    else this.#socket.send(bytes, port, host, sent);
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
    try {
      const dropped =
        opened.kind === 'payload'
          ? this.#receiveSealed(opened, from)
          : (opened.why === 'misfit' || opened.why === 'stranger') && this.#door !== null
            ? this.#door(packet, from)
            : opened.why;
      if (dropped !== null) this.#drop(dropped, from);
    } catch (error) {
      meter.count('faults', 1);
      log.warn({ error: String(error), from: from.address }, 'the DHT failed over a packet');
    }
  }

  #receiveSealed(
    { payload, key }: { payload: Buffer; key: Uint8Array },
    from: RemoteInfo,
  ): 'malformed' | null {
    const message = checkedMessage(payload);
    if (message === null) return 'malformed';
    try {
      this.#handled = { from, key };
      // Everything the library does with a packet it does before this returns.
      this.emit('message', message, from);
    } finally {
      this.#handled = null;
    }
    return null;
  }

  #drop(why: DhtEvent, from: RemoteInfo): void {
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
