// Where nodes dial: TLS 1.3 with certificates on both sides, a hello each, then links. What is said on links is the caller's.
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { WebSocketServer } from 'ws';
import { type LinkClock, machineClock } from './link-clock.ts';
import { peerKeyOf } from './wire-certificate.ts';
import { type WireBounds, type WireEndOptions, type WirePeer, wireBounds } from './wire-end.ts';
import { WireGreeting } from './wire-greeting.ts';
import type { Refusal } from './wire-hello.ts';
import { OpenWire } from './wire-link.ts';
import { noWireMeter, type WireMeter } from './wire-meter.ts';
import { ListenedSocket, socketSettings, wirePath } from './wire-socket.ts';

export interface WireServerOptions<D, C> extends WireEndOptions<D, C> {
  host: string;
  /** 0: any free port. */
  port: number;
  /** Open links. 512 unless told. */
  peersMost?: number;
  /** Open links of one key: a node's core, gateways, agent and operators. 32 unless told. */
  peersOfKeyMost?: number;
  /** Connections that are not links yet. 64 unless told. */
  strangersMost?: number;
  /** Upgrades to other paths than a wire's are handed out with the key that TLS has had proved. Whether that may link is the taker's to say. */
  otherPaths?: Readonly<Record<string, TakeUpgrade>>;
}

export type TakeUpgrade = (
  request: IncomingMessage,
  socket: TLSSocket,
  head: Buffer,
  publicKey: Uint8Array,
) => void;

export interface WireServer<D, C> {
  readonly port: number;
  readonly links: ReadonlySet<OpenWire<D, C>>;
  /** Ends all links, as `going-away`, and stops listening. */
  close(): Promise<void>;
}

const closingWaitMs = 1000;

/** Rejects when it cannot listen, and when key and certificate do not fit. */
export async function openWireServer<D, C>(options: WireServerOptions<D, C>): Promise<WireServer<D, C>> {
  const { tls, peersMost = 512, strangersMost = 64, bounds } = options;
  const handshakeMs = bounds?.handshakeMs ?? wireBounds.handshakeMs;
  const https = createServer({
    key: tls.key,
    cert: tls.cert,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    requestCert: true,
    // Any certificate will do here: its key is judged with the hello.
    rejectUnauthorized: false,
    handshakeTimeout: handshakeMs,
    headersTimeout: handshakeMs,
    requestTimeout: handshakeMs,
    connectionsCheckingInterval: 1000,
    maxHeaderSize: 8192,
  });
  https.maxConnections = peersMost + strangersMost;
  await new Promise<void>((resolve, reject) => {
    https.once('error', reject);
    https.listen(options.port, options.host, resolve);
  });
  return new Wires(https, { ...options, peersMost, strangersMost });
}

/** A connection that is no link yet. */
interface Stranger {
  connection: Socket;
  greeting: WireGreeting | null;
  stopWaiting(): void;
}

class Wires<D, C> implements WireServer<D, C> {
  readonly port: number;
  readonly links = new Set<OpenWire<D, C>>();
  readonly #options: WireServerOptions<D, C> & { peersMost: number; strangersMost: number };
  readonly #bounds: WireBounds;
  readonly #clock: LinkClock;
  readonly #meter: WireMeter;
  readonly #https: Server;
  readonly #sockets: WebSocketServer;
  /** By where they come from: TLS has a socket of its own for the same connection. */
  readonly #strangers = new Map<string, Stranger>();
  readonly #linksOfKey = new Map<string, number>();
  /** Connections whose upgrade was handed out. */
  readonly #handedOut = new Set<TLSSocket>();
  #isClosed = false;

  constructor(
    https: Server,
    options: WireServerOptions<D, C> & { peersMost: number; strangersMost: number },
  ) {
    this.#options = options;
    this.#bounds = { ...wireBounds, ...options.bounds };
    this.#clock = options.clock ?? machineClock;
    this.#meter = options.meter ?? noWireMeter;
    this.#https = https;
    this.#sockets = new WebSocketServer({ ...socketSettings, noServer: true, clientTracking: true });
    this.port = (https.address() as AddressInfo).port;
    https.on('error', (error) => options.log.warn({ error: String(error) }, 'the wire server failed'));
    https.on('connection', (connection: Socket) => this.#meet(connection));
    https.on('clientError', (error, connection) =>
      this.#fail(connection, `no HTTP request: ${error.message}`),
    );
    https.on('request', (request, response) => {
      response.writeHead(404, { Connection: 'close' }).end();
      this.#fail(request.socket, 'a request that is no wire');
    });
    https.on('upgrade', (request, connection, head) => this.#upgrade(request, connection, head));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const link of [...this.links]) link.close('this end is going away', 'going-away');
    for (const { connection, stopWaiting } of [...this.#strangers.values()]) {
      stopWaiting();
      connection.destroy();
    }
    for (const socket of this.#sockets.clients) {
      const cancel = this.#clock.after(closingWaitMs, () => socket.terminate());
      socket.once('close', cancel);
    }
    for (const connection of this.#handedOut) {
      const cancel = this.#clock.after(closingWaitMs, () => connection.destroy());
      connection.once('close', cancel);
    }
    await new Promise<void>((resolve) => {
      this.#https.close(() => resolve());
      this.#https.closeIdleConnections();
    });
  }

  /** From its first moment on a connection has a place among the strangers, or none at all. */
  #meet(connection: Socket): void {
    const from = placeOf(connection);
    if (this.#isClosed || from === null || this.#strangers.size >= this.#options.strangersMost) {
      this.#meter.count('strangers-refused', 1);
      connection.destroy();
      return;
    }
    const cancel = this.#clock.after(this.#bounds.handshakeMs, () => this.#tooLate(from));
    const stranger: Stranger = {
      connection,
      greeting: null,
      stopWaiting: () => {
        cancel();
        this.#strangers.delete(from);
      },
    };
    this.#strangers.set(from, stranger);
    connection.once('close', () => {
      if (this.#strangers.get(from) === stranger) stranger.stopWaiting();
    });
  }

  #tooLate(from: string): void {
    const stranger = this.#strangers.get(from);
    if (stranger === undefined) return;
    const refusal: Refusal = { reason: 'too-late', text: 'no hello came in time' };
    if (stranger.greeting !== null) stranger.greeting.refuse(refusal);
    else this.#fail(stranger.connection, refusal.text);
    stranger.stopWaiting();
  }

  #fail(connection: Duplex, reason: string): void {
    this.#meter.count('strangers-failed', 1);
    this.#options.log.info(
      { reason, from: connection instanceof TLSSocket ? connection.remoteAddress : null },
      'a connection is no link',
    );
    connection.on('error', () => {});
    if (connection.writableLength === 0) connection.destroy();
    else connection.end(() => connection.destroy());
  }

  #upgrade(request: IncomingMessage, connection: Duplex, head: Buffer): void {
    const stranger =
      connection instanceof TLSSocket ? this.#strangers.get(placeOf(connection) ?? '') : undefined;
    const publicKey = connection instanceof TLSSocket ? peerKeyOf(connection) : null;
    // Browsers name the page they come from. No page has any business here.
    const isPage = request.headers.origin !== undefined;
    const isWire = request.url === wirePath && !isPage;
    const taker = isPage ? undefined : this.#takerOf(request.url ?? '');
    if (
      stranger !== undefined &&
      publicKey !== null &&
      taker !== undefined &&
      connection instanceof TLSSocket
    ) {
      stranger.stopWaiting();
      this.#handedOut.add(connection);
      connection.once('close', () => this.#handedOut.delete(connection));
      taker(request, connection, head, publicKey);
      return;
    }
    if (stranger === undefined || publicKey === null || !isWire) {
      connection.write('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
      this.#fail(
        connection,
        publicKey === null ? 'no certificate of an Ed25519 key' : 'an upgrade that is no wire',
      );
      return;
    }
    this.#sockets.handleUpgrade(request, connection, head, (opened) => {
      const socket = new ListenedSocket(opened, this.#clock);
      const { hello, admits, log } = this.#options;
      stranger.greeting = new WireGreeting({
        socket,
        publicKey,
        hello,
        admits: async (other, key) => {
          const admission = await admits(other, key);
          return admission.ok ? (this.#isFull(key) ?? admission) : admission;
        },
        log,
        meter: this.#meter,
        greeted: (peer) => {
          stranger.stopWaiting();
          this.#welcome(socket, peer);
        },
        failed: () => stranger.stopWaiting(),
      });
      this.#boundStranger(connection, stranger, socket);
    });
  }

  #takerOf(path: string): TakeUpgrade | undefined {
    const { otherPaths = {} } = this.#options;
    return Object.hasOwn(otherPaths, path) ? otherPaths[path] : undefined;
  }

  /** What a stranger sends is kept by `ws` until a frame is whole: the handshake needs little of it. */
  #boundStranger(connection: Duplex, stranger: Stranger, socket: ListenedSocket): void {
    let seenBytes = 0;
    const from = placeOf(stranger.connection) ?? '';
    const look = (chunk: Buffer): void => {
      seenBytes += chunk.length;
      if (this.#strangers.get(from) !== stranger) connection.off('data', look);
      else if (seenBytes > strangerMostBytes) {
        stranger.greeting?.refuse({
          reason: 'malformed',
          text: `more than ${strangerMostBytes} bytes before a link`,
        });
        socket.terminate();
      }
    };
    connection.on('data', look);
  }

  #isFull(publicKey: Uint8Array): { ok: false; reason: 'full'; text: string } | null {
    const { peersMost, peersOfKeyMost = 32 } = this.#options;
    const ofKey = this.#linksOfKey.get(nameOf(publicKey)) ?? 0;
    if (this.links.size < peersMost && ofKey < peersOfKeyMost) return null;
    return { ok: false, reason: 'full', text: `${this.links.size} links, ${ofKey} of its key` };
  }

  #welcome(socket: ListenedSocket, peer: WirePeer): void {
    const { messages, onLink, log } = this.#options;
    const key = nameOf(peer.publicKey);
    this.#linksOfKey.set(key, (this.#linksOfKey.get(key) ?? 0) + 1);
    let link: OpenWire<D, C> | null = null;
    link = new OpenWire<D, C>({
      peer,
      socket,
      messages,
      onLink,
      log,
      meter: this.#meter,
      clock: this.#clock,
      bounds: this.#bounds,
      ended: () => {
        if (link !== null) this.links.delete(link);
        const left = (this.#linksOfKey.get(key) ?? 1) - 1;
        if (left === 0) this.#linksOfKey.delete(key);
        else this.#linksOfKey.set(key, left);
      },
    });
    if (link.isOpen) this.links.add(link);
    socket.listen(link);
  }
}

const strangerMostBytes = 32 * 1024;

function placeOf(connection: Socket): string | null {
  const { remoteAddress, remotePort } = connection;
  return remoteAddress === undefined ? null : `${remoteAddress} ${remotePort}`;
}

function nameOf(publicKey: Uint8Array): string {
  return Buffer.from(publicKey).toString('hex');
}
