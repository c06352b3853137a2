// Both ends of real links for tests: a server, clients, a visitor that speaks by hand, and a clock that stands until told.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket, WebSocketServer } from 'ws';
import type { Changed, Tick } from '../../actors/messages.ts';
import type { CoreClient, CoreEvents } from '../../cluster/core-client.ts';
import { type CoreLinkOptions, connectCore } from '../../cluster/link-client.ts';
import { type LinkClock, machineClock } from '../../cluster/link-clock.ts';
import { linkFileName, newLinkKey, writeLinkFile } from '../../cluster/link-file.ts';
import { packFrame, unpackFrame, unpackMessages } from '../../cluster/link-frame.ts';
import { greet } from '../../cluster/link-greeting.ts';
import type { HandleRequest } from '../../cluster/link-handling.ts';
import { Introducing } from '../../cluster/link-introducing.ts';
import type { LinkRole } from '../../cluster/link-messages.ts';
import type { LinkEvent, LinkMeter } from '../../cluster/link-meter.ts';
import type { LinkPeer } from '../../cluster/link-peer.ts';
import { type LinkServer, type LinkServerOptions, openLinkServer } from '../../cluster/link-server.ts';
import type { StatusId } from '../../runtime/status-id.ts';
import { until } from '../support/until.ts';

/** Stands still until told. `jump` moves the time without letting any timer run, as for a process that was stopped. */
export class ManualClock implements LinkClock {
  #nowMs = 1_000_000;
  #timers = new Set<{ atMs: number; everyMs: number | null; act: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, act: () => void): () => void {
    return this.#start(delayMs, null, act);
  }

  every(periodMs: number, act: () => void): () => void {
    return this.#start(periodMs, periodMs, act);
  }

  /** Until the last of what is to happen once; 0 when nothing is. */
  longestWaitMs(): number {
    const waits = [...this.#timers].flatMap(({ atMs, everyMs }) =>
      everyMs === null ? [atMs - this.#nowMs] : [],
    );
    return Math.max(0, ...waits);
  }

  jump(ms: number): void {
    this.#nowMs += ms;
  }

  /** Moves on in small steps, with all that is due, and lets messages travel in between. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    while (this.#nowMs < endMs) {
      this.#nowMs = Math.min(endMs, this.#nowMs + 50);
      this.runDue();
      await messagesTravel();
    }
  }

  runDue(): void {
    for (const timer of [...this.#timers]) {
      if (timer.atMs > this.#nowMs || !this.#timers.has(timer)) continue;
      if (timer.everyMs === null) this.#timers.delete(timer);
      else timer.atMs = this.#nowMs + timer.everyMs;
      timer.act();
    }
  }

  #start(delayMs: number, everyMs: number | null, act: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, everyMs, act };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }
}

/** Some turns of the event loop, enough for a message to go over loopback and back. */
export async function messagesTravel(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

export class CountingMeter implements LinkMeter {
  readonly counts = new Map<LinkEvent, number>();
  count(event: LinkEvent, by: number): void {
    this.counts.set(event, this.of(event) + by);
  }
  of(event: LinkEvent): number {
    return this.counts.get(event) ?? 0;
  }
}

export interface Said {
  text: string;
  fields: object;
}

export function listeningLog(): {
  said: Said[];
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
} {
  const said: Said[] = [];
  const take = (fields: object, text: string): void => {
    said.push({ fields, text });
  };
  return { said, info: take, warn: take };
}

export const nothingDone: HandleRequest = () => ({ outcome: { ok: true, value: {} } });

export interface CoreEnd {
  server: LinkServer;
  key: Uint8Array;
  meter: CountingMeter;
  said: Said[];
  peers: LinkPeer[];
  gone: { peer: LinkPeer; reason: string }[];
}

/** A folder that goes away, and everything opened in it: call `close` at the end of each test. */
export class Ends {
  readonly #closers: (() => Promise<unknown>)[] = [];
  folder = '';

  get linkFile(): string {
    return join(this.folder, linkFileName);
  }

  async open(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), 'murmuration-link-'));
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
    await rm(this.folder, { recursive: true, force: true });
  }

  onClose(close: () => Promise<unknown>): void {
    this.#closers.push(close);
  }

  /** A core's end, and its file. */
  async core(options: Partial<LinkServerOptions> = {}): Promise<CoreEnd> {
    const meter = new CountingMeter();
    const log = listeningLog();
    const key = newLinkKey();
    const peers: LinkPeer[] = [];
    const gone: { peer: LinkPeer; reason: string }[] = [];
    const server = await openLinkServer({
      host: '127.0.0.1',
      key,
      handle: nothingDone,
      onPeer: (peer) => peers.push(peer),
      onPeerGone: (peer, reason) => gone.push({ peer, reason }),
      log,
      meter,
      hadPredecessor: false,
      ...options,
    });
    this.onClose(() => server.close());
    const incarnation = Buffer.from(key.subarray(0, 4)).toString('hex');
    await writeLinkFile(this.linkFile, { port: server.port, key, pid: process.pid, incarnation });
    return { server, key, meter, said: log.said, peers, gone };
  }

  /** A core that only greets, and its file: what it says beyond that is the test's. */
  async coreByHand(): Promise<CoreByHand> {
    const core = new CoreByHand(newLinkKey());
    await new Promise((resolve) => core.sockets.once('listening', resolve));
    this.onClose(() => core.close());
    const address = core.sockets.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    await writeLinkFile(this.linkFile, { port, key: core.key, pid: process.pid, incarnation: 'by hand' });
    return core;
  }

  gateway(options: Partial<CoreLinkOptions> = {}, events: Partial<CoreEvents> = {}): GatewayEnd {
    const end = new GatewayEnd(this.linkFile, options, events);
    this.onClose(() => end.client.close());
    return end;
  }

  async visitor(core: CoreEnd, options: Partial<VisitorOptions> = {}): Promise<Visitor> {
    const visitor = new Visitor(core.server.port);
    this.onClose(() => visitor.leave());
    await visitor.introduce({ key: core.key, name: 'visitor', role: 'gateway', ...options });
    return visitor;
  }
}

/** Greets whoever has the key; the rest is the test's. */
export class CoreByHand {
  readonly key: Uint8Array;
  readonly sockets = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  readonly links: LinkByHand[] = [];

  constructor(key: Uint8Array) {
    this.key = key;
    this.sockets.on('connection', (socket, request) => {
      greet({
        socket,
        connection: request.socket,
        key,
        roles: ['gateway', 'operator'],
        clock: machineClock,
        greeted: () => this.links.push(new LinkByHand(socket)),
        failed: () => {},
      });
    });
  }

  async close(): Promise<void> {
    for (const socket of this.sockets.clients) socket.terminate();
    await new Promise((resolve) => this.sockets.close(resolve));
  }
}

export class LinkByHand {
  readonly socket: WebSocket;
  readonly #frames: Uint8Array[] = [];

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => {
      if (Buffer.isBuffer(data)) this.#frames.push(data);
    });
  }

  send(...messages: unknown[]): void {
    this.socket.send(packFrame(messages));
  }

  messages(): unknown[] {
    return this.#frames.flatMap((frame) => unpackMessages(frame));
  }
}

export type Happened =
  | { kind: 'up' }
  | { kind: 'down'; reason: string }
  | { kind: 'tick'; tick: Tick }
  | { kind: 'changed'; changed: Changed };

/** A gateway's end: what happened to it, in order. */
export class GatewayEnd {
  readonly client: CoreClient;
  readonly happened: Happened[] = [];
  readonly meter = new CountingMeter();
  readonly said: Said[];

  constructor(linkFile: string, options: Partial<CoreLinkOptions>, events: Partial<CoreEvents>) {
    const log = listeningLog();
    this.said = log.said;
    this.client = connectCore({
      linkFile,
      name: 'gateway-1',
      role: 'gateway',
      log,
      meter: this.meter,
      events: {
        up: () => this.happened.push({ kind: 'up' }),
        down: (reason) => this.happened.push({ kind: 'down', reason }),
        tick: (tick) => this.happened.push({ kind: 'tick', tick }),
        changed: (changed) => this.happened.push({ kind: 'changed', changed }),
        metrics: () => Promise.resolve([{ name: 'sessions', values: [{ value: 7 }] }]),
        ...events,
      },
      ...options,
    });
  }

  kinds(): string[] {
    return this.happened.map(({ kind }) => kind);
  }

  async isUp(): Promise<this> {
    await until(() => this.client.isUp, { what: 'the link', everyMs: 1 });
    return this;
  }
}

export interface VisitorOptions {
  key: Uint8Array;
  name: string;
  role: LinkRole;
}

/** Speaks to a core's end by hand, frame by frame. */
export class Visitor {
  readonly socket: WebSocket;
  /** Frames as they came, undecoded. */
  readonly frames: Uint8Array[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  introduction: Uint8Array | null = null;
  readonly #messages: unknown[] = [];
  /** Challenge and welcome are no messages. */
  #decoded = 2;

  constructor(port: number, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/link`, { perMessageDeflate: false, headers });
    this.socket.on('message', (data) => {
      if (Buffer.isBuffer(data)) this.frames.push(data);
    });
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
  }

  get isClosed(): boolean {
    return this.socket.readyState === WebSocket.CLOSED;
  }

  /** The whole handshake. Gives up silently when the core ends it. */
  async introduce(options: VisitorOptions): Promise<void> {
    const introducing = new Introducing({
      key: options.key,
      name: options.name,
      role: options.role,
    });
    const first = introducing.take(await this.frame(0), 0);
    if (first.kind !== 'send') throw new Error(`no introduction: ${first.kind}`);
    this.introduction = first.frame;
    this.socket.send(first.frame);
    await until(() => this.frames.length > 1 || this.isClosed, { everyMs: 1, what: 'a welcome' });
  }

  async frame(index: number): Promise<Uint8Array> {
    return until(() => this.frames[index], { everyMs: 1, what: `frame ${index}` });
  }

  send(...messages: unknown[]): void {
    this.socket.send(packFrame(messages));
  }

  /** Everything said after the handshake. */
  messages(): unknown[] {
    for (; this.#decoded < this.frames.length; this.#decoded++) {
      this.#messages.push(...unpackMessages(this.frames[this.#decoded] ?? new Uint8Array()));
    }
    return this.#messages;
  }

  async leave(): Promise<void> {
    this.socket.terminate();
    await this.closed;
  }
}

export function decoded(frame: Uint8Array): unknown {
  return unpackFrame(frame);
}

export function statusId(number: number): StatusId {
  return number.toString().padStart(14, '0') as StatusId;
}
