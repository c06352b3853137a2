// The core's end of all links: accepts gateways and operators on loopback, and gateways of other machines where their TLS connections
// are handed in; has both sides proved, hands requests to the core.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { MalformedError } from '../runtime/codec.ts';
import { type LinkClock, machineClock } from './link-clock.ts';
import { linkPath } from './link-door.ts';
import { frameMostBytes, unpackMessages } from './link-frame.ts';
import { greet } from './link-greeting.ts';
import { type HandleRequest, Requests } from './link-handling.ts';
import { heartbeatMs, leaseSlackMs, ownLeaseMs } from './link-lease.ts';
import type { LinkLog } from './link-log.ts';
import {
  call,
  closeCode,
  type Introduction,
  isBare,
  type LinkRole,
  type ToCore,
  toCore,
} from './link-messages.ts';
import { type LinkMeter, noMeter } from './link-meter.ts';
import { type LinkPeer, Peer, type RemoteEnd } from './link-peer.ts';
import { sameBytes } from './packed.ts';

export interface LinkServerOptions {
  host: '127.0.0.1';
  /** 0 or absent: any free port. */
  port?: number;
  /** 32 bytes, from core.link. */
  key: Uint8Array;
  handle: HandleRequest;
  onPeer(peer: LinkPeer): void;
  onPeerGone(peer: LinkPeer, reason: string): void;
  log: LinkLog;
  meter?: LinkMeter;
  clock?: LinkClock;
  /** False only when no core can have run on this data within the last few seconds: see `fence`. True unless told. */
  hadPredecessor?: boolean;
  /** For gateways of other machines; absent: none are taken. */
  remote?: RemoteLinks;
}

export type LinkAdmission =
  | { ok: true; name: string; roles: readonly LinkRole[] }
  | { ok: false; reason: string };

export interface RemoteLinks {
  /** `linkKeyOf` the cluster. */
  key: Uint8Array;
  /** As what the node with this key (32 bytes), which TLS has had proved, may come here, and what it is called. */
  admits(publicKey: Uint8Array): LinkAdmission;
}

export interface LinkServer {
  readonly port: number;
  readonly peers: ReadonlySet<LinkPeer>;
  /**
   * Resolves when every gateway has processed everything sent before. Gateways whose link is gone count until their lease has
   * surely run out, and so do those a core before this one may have left behind.
   */
  fence(): Promise<void>;
  /**
   * A connection of another machine that asks for `/link`, over TLS 1.3 that has proved this key: `otherPaths` of a wire server, or the
   * upgrades of any other https server.
   */
  takeUpgrade(request: IncomingMessage, connection: TLSSocket, head: Buffer, publicKey: Uint8Array): void;
  /** Ends the links of nodes that are not admitted any more. Call it when the manifest has changed. */
  readmit(): void;
  /**
   * From now on this core serves what another core has served: gateways may use what they have cached of that one's answers until its
   * lease is over, or it has told them. Fences wait for that, too.
   */
  tookOver(): void;
  /**
   * Nobody new is let in, and every gateway is told to ask for nothing more. Resolves when all have had their answers and said goodbye, or
   * after `withinMs`: true when nobody can hold a lease any more.
   */
  leave(withinMs: number): Promise<boolean>;
  /** Ends all links and stops listening. Fences that wait for a lease still wait for it. */
  close(): Promise<void>;
}

const strangersMost = 32;
const peersMost = 512;
/** A machine's gateways, and as many again that have not noticed yet that they are gone. */
const peersOfKeyMost = 128;
const closingWaitMs = 1000;

/** Rejects when it cannot listen. */
export async function openLinkServer(options: LinkServerOptions): Promise<LinkServer> {
  const http = createServer({
    maxHeaderSize: 8192,
    headersTimeout: 5000,
    requestTimeout: 5000,
    connectionsCheckingInterval: 1000,
  });
  http.maxConnections = peersMost + strangersMost;
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen(options.port ?? 0, options.host, resolve);
  });
  return new AllLinks(http, options);
}

/** A connection that has not introduced itself. */
interface Met {
  connection: Socket;
  key: Uint8Array;
  roles: readonly LinkRole[];
  remote: RemoteEnd | null;
}

interface Greeted {
  introduced: Introduction;
  protocol: number;
  remote: RemoteEnd | null;
}

class AllLinks implements LinkServer {
  readonly port: number;
  readonly peers = new Set<Peer>();
  readonly #options: LinkServerOptions;
  readonly #clock: LinkClock;
  readonly #meter: LinkMeter;
  readonly #http: Server;
  readonly #sockets: WebSocketServer;
  readonly #requests: Requests;
  #strangers = 0;
  #checkedAtMs: number;
  /** Until then somebody whose link is gone may use a cache. */
  #leasesOverAtMs: number;
  #isLeaving = false;
  /** Somebody has gone. */
  #left: () => void = () => {};
  readonly #stopChecking: () => void;

  constructor(http: Server, options: LinkServerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? machineClock;
    this.#meter = options.meter ?? noMeter;
    this.#http = http;
    this.#requests = new Requests(options.handle, options.log, this.#meter);
    this.port = (http.address() as AddressInfo).port;
    const settings = {
      noServer: true,
      clientTracking: true,
      perMessageDeflate: false,
      maxPayload: frameMostBytes,
      maxFragments: 16,
    };
    this.#sockets = new WebSocketServer(settings);
    this.#checkedAtMs = this.#clock.nowMs();
    // A gateway that stands still may still hold a lease of the core that ran before: it finds out when it wakes.
    this.#leasesOverAtMs =
      options.hadPredecessor === false ? this.#checkedAtMs : this.#checkedAtMs + ownLeaseMs + leaseSlackMs;
    this.#stopChecking = this.#clock.every(heartbeatMs, () => this.#check());
    http.on('error', (error) => options.log.warn({ error: String(error) }, 'the link server failed'));
    http.on('request', (_request, response) => {
      response.writeHead(404, { Connection: 'close' }).end();
    });
    http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  async fence(): Promise<void> {
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

  async leave(withinMs: number): Promise<boolean> {
    this.#isLeaving = true;
    for (const peer of this.peers) if (peer.role === 'gateway') peer.sendLeaving();
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(withinMs, resolve);
      this.#left = () => {
        if ([...this.peers].some(({ role }) => role === 'gateway')) return;
        cancel();
        resolve();
      };
      this.#left();
    });
    const isAnybodyHere = [...this.peers].some(({ role }) => role === 'gateway');
    return !isAnybodyHere && this.#leasesOverAtMs <= this.#clock.nowMs();
  }

  async close(): Promise<void> {
    this.#stopChecking();
    for (const peer of [...this.peers]) peer.end('the core is going away', closeCode.goingAway);
    for (const socket of this.#sockets.clients) {
      const cancel = this.#clock.after(closingWaitMs, () => socket.terminate());
      socket.once('close', cancel);
    }
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(closingWaitMs, () => this.#http.closeAllConnections());
      this.#http.close(() => {
        cancel();
        resolve();
      });
      this.#http.closeIdleConnections();
    });
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Browsers name the page they come from. No page has any business here.
    const isRefused =
      request.headers.origin !== undefined || request.url !== linkPath || !(socket instanceof Socket);
    if (isRefused || this.#isLeaving || this.#strangers >= strangersMost || this.peers.size >= peersMost) {
      this.#turnAway(socket, isRefused, null);
      return;
    }
    const { key } = this.#options;
    this.#sockets.handleUpgrade(request, socket, head, (opened) =>
      this.#meet(opened, { connection: socket, key, roles: ['gateway', 'operator'], remote: null }),
    );
  }

  takeUpgrade(request: IncomingMessage, connection: TLSSocket, head: Buffer, publicKey: Uint8Array): void {
    const { remote } = this.#options;
    const admitted = remote?.admits(publicKey) ?? { ok: false, reason: 'no links of other machines here' };
    const isFull =
      this.#strangers >= strangersMost || this.peers.size >= peersMost || this.#isFull(publicKey);
    if (remote === undefined || !admitted.ok || isFull || this.#isLeaving || request.url !== linkPath) {
      const isRefused = !admitted.ok || request.url !== linkPath;
      this.#turnAway(connection, isRefused, admitted.ok ? null : admitted.reason);
      return;
    }
    const end: RemoteEnd = { machine: admitted.name, publicKey };
    this.#sockets.handleUpgrade(request, connection, head, (opened) =>
      this.#meet(opened, { connection, key: remote.key, roles: admitted.roles, remote: end }),
    );
  }

  readmit(): void {
    const { remote } = this.#options;
    for (const peer of [...this.peers]) {
      if (peer.remote === null || remote === undefined) continue;
      const admitted = remote.admits(peer.remote.publicKey);
      if (!admitted.ok) peer.end(admitted.reason, closeCode.refused);
      else if (!admitted.roles.includes(peer.role))
        peer.end(`its machine is no ${peer.role} any more`, closeCode.refused);
    }
  }

  tookOver(): void {
    this.#leasesOverAtMs = Math.max(this.#leasesOverAtMs, this.#clock.nowMs() + ownLeaseMs + leaseSlackMs);
  }

  #turnAway(connection: Duplex, isRefused: boolean, reason: string | null): void {
    this.#meter.count(isRefused ? 'handshakes-refused' : 'strangers-refused', 1);
    this.#options.log.warn(
      { strangers: this.#strangers, peers: this.peers.size, ...(reason === null ? {} : { reason }) },
      isRefused ? 'a connection that is no link was refused' : 'too many connections: one was refused',
    );
    connection.on('error', () => {});
    const status = isRefused ? '403 Forbidden' : '503 Service Unavailable';
    connection.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
  }

  #isFull(publicKey: Uint8Array): boolean {
    let ofKey = 0;
    for (const { remote } of this.peers)
      if (remote !== null && sameBytes(remote.publicKey, publicKey)) ofKey++;
    return ofKey >= peersOfKeyMost;
  }

  #meet(socket: WebSocket, { connection, key, roles, remote }: Met): void {
    this.#strangers++;
    socket.on('error', () => {
      // 'close' follows, and says what matters.
    });
    greet({
      socket,
      connection,
      key,
      roles,
      clock: this.#clock,
      greeted: (introduced, protocol) => {
        this.#strangers--;
        this.#welcome(socket, { introduced, protocol, remote });
      },
      failed: (reason, event) => {
        this.#strangers--;
        if (event === null) return;
        this.#meter.count(event, 1);
        this.#options.log.warn({ reason }, 'a link was refused');
      },
    });
  }

  #welcome(socket: WebSocket, { introduced, protocol, remote }: Greeted): void {
    if (this.#isLeaving) {
      socket.close(closeCode.goingAway);
      return;
    }
    const { role } = introduced;
    const name = remote === null ? introduced.name : `${introduced.name}@${remote.machine}`;
    const peer = new Peer({
      socket,
      name,
      role,
      remote,
      introducedAtMs: this.#clock.nowMs(),
      protocol,
      clock: this.#clock,
      meter: this.#meter,
      gone: (reason) => this.#gone(peer, reason),
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
    if (peer.role === 'gateway')
      this.#leasesOverAtMs = Math.max(this.#leasesOverAtMs, peer.lease.surelyOverAtMs);
    this.#meter.count('links-closed', 1);
    this.#options.log.info({ peer: peer.name, role: peer.role, reason }, 'a link is gone');
    this.#options.onPeerGone(peer, reason);
    this.#left();
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
        if (isBare(message)) this.#requests.take(peer, call.decode(message));
        else this.#receive(peer, toCore.decode(message));
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
      case 'listen':
        peer.listen(message.add, message.remove);
        return;
      case 'fenced':
        peer.fenced(message.id);
        return;
      case 'written':
        peer.written(message.id);
        return;
      case 'ping':
        peer.pong(message);
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

  #check(): void {
    const nowMs = this.#clock.nowMs();
    const sinceMs = nowMs - this.#checkedAtMs;
    this.#checkedAtMs = nowMs;
    // This process stood still: what the peers sent meanwhile waits to be read, and they are not to blame.
    if (sinceMs > 2 * heartbeatMs) return;
    for (const peer of [...this.peers]) peer.check(nowMs);
  }
}
