// The core's end of all links: accepts gateways and operators on loopback, has both sides proved, hands requests to the core.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { Ask, RequestKind } from '../actors/messages.ts';
import { MalformedError } from '../runtime/codec.ts';
import type { Counted } from './core-client.ts';
import { type LinkClock, machineClock } from './link-clock.ts';
import { frameMostBytes, unpackMessages } from './link-frame.ts';
import { greet } from './link-greeting.ts';
import { heartbeatMs, leaseMs, leaseSlackMs } from './link-lease.ts';
import type { LinkLog } from './link-log.ts';
import { closeCode, type Introduction, type ToCore, toCore } from './link-messages.ts';
import { type LinkMeter, noMeter } from './link-meter.ts';
import { backlogSoftBytes } from './link-outbox.ts';
import { type Handled, type LinkPeer, Peer } from './link-peer.ts';
import { codecsOf, decodeAsk, isRequestKind } from './link-requests.ts';

export interface LinkServerOptions {
  host: '127.0.0.1';
  /** 0 or absent: any free port. */
  port?: number;
  /** 32 bytes, from core.link. */
  key: Uint8Array;
  /**
   * A request, checked. May answer at once or later; a thrown fault is logged and answered `unavailable`. The answer goes out
   * behind everything that was pushed to the peer before it was given.
   */
  handle<K extends RequestKind>(
    kind: K,
    ask: Ask<K>,
    from: LinkPeer,
    counted: Counted | null,
  ): Handled | Promise<Handled>;
  onPeer(peer: LinkPeer): void;
  onPeerGone(peer: LinkPeer, reason: string): void;
  log: LinkLog;
  meter?: LinkMeter;
  clock?: LinkClock;
  /** False only when no core can have run on this data within the last few seconds: see `fence`. True unless told. */
  hadPredecessor?: boolean;
}

export interface LinkServer {
  readonly port: number;
  readonly peers: ReadonlySet<LinkPeer>;
  /**
   * Resolves when every gateway has processed everything sent before. Gateways whose link is gone count until their lease has
   * surely run out, and so do those a core before this one may have left behind.
   */
  fence(): Promise<void>;
  /** Ends all links and stops listening. Fences that wait for a lease still wait for it. */
  close(): Promise<void>;
}

const strangersMost = 32;
const peersMost = 512;
/** Requests of one peer that are being handled. */
const underWayMost = 16_384;
const closingWaitMs = 1000;
export const linkPath = '/link';

/** Rejects when it cannot listen. */
export async function openLinkServer(options: LinkServerOptions): Promise<LinkServer> {
  const http = createServer({ maxHeaderSize: 8192, headersTimeout: 5000, requestTimeout: 5000, connectionsCheckingInterval: 1000 });
  http.maxConnections = peersMost + strangersMost;
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen(options.port ?? 0, options.host, resolve);
  });
  return new AllLinks(http, options);
}

class AllLinks implements LinkServer {
  readonly port: number;
  readonly peers = new Set<LinkPeer>();
  readonly #options: LinkServerOptions;
  readonly #clock: LinkClock;
  readonly #meter: LinkMeter;
  readonly #http: Server;
  readonly #sockets: WebSocketServer;
  #strangers = 0;
  #checkedAtMs: number;
  /** Until then somebody whose link is gone may use a cache. */
  #leasesOverAtMs: number;
  #fence: Promise<void> | null = null;
  readonly #stopChecking: () => void;

  constructor(http: Server, options: LinkServerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? machineClock;
    this.#meter = options.meter ?? noMeter;
    this.#http = http;
    this.port = (http.address() as AddressInfo).port;
    const settings = { noServer: true, clientTracking: true, perMessageDeflate: false, maxPayload: frameMostBytes, maxFragments: 16 };
    this.#sockets = new WebSocketServer(settings);
    this.#checkedAtMs = this.#clock.nowMs();
    // A gateway that stands still may still hold a lease of the core that ran before: it finds out when it wakes.
    this.#leasesOverAtMs =
      options.hadPredecessor === false ? this.#checkedAtMs : this.#checkedAtMs + leaseMs + leaseSlackMs;
    this.#stopChecking = this.#clock.every(heartbeatMs, () => this.#check());
    http.on('error', (error) => options.log.warn({ error: String(error) }, 'the link server failed'));
    http.on('request', (_request, response) => {
      response.writeHead(404, { Connection: 'close' }).end();
    });
    http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  fence(): Promise<void> {
    this.#fence ??= this.#newFence();
    return this.#fence;
  }

  async close(): Promise<void> {
    this.#stopChecking();
    for (const peer of [...this.peers]) peerOf(peer).end('the core is going away', closeCode.goingAway);
    for (const socket of this.#sockets.clients) {
      const cancel = this.#clock.after(closingWaitMs, () => socket.terminate());
      socket.once('close', cancel);
    }
    await new Promise<void>((resolve) => {
      this.#http.close(() => resolve());
      this.#http.closeIdleConnections();
    });
  }

  /** All who ask within one turn share it: fences of peers are sent at the end of the turn. */
  async #newFence(): Promise<void> {
    setImmediate(() => {
      this.#fence = null;
    });
    const waits: Promise<void>[] = [];
    for (const peer of this.peers) {
      if (peer.role === 'gateway') waits.push(peer.fence());
    }
    const waitMs = this.#leasesOverAtMs - this.#clock.nowMs();
    if (waitMs > 0) {
      waits.push(
        new Promise((resolve) => {
          this.#clock.after(waitMs, resolve);
        }),
      );
    }
    await Promise.all(waits);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Browsers name the page they come from. No page has any business here.
    const isRefused = request.headers.origin !== undefined || request.url !== linkPath || !(socket instanceof Socket);
    if (isRefused || this.#strangers >= strangersMost || this.peers.size >= peersMost) {
      this.#meter.count(isRefused ? 'handshakes-refused' : 'strangers-refused', 1);
      this.#options.log.warn(
        { strangers: this.#strangers, peers: this.peers.size },
        isRefused ? 'a connection that is no link was refused' : 'too many connections: one was refused',
      );
      socket.on('error', () => {});
      socket.end(`HTTP/1.1 ${isRefused ? '403 Forbidden' : '503 Service Unavailable'}\r\nConnection: close\r\n\r\n`);
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (opened) => this.#meet(opened, socket));
  }

  #meet(socket: WebSocket, connection: Socket): void {
    this.#strangers++;
    socket.on('error', () => {
      // 'close' follows, and says what matters.
    });
    greet({
      socket,
      connection,
      key: this.#options.key,
      clock: this.#clock,
      greeted: (introduced) => {
        this.#strangers--;
        this.#welcome(socket, introduced);
      },
      failed: (reason, event) => {
        this.#strangers--;
        if (event === null) return;
        this.#meter.count(event, 1);
        this.#options.log.warn({ reason }, 'a link was refused');
      },
    });
  }

  #welcome(socket: WebSocket, introduced: Introduction): void {
    const { name, role } = introduced;
    const peer = new Peer({
      socket,
      name,
      role,
      introducedAtMs: this.#clock.nowMs(),
      clock: this.#clock,
      meter: this.#meter,
      gone: (_peer, reason) => this.#gone(peer, reason),
    });
    this.peers.add(peer);
    this.#meter.count('links-opened', 1);
    this.#options.log.info({ peer: name, role }, 'a link is open');
    socket.on('message', (data, isBinary) => this.#take(peer, data, isBinary));
    socket.on('close', (code, reason) => peer.gone(`it closed (${code}) ${reason.toString()}`.trimEnd()));
    this.#options.onPeer(peer);
  }

  #gone(peer: Peer, reason: string): void {
    this.peers.delete(peer);
    if (peer.role === 'gateway') this.#leasesOverAtMs = Math.max(this.#leasesOverAtMs, peer.lease.surelyOverAtMs);
    this.#meter.count('links-closed', 1);
    this.#options.log.info({ peer: peer.name, role: peer.role, reason }, 'a link is gone');
    this.#options.onPeerGone(peer, reason);
  }

  #take(peer: Peer, data: RawData, isBinary: boolean): void {
    if (!peer.isOpen) return;
    try {
      if (!isBinary || !Buffer.isBuffer(data)) throw new MalformedError('', 'bytes');
      const messages = unpackMessages(data);
      this.#meter.count('frames-in', 1);
      this.#meter.count('bytes-in', data.length);
      this.#meter.count('messages-in', messages.length);
      for (const message of messages) {
        this.#receive(peer, toCore.decode(message));
        if (!peer.isOpen) return;
      }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#meter.count('malformed-frames', 1);
      peer.end(`malformed frame: ${error.message}`, closeCode.malformed);
    }
  }

  #receive(peer: Peer, message: ToCore): void {
    switch (message.kind) {
      case 'call':
        this.#request(peer, message);
        return;
      case 'listen':
        peer.listen(message.add, message.remove);
        return;
      case 'fenced':
        peer.fenced(message.id);
        return;
      case 'ping':
        peer.pong(message.id);
        return;
      case 'metrics':
        peer.tookMetrics(message.id, message.json);
        return;
      case 'goodbye':
        peer.lease.handBack();
        peer.end('it said goodbye', closeCode.goodbye);
        return;
    }
  }

  #request(peer: Peer, call: { id: number; kind: string; ask: unknown; limitKey: string | null }): void {
    const { id, kind } = call;
    if (!isRequestKind(kind)) {
      this.#meter.count('malformed-asks', 1);
      peer.answer(id, null, { code: 'invalid', message: `no such request: ${kind}` }, null);
      return;
    }
    if (peer.underWay >= underWayMost || peer.backlogBytes > backlogSoftBytes) {
      this.#meter.count('busy', 1);
      peer.answer(id, null, { code: 'busy', message: 'Too much is under way. Try again.' }, null);
      return;
    }
    let ask: Ask<RequestKind>;
    try {
      ask = decodeAsk(kind, call.ask);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#meter.count('malformed-asks', 1);
      const path = error.path === '' ? kind : `${kind}.${error.path}`;
      const expected = error.message.slice(error.message.indexOf(': expected'));
      peer.answer(id, null, { code: 'invalid', message: `${path}${expected}` }, null);
      return;
    }
    const counted = call.limitKey === null ? null : { limitKey: call.limitKey };
    peer.underWay++;
    let handled: Handled | Promise<Handled>;
    try {
      handled = this.#options.handle(kind, ask, peer, counted);
    } catch (error) {
      this.#fault(peer, id, kind, error);
      return;
    }
    if (!(handled instanceof Promise)) {
      this.#answer(peer, id, kind, handled);
      return;
    }
    handled.then(
      (settled) => this.#answer(peer, id, kind, settled),
      (error: unknown) => this.#fault(peer, id, kind, error),
    );
  }

  #answer(peer: Peer, id: number, kind: RequestKind, { outcome, allowance }: Handled): void {
    if (!outcome.ok) {
      peer.underWay--;
      peer.answer(id, null, outcome.rejection, allowance ?? null);
      return;
    }
    let value: unknown;
    try {
      value = codecsOf(kind).answer.encode(outcome.value);
    } catch (error) {
      this.#fault(peer, id, kind, error);
      return;
    }
    peer.underWay--;
    peer.answer(id, value, null, allowance ?? null);
  }

  #fault(peer: Peer, id: number, kind: RequestKind, error: unknown): void {
    peer.underWay--;
    this.#meter.count('faults', 1);
    this.#options.log.warn({ peer: peer.name, kind, error: textOf(error) }, 'a request failed');
    peer.answer(id, null, { code: 'unavailable', message: 'Something went wrong in the core.' }, null);
  }

  #check(): void {
    const nowMs = this.#clock.nowMs();
    const sinceMs = nowMs - this.#checkedAtMs;
    this.#checkedAtMs = nowMs;
    // This process stood still: what the peers sent meanwhile waits to be read, and they are not to blame.
    if (sinceMs > 2 * heartbeatMs) return;
    for (const peer of [...this.peers]) peerOf(peer).check(nowMs);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
