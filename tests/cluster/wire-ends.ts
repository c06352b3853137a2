// Ends of wires for tests: node keys with certificates, servers, dialers, a peer that speaks by hand.
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { newKeyPair } from '../../cluster/ed25519.ts';
import { certificateOf, pemOf } from '../../cluster/node-certificate.ts';
import type { WireEnding } from '../../cluster/wire-close.ts';
import { connectWire, type DialOptions, type DialOutcome } from '../../cluster/wire-dial.ts';
import type { WireLink, WireReceiver } from '../../cluster/wire-end.ts';
import { acceptedFrame, joinMessages, packMessage, packWire } from '../../cluster/wire-frame.ts';
import { type Admission, type WireHello, wireHello } from '../../cluster/wire-hello.ts';
import type { WireEvent, WireLog, WireMeter } from '../../cluster/wire-meter.ts';
import { openWireServer, type WireServer, type WireServerOptions } from '../../cluster/wire-server.ts';
import { bytes, type Infer, list, struct, text, uint, union } from '../../runtime/codec.ts';
import { until } from '../support/until.ts';

export const dataMessages = union({
  entry: struct({ seq: uint, value: bytes(1024 * 1024) }),
  notes: struct({ notes: list(text(1000), 100) }),
});
export const controlMessages = union({ ping: struct({ id: uint }), stop: struct({ why: text(100) }) });
export const testMessages = { data: dataMessages, control: controlMessages };
export type Data = Infer<typeof dataMessages>;
export type Control = Infer<typeof controlMessages>;
export type TestLink = WireLink<Data, Control>;

export interface NodeKey {
  node: number;
  key: string;
  cert: string;
  publicKey: Uint8Array;
}

const made = new Map<number, NodeKey>();

/** The same for the same number, in one test file. */
export function nodeKey(node: number): NodeKey {
  const known = made.get(node);
  if (known !== undefined) return known;
  const pair = newKeyPair();
  const key = pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const fresh = { node, key, cert: pemOf(certificateOf(pair)), publicKey: pair.publicKey };
  made.set(node, fresh);
  return fresh;
}

/** Made by OpenSSL: with a key that no node has, or with one that every node could have. */
export function foreignKey(kind: 'ed25519' | 'P-256'): NodeKey {
  const algorithm =
    kind === 'ed25519' ? ['-newkey', kind] : ['-newkey', 'ec', '-pkeyopt', `ec_paramgen_curve:${kind}`];
  const how = ['-nodes', '-keyout', '-', '-out', '-', '-subj', '/CN=foreign', '-days', '3650'];
  const pem = execFileSync('openssl', ['req', '-x509', ...algorithm, ...how], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const at = pem.indexOf('-----BEGIN CERTIFICATE-----');
  const cert = pem.slice(at);
  const { x } = new X509Certificate(cert).publicKey.export({ format: 'jwk' });
  return { node: 8, key: pem.slice(0, at), cert, publicKey: Buffer.from(x ?? '', 'base64url') };
}

export function helloOf(node: number, different: Partial<WireHello> = {}): WireHello {
  return {
    protocolFrom: 1,
    protocolTo: 2,
    cluster: Buffer.alloc(32, 7),
    node,
    role: 'core',
    name: `node-${node}`,
    boot: Buffer.alloc(8, node),
    epoch: 3,
    manifestHash: Buffer.alloc(32, 3),
    admission: null,
    addresses: [],
    incarnation: null,
    ...different,
  };
}

/** What an end of a wire went through. */
export class Witness {
  readonly links: TestLink[] = [];
  readonly data: Data[] = [];
  readonly control: Control[] = [];
  readonly order: string[] = [];
  readonly endings: WireEnding[] = [];
  writable = 0;
  readonly counts = new Map<WireEvent, number>();
  readonly said: { level: 'info' | 'warn' | 'error'; fields: object; text: string }[] = [];
  /** Set to make processing wait. */
  dataGate: (message: Data) => void | Promise<void> = () => {};
  controlGate: (message: Control) => void | Promise<void> = () => {};

  readonly meter: WireMeter = {
    count: (event, by) => {
      this.counts.set(event, this.of(event) + by);
    },
  };
  readonly log: WireLog = {
    info: (fields, text) => this.said.push({ level: 'info', fields, text }),
    warn: (fields, text) => this.said.push({ level: 'warn', fields, text }),
    error: (fields, text) => this.said.push({ level: 'error', fields, text }),
  };

  get link(): TestLink {
    const link = this.links.at(-1);
    if (link === undefined) throw new Error('there is no link');
    return link;
  }

  of(event: WireEvent): number {
    return this.counts.get(event) ?? 0;
  }

  readonly onLink = (link: TestLink): WireReceiver<Data, Control> => {
    this.links.push(link);
    return {
      data: (message) => {
        this.data.push(message);
        this.order.push(message.kind);
        return this.dataGate(message);
      },
      control: (message) => {
        this.control.push(message);
        this.order.push(message.kind);
        return this.controlGate(message);
      },
      writable: () => {
        this.writable++;
      },
      closed: (ending) => {
        this.endings.push(ending);
      },
    };
  };

  seqs(): number[] {
    return this.data.flatMap((message) => (message.kind === 'entry' ? [message.seq] : []));
  }
}

export function entry(seq: number, valueBytes = 8): Data {
  return { kind: 'entry', seq, value: Buffer.alloc(valueBytes, 1) };
}

export interface ServerEnd {
  server: WireServer<Data, Control>;
  witness: Witness;
  key: NodeKey;
}

export type TestDial = Partial<DialOptions<Data, Control>> & { key?: NodeKey };
export type TestServer = Partial<WireServerOptions<Data, Control>> & { key?: NodeKey };

/** Opens things, and closes them at the end of a test. */
export class WireEnds {
  readonly #closers: (() => unknown)[] = [];

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }

  onClose(close: () => unknown): void {
    this.#closers.push(close);
  }

  /** Node 1's server, unless another key is given: it admits everybody. */
  async server(options: TestServer = {}): Promise<ServerEnd> {
    const key = options.key ?? nodeKey(1);
    const witness = new Witness();
    const server = await openWireServer<Data, Control>({
      host: '127.0.0.1',
      port: 0,
      tls: key,
      hello: () => helloOf(key.node),
      admits: () => ({ ok: true }),
      messages: testMessages,
      onLink: witness.onLink,
      log: witness.log,
      meter: witness.meter,
      ...options,
    });
    this.onClose(() => server.close());
    return { server, witness, key };
  }

  /** Node 2 dials, unless another key is given. */
  async dial(
    server: ServerEnd,
    options: TestDial = {},
  ): Promise<{ outcome: DialOutcome<Data, Control>; witness: Witness }> {
    const witness = new Witness();
    const key = options.key ?? nodeKey(2);
    const dialing = connectWire<Data, Control>({
      host: '127.0.0.1',
      port: server.server.port,
      tls: key,
      hello: () => helloOf(key.node),
      expects: (publicKey) => Buffer.compare(publicKey, server.key.publicKey) === 0,
      admits: () => ({ ok: true }),
      messages: testMessages,
      onLink: witness.onLink,
      log: witness.log,
      meter: witness.meter,
      ...options,
    });
    const outcome = await dialing.outcome;
    this.onClose(() => {
      if (outcome.kind === 'opened') outcome.link.close('the test is over');
    });
    return { outcome, witness };
  }

  /** A server and a link to it. */
  async linked(
    options: { server?: TestServer; dial?: TestDial } = {},
  ): Promise<{ server: ServerEnd; near: Witness; far: Witness }> {
    const server = await this.server(options.server);
    const { outcome, witness } = await this.dial(server, options.dial);
    if (outcome.kind !== 'opened') throw new Error(`refused: ${JSON.stringify(outcome.ending)}`);
    await until(() => server.witness.links.length > 0, { everyMs: 1 });
    return { server, near: witness, far: server.witness };
  }

  async byHand(port: number, options: ByHandOptions = {}): Promise<ByHand> {
    const hand = new ByHand(port, options);
    this.onClose(() => hand.leave());
    await hand.opened;
    return hand;
  }
}

/** Admits nodes by their keys, as a manifest would. */
export function members(...nodes: number[]) {
  return (hello: WireHello, publicKey: Uint8Array): Admission => {
    const node = nodes.find((one) => Buffer.compare(nodeKey(one).publicKey, publicKey) === 0);
    if (node === undefined) return { ok: false, reason: 'unknown-key' };
    return node === hello.node ? { ok: true } : { ok: false, reason: 'wrong-node' };
  };
}

/** A link to this server still works in both directions. */
export async function goesOn(ends: WireEnds, server: ServerEnd): Promise<void> {
  const { outcome, witness } = await ends.dial(server, { key: nodeKey(9) });
  if (outcome.kind !== 'opened') throw new Error(`refused: ${JSON.stringify(outcome.ending)}`);
  await until(() => server.witness.links.length > 0, { everyMs: 1 });
  const before = server.witness.data.length;
  witness.link.post(entry(1));
  server.witness.link.post(entry(2));
  await until(() => server.witness.data.length > before && witness.data.length === 1, { everyMs: 1 });
}

export interface ByHandOptions {
  /** Null: comes without a certificate. */
  key?: NodeKey | null;
  path?: string;
  headers?: Record<string, string>;
  /** Of an earlier connection, to be resumed. */
  session?: Buffer;
}

/** A WebSocket over TLS whose frames are the test's. */
export class ByHand {
  readonly connection: TLSSocket;
  readonly socket: WebSocket;
  readonly frames: Uint8Array[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  /** Open, or refused before that. */
  readonly opened: Promise<void>;
  status: number | null = null;
  isResumed = false;

  constructor(port: number, { key = nodeKey(2), path = '/wire', headers = {}, session }: ByHandOptions = {}) {
    this.connection = connect({
      host: '127.0.0.1',
      port,
      rejectUnauthorized: false,
      ...(key === null ? {} : { key: key.key, cert: key.cert }),
      ...(session === undefined ? {} : { session }),
    });
    this.connection.on('error', () => {});
    this.connection.once('secureConnect', () => {
      this.isResumed = this.connection.isSessionReused();
    });
    this.socket = new WebSocket(`ws://wire${path}`, {
      createConnection: () => this.connection,
      perMessageDeflate: false,
      headers,
    });
    this.socket.on('message', (data) => {
      if (Buffer.isBuffer(data)) this.frames.push(data);
    });
    this.socket.on('error', () => {});
    this.socket.on('unexpected-response', (_request, response) => {
      this.status = response.statusCode ?? null;
      this.socket.terminate();
    });
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    this.opened = new Promise((resolve) => {
      this.socket.once('open', () => resolve());
      this.connection.once('close', () => resolve());
    });
  }

  get isClosed(): boolean {
    return this.socket.readyState === WebSocket.CLOSED;
  }

  hello(hello: WireHello = helloOf(2)): void {
    this.socket.send(packWire('hello', wireHello.encode(hello)));
  }

  /** Says hello and accepts: a peer like others, up to here. */
  async introduce(hello: WireHello = helloOf(2)): Promise<this> {
    this.hello(hello);
    await until(() => this.frames.length >= 2 || this.isClosed, { everyMs: 1, what: 'to be accepted' });
    this.socket.send(packWire('accepted', acceptedFrame.encode({ protocol: 2 })));
    return this;
  }

  async leave(): Promise<void> {
    this.socket.terminate();
    this.connection.destroy();
    await this.closed;
  }
}

export function dataFrame(...messages: Data[]): Uint8Array {
  const packed = messages.map((message) => packMessage(dataMessages, message));
  return joinMessages(
    'data',
    packed,
    packed.reduce((sum, { length }) => sum + length, 0),
  );
}
