// Swarms on loopback for tests: bundles in folders of their own, nodes that are closed in the end, and a peer that speaks by hand.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { openSwarm, type Swarm, type SwarmOptions } from '../../cluster/swarm.ts';
import type { SwarmAddress, Torrent, TorrentOrder } from '../../cluster/swarm-order.ts';
import type { TorrentInfo } from '../../cluster/torrent-info.ts';
import { TorrentLayout } from '../../cluster/torrent-layout.ts';
import { makeInfo } from '../../cluster/torrent-making.ts';

export const quiet = { info() {}, warn() {} };
export const blockBytes = 16_384;
const host = '127.0.0.1';

/** All that one test opens and makes. */
export class Ends {
  readonly #closings: (() => Promise<unknown>)[] = [];
  #root: string | null = null;

  async close(): Promise<void> {
    for (const close of this.#closings.reverse()) await close();
    if (this.#root !== null) await rm(this.#root, { recursive: true, force: true });
  }

  closes(close: () => Promise<unknown>): void {
    this.#closings.push(close);
  }

  async folder(name: string): Promise<string> {
    this.#root ??= await mkdtemp(join(tmpdir(), 'swarm-'));
    return join(this.#root, name);
  }

  /** A folder with these files, numbers being so many bytes of chance. */
  async bundle(
    files: Record<string, number | Buffer>,
    name = 'source',
    pieceLength = 65_536,
  ): Promise<Bundle> {
    const folder = await this.folder(name);
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), typeof content === 'number' ? randomBytes(content) : content);
    }
    return { folder, info: await makeInfo({ folder, name: 'bundle', pieceLength }) };
  }

  async swarm(options: Partial<SwarmOptions> = {}): Promise<Swarm> {
    const swarm = await openSwarm({ host, port: 0, log: quiet, ...options });
    this.#closings.push(() => swarm.close());
    return swarm;
  }

  /** A swarm with the bundle whole, beside what it has already if it is given. */
  async seed(
    { folder, info }: Bundle,
    options: Partial<SwarmOptions> & { isFirst?: boolean; swarm?: Swarm } = {},
  ): Promise<Seed> {
    const { isFirst = false, swarm: given, ...more } = options;
    const swarm = given ?? (await this.swarm(more));
    const torrent = swarm.add({ hash: info.hash, info, folder, isWhole: true, isFirst });
    await torrent.whenComplete;
    return { swarm, torrent, address: addressOf(swarm) };
  }

  /** A swarm that fetches the bundle into a folder of this name. */
  async leech(
    name: string,
    { info }: Pick<Bundle, 'info'>,
    order: Partial<TorrentOrder> & { swarm?: Swarm } = {},
  ): Promise<Leech> {
    const { swarm = await this.swarm(), ...more } = order;
    const folder = await this.folder(name);
    const torrent = swarm.add({ hash: info.hash, info, folder, ...more });
    return { swarm, torrent, folder, address: addressOf(swarm) };
  }

  async visitor(options: VisitorOptions): Promise<Visitor> {
    const visitor = new Visitor(options);
    this.#closings.push(() => visitor.close());
    await visitor.listen();
    return visitor;
  }
}

export interface Bundle {
  folder: string;
  info: TorrentInfo;
}

export interface Seed {
  swarm: Swarm;
  torrent: Torrent;
  address: SwarmAddress;
}

export interface Leech extends Seed {
  folder: string;
}

export function addressOf({ port }: { port: number }): SwarmAddress {
  return { host, port };
}

/** A node that knows these from the start. */
export function finds(...ends: { address: SwarmAddress }[]): Pick<TorrentOrder, 'find'> {
  return { find: async () => ends.map(({ address }) => address) };
}

/** What was fetched into this folder is what the bundle has. */
export async function expectSame(folder: string, bundle: Bundle): Promise<void> {
  const [here, there] = await Promise.all([
    contentOf(folder, bundle.info),
    contentOf(bundle.folder, bundle.info),
  ]);
  expect(here.equals(there)).toBe(true);
}

/** The content of all files of the torrent in a folder, in order. */
export async function contentOf(folder: string, info: TorrentInfo): Promise<Buffer> {
  const files = info.files.filter(({ isPad }) => !isPad);
  return Buffer.concat(await Promise.all(files.map(({ path }) => readFile(join(folder, ...path)))));
}

export interface Message {
  kind: number;
  body: Buffer;
}

export interface VisitorOptions {
  bundle: Bundle;
  /** What it says that it has. Everything unless told. */
  has?(piece: number): boolean;
  /** What it sends for a block; null: nothing. */
  answer(asked: { piece: number; offset: number; length: number; right: Buffer }): Buffer | null;
  /** It says what it has by bitfields: first half of it, then all. */
  saysTwice?: boolean;
}

/** A peer that speaks the protocol by hand, to all who dial it. */
export class Visitor {
  readonly heard: Message[] = [];
  readonly sockets = new Set<Socket>();
  met = 0;
  readonly #options: VisitorOptions;
  readonly #server: Server;
  readonly #layout: TorrentLayout;
  #answering = Promise.resolve();

  constructor(options: VisitorOptions) {
    this.#options = options;
    this.#layout = new TorrentLayout(options.bundle.info);
    this.#server = createServer((socket) => this.#meet(socket));
  }

  get address(): SwarmAddress {
    return { host, port: (this.#server.address() as AddressInfo).port };
  }

  async listen(): Promise<void> {
    this.#server.listen(0, host);
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    // Closing twice is no failure here.
    await new Promise((resolve) => this.#server.close(resolve));
    await this.#answering;
  }

  count(kind: number): number {
    return this.heard.filter((message) => message.kind === kind).length;
  }

  #meet(socket: Socket): void {
    const { bundle, has = () => true, saysTwice = false } = this.#options;
    this.met++;
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => {});
    socket.write(greetingOf(bundle.info.hash));
    const field = Buffer.alloc(Math.ceil(this.#layout.pieces / 8));
    for (let piece = 0; piece < this.#layout.pieces; piece++)
      if (has(piece)) field[piece >> 3] = (field[piece >> 3] ?? 0) | (0x80 >> (piece & 7));
    const half = Buffer.concat([field.subarray(0, field.length >> 1), Buffer.alloc((field.length + 1) >> 1)]);
    if (saysTwice) socket.write(Buffer.concat([frameOf(5, half), frameOf(4, Buffer.alloc(4))]));
    socket.write(frameOf(5, field));
    socket.write(frameOf(1));
    readMessages(socket, (message) => {
      this.heard.push(message);
      if (message.kind !== 6) return;
      // One after the other, as they were asked.
      this.#answering = this.#answering.then(() => this.#answer(socket, message.body));
    });
  }

  async #answer(socket: Socket, body: Buffer): Promise<void> {
    const { bundle, answer } = this.#options;
    if (socket.destroyed) return;
    const [piece, offset, length] = [body.readUInt32BE(0), body.readUInt32BE(4), body.readUInt32BE(8)];
    const right = await blockOf(bundle, this.#layout, { piece, offset, length });
    const bytes = answer({ piece, offset, length, right });
    if (bytes !== null && !socket.destroyed) socket.write(frameOf(7, body.subarray(0, 8), bytes));
  }
}

async function blockOf(
  { folder, info }: Bundle,
  layout: TorrentLayout,
  { piece, offset, length }: { piece: number; offset: number; length: number },
): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  for (const span of layout.spans(piece, offset, length)) {
    if (span.isPad) continue;
    const file = await open(join(folder, ...(info.files[span.file]?.path ?? [])));
    await file.read(bytes, span.offset - offset, span.length, span.fileOffset);
    await file.close();
  }
  return bytes;
}

export function greetingOf(hash: Uint8Array, peerId = randomBytes(20)): Buffer {
  const reserved = Buffer.from([0, 0, 0, 0, 0, 0x10, 0, 0]);
  return Buffer.concat([Buffer.from('\u0013BitTorrent protocol', 'latin1'), reserved, hash, peerId]);
}

export function frameOf(kind: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(1 + body.length);
  head[4] = kind;
  return Buffer.concat([head, body]);
}

/** A connection to a swarm that says these bytes after a greeting, or instead of one. */
export async function dial(address: SwarmAddress): Promise<Socket> {
  const socket = connect(address);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** The same, once it is served: it has asked to be. */
export async function dialServed(
  address: SwarmAddress,
  { info }: Pick<Bundle, 'info'>,
): Promise<{ socket: Socket; heard: Message[] }> {
  const socket = await dial(address);
  const heard: Message[] = [];
  await new Promise<void>((served) => {
    readMessages(socket, (message) => {
      heard.push(message);
      if (message.kind === 1) served();
    });
    socket.write(Buffer.concat([greetingOf(info.hash), frameOf(2)]));
  });
  return { socket, heard };
}

/** However it ended. */
export async function whenClosed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
}

/** All messages behind the greeting. */
export function readMessages(socket: Socket, take: (message: Message) => void): void {
  let held = Buffer.alloc(0);
  let isGreeted = false;
  socket.on('data', (bytes) => {
    held = Buffer.concat([held, bytes]);
    if (!isGreeted && held.length >= 68) {
      isGreeted = true;
      held = held.subarray(68);
    }
    while (isGreeted && held.length >= 4 && held.length >= 4 + held.readUInt32BE(0)) {
      const end = 4 + held.readUInt32BE(0);
      if (end > 4) take({ kind: held[4] ?? 0, body: Buffer.from(held.subarray(5, end)) });
      held = held.subarray(end);
    }
  });
}
