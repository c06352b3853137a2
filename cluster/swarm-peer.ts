// One connection to a peer: its socket, the guard in front of the library, and what each side has said. What follows from it is the torrent's.
import type { Socket } from 'node:net';
import Wire, { type WireExtension } from 'bittorrent-protocol';
import {
  type ExtendedHandshake,
  type ExtensionName,
  extensionIds,
  writeHandshake,
} from './swarm-extended.ts';
import { Guard } from './swarm-guard.ts';
import type { SwarmMeter } from './swarm-meter.ts';
import type { SwarmAddress } from './swarm-order.ts';
import { Pex } from './swarm-pex.ts';
import type { Block } from './swarm-picker.ts';
import { PieceSet } from './swarm-piece-set.ts';
import { Requests } from './swarm-requests.ts';
import { Speed } from './swarm-speed.ts';
import { type Upload, Uploads } from './swarm-uploads.ts';
import { blockBytes } from './torrent-bounds.ts';
import { asBuffer } from './torrent-info.ts';
import type { TorrentLayout } from './torrent-layout.ts';

/** What a peer does, as the torrent hears it. Nothing comes after `gone`. */
export interface PeerEvents {
  /** It has named a torrent and itself (20 bytes, as hex). Nothing comes before. */
  greeted(peer: SwarmPeer, hash: string): void;
  introduced(peer: SwarmPeer, handshake: ExtendedHandshake): void;
  extended(peer: SwarmPeer, name: ExtensionName, bytes: Buffer): void;
  /** It may be asked, or must not be asked any more and forgets what it was asked for. */
  choking(peer: SwarmPeer): void;
  /** It wants something, or no longer. */
  interest(peer: SwarmPeer): void;
  /** Null: many at once, some of them news. */
  has(peer: SwarmPeer, piece: number | null): void;
  /** This node has the piece, and gives it. */
  isThere(piece: number): boolean;
  /** It has asked for something, and can take it. */
  ready(peer: SwarmPeer): void;
  /** Content went out to it. */
  sent(peer: SwarmPeer, bytes: number): void;
  /** `bytes` is lent. */
  block(peer: SwarmPeer, block: Block, bytes: Buffer): void;
  gone(peer: SwarmPeer, why: string): void;
}

export interface PeerOptions {
  id: number;
  socket: Socket;
  /** Null: it dialed. */
  dialed: SwarmAddress | null;
  nowMs(): number;
  meter: SwarmMeter;
  /** To begin with. */
  events: PeerEvents;
}

/** What is said of this node's queue, and what is really let in. */
const queueSaid = 250;
const queueMost = 1024;
/** So much may lie in the socket before more is read from disk. */
const socketMostBytes = 256 * 1024;
/** Both sides say something at least this often. */
const keepAliveMs = 45_000;
const silenceMs = 120_000;
const handshakeMs = 5000;
/** Of blocks that nobody asked for. */
const uselessMostBytes = 4 * 2 ** 20;
const speedMemoryMs = 5000;

export class SwarmPeer {
  readonly id: number;
  readonly socket: Socket;
  readonly host: string;
  readonly dialed: SwarmAddress | null;
  readonly requests: Requests;
  readonly uploads = new Uploads();
  readonly pex = new Pex();
  /** Of content that it sends. */
  readonly speed: Speed;
  /** Hex; empty before it has said it. */
  peerId = '';
  /** Where others find it; null while only it knows. */
  address: SwarmAddress | null;
  /** What it has; null while the torrent's pieces are not known. */
  has: PieceSet | null = null;
  /** Pieces that it has and this node lacks. */
  wanted = 0;
  /** An upload is being read from disk. */
  isReading = false;
  isOpen = true;
  sentBytes = 0;
  receivedBytes = 0;
  /** Who hears it: the torrent, once it has one. */
  events: PeerEvents;
  readonly #options: PeerOptions;
  readonly #guard = new Guard();
  readonly #wire: Wire;
  readonly #introductions: ExtendedHandshake[] = [];
  #ids: ExtendedHandshake['ids'] = { ut_metadata: null, ut_pex: null };
  #heardAtMs: number;
  #saidAtMs: number;
  #openedAtMs: number;
  #uselessBytes = 0;
  #isCorked = false;
  #hasAnswered = false;

  constructor(options: PeerOptions) {
    const { id, socket, dialed, nowMs } = options;
    this.#options = options;
    this.events = options.events;
    this.id = id;
    this.socket = socket;
    this.dialed = dialed;
    this.address = dialed;
    this.host = plainHost(socket.remoteAddress ?? dialed?.host ?? '');
    this.#heardAtMs = nowMs();
    this.#saidAtMs = this.#heardAtMs;
    this.#openedAtMs = this.#heardAtMs;
    this.requests = new Requests(this.#heardAtMs);
    this.speed = new Speed(speedMemoryMs, this.#heardAtMs);
    this.#wire = new Wire(dialed === null ? 'tcpIncoming' : 'tcpOutgoing');
    this.#listenToWire();
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 10_000);
    socket.on('data', (bytes) => this.#hear(bytes));
    socket.on('drain', () => this.#tellReady());
    socket.on('error', (error) => this.close(`the connection failed: ${error.message}`));
    socket.on('close', () => this.close('the connection ended'));
  }

  get isInterested(): boolean {
    return this.#wire.peerInterested;
  }

  /** This node sends to it. */
  get isServed(): boolean {
    return !this.#wire.amChoking;
  }

  /** It answers requests. */
  get isServing(): boolean {
    return !this.#wire.peerChoking;
  }

  get isReady(): boolean {
    return (
      this.isOpen &&
      !this.isReading &&
      this.uploads.waiting > 0 &&
      this.socket.writableLength < socketMostBytes
    );
  }

  /** Says what it is about: first, when this node dialed; else as the answer to `greeted`. */
  greet({
    hash,
    peerId,
    port,
    metadataBytes,
  }: {
    hash: Uint8Array;
    peerId: Uint8Array;
    port: number;
    metadataBytes: number | null;
  }): void {
    this.#hasAnswered = true;
    this.#wire.extendedHandshake = {
      p: port,
      reqq: queueSaid,
      v: 'Murmuration',
      ...(metadataBytes === null ? {} : { metadata_size: metadataBytes }),
    };
    this.#wire.handshake(hash, peerId);
  }

  /**
   * The torrent's pieces are known, or the peer has said many at once. Gives those that are news of it; null when what it said does
   * not fit the torrent.
   */
  know(layout: TorrentLayout): number[] | null {
    this.#guard.know(layout);
    const said = this.#wire.peerPieces.buffer;
    const length = Math.ceil(layout.pieces / 8);
    // Single pieces make the library's field grow beyond what is needed.
    if (said.subarray(length).some((byte) => byte !== 0)) return null;
    const fitted = new Uint8Array(length);
    fitted.set(said.subarray(0, length));
    const now = PieceSet.read(fitted, layout.pieces);
    if (now === null) return null;
    const has = this.has ?? new PieceSet(layout.pieces);
    this.has = has;
    return now.list().filter((piece) => has.add(piece));
  }

  /** Says once more what it can do, with the metadata that has come meanwhile. */
  announceMetadata(bytes: number, port: number): void {
    if (!this.#hasAnswered || (this.#ids.ut_metadata === null && this.#ids.ut_pex === null)) return;
    const said = { ids: extensionIds, port, queueMost: queueSaid, metadataBytes: bytes };
    this.#wire.extended(0, writeHandshake(said));
  }

  /** Nothing when the peer does not know the extension. */
  extend(name: ExtensionName, bytes: Buffer): void {
    const id = this.#ids[name];
    if (id !== null && this.isOpen) this.#wire.extended(id, bytes);
  }

  knows(name: ExtensionName): boolean {
    return this.#ids[name] !== null;
  }

  /** Before anything else about pieces. */
  sayAll(have: PieceSet): void {
    this.#wire.bitfield(Buffer.from(have.bytes));
  }

  sayHave(piece: number): void {
    this.#wire.have(piece);
  }

  sayInterest(): void {
    if (this.wanted > 0) this.#wire.interested();
    else this.#wire.uninterested();
  }

  serve(isServed: boolean): void {
    if (isServed) this.#wire.unchoke();
    else {
      this.#wire.choke();
      this.uploads.clear();
    }
  }

  /** What it asked for, unless that was called off while it was read. */
  send(upload: Upload, bytes: Uint8Array): void {
    if (!this.isOpen || !this.uploads.ready(upload)) return;
    this.#wire.piece(upload.piece, upload.offset, bytes);
    this.sentBytes += bytes.length;
    this.events.sent(this, bytes.length);
  }

  ask({ piece, block }: Block, length: number): void {
    this.#wire.request(piece, block * blockBytes, length);
  }

  cancel({ piece, block }: Block, length: number): void {
    this.#wire.cancel(piece, block * blockBytes, length);
  }

  /** Content that was of no use. Too much of it ends the connection. */
  useless(bytes: number): void {
    this.#uselessBytes += bytes;
    if (this.#uselessBytes > uselessMostBytes) this.close('it sends what nobody asked for');
  }

  /** Once in a while. */
  look(nowMs: number): void {
    if (nowMs - this.#saidAtMs > keepAliveMs) this.#wire.keepAlive();
    if (this.peerId === '' && nowMs - this.#openedAtMs > handshakeMs) this.close('no greeting came in time');
    else if (nowMs - this.#heardAtMs > silenceMs) this.close('nothing came from it for two minutes');
  }

  close(why: string): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.uploads.clear();
    this.#wire.destroy();
    this.socket.destroy();
    this.events.gone(this, why);
  }

  #hear(bytes: Buffer): void {
    const { meter, nowMs } = this.#options;
    this.#heardAtMs = nowMs();
    meter.count('bytes-in', bytes.length);
    const guarded = this.#guard.push(bytes);
    if (guarded.isFlawed) {
      meter.count('malformed', 1);
      this.close(`malformed: ${guarded.flaw}`);
      return;
    }
    this.#introductions.push(...guarded.handshakes);
    for (const part of guarded.pass) if (this.isOpen) this.#wire.write(part);
  }

  /** The library reads what it is given a little later: what was said before must be heard before. */
  #introduce(): void {
    const handshake = this.#introductions.shift();
    if (handshake === undefined || !this.isOpen) return;
    this.#ids = handshake.ids;
    if (handshake.queueMost !== null) this.requests.peerMost = handshake.queueMost;
    this.events.introduced(this, handshake);
  }

  #listenToWire(): void {
    const { meter, nowMs } = this.#options;
    const wire = this.#wire;
    for (const [name, id] of Object.entries(extensionIds))
      wire.use(extension(name, (bytes) => this.#extended(id, bytes)));
    wire.on('data', (bytes) => {
      if (!this.isOpen) return;
      this.#saidAtMs = nowMs();
      meter.count('bytes-out', bytes.length);
      this.#cork();
      this.socket.write(bytes);
    });
    wire.on('error', (error) => this.close(`the library failed: ${error.message}`));
    wire.on('close', () => this.close('the library ended it'));
    wire.on('handshake', (hash, peerId) => {
      this.peerId = peerId;
      this.events.greeted(this, hash);
    });
    wire.on('extended', (name) => {
      if (name === 'handshake') this.#introduce();
    });
    wire.on('choke', () => this.events.choking(this));
    wire.on('unchoke', () => this.events.choking(this));
    wire.on('interested', () => this.events.interest(this));
    wire.on('uninterested', () => this.events.interest(this));
    wire.on('bitfield', () => this.events.has(this, null));
    wire.on('have', (piece) => this.events.has(this, piece));
    wire.on('request', (piece, offset, length) => {
      // The library's own list confuses requests that are alike, and then answers none of them.
      wire.peerRequests.length = 0;
      if (!this.events.isThere(piece)) return;
      if (this.uploads.waiting >= queueMost) {
        this.close(`more than ${queueMost} requests`);
        return;
      }
      this.uploads.add({ piece, offset, length });
      this.#tellReady();
    });
    wire.on('cancel', (piece, offset, length) => this.uploads.cancel({ piece, offset, length }));
    wire.on('piece', (piece, offset, bytes) => {
      this.receivedBytes += bytes.length;
      this.speed.add(bytes.length, nowMs());
      if (offset % blockBytes === 0)
        this.events.block(this, { piece, block: offset / blockBytes }, asBuffer(bytes));
      else this.useless(bytes.length);
    });
  }

  #extended(id: number, bytes: Uint8Array): void {
    for (const [name, known] of Object.entries(extensionIds) as [ExtensionName, number][])
      if (known === id && this.isOpen) this.events.extended(this, name, asBuffer(bytes));
  }

  #tellReady(): void {
    if (this.isReady) this.events.ready(this);
  }

  /** All that is said in one turn of the loop leaves together. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.socket.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      this.socket.uncork();
    });
  }
}

function extension(
  name: string,
  onMessage: (bytes: Uint8Array) => void,
): { new (): WireExtension; prototype: { name: string } } {
  class Extension {
    declare name: string;
    onMessage(bytes: Uint8Array): void {
      onMessage(bytes);
    }
  }
  Extension.prototype.name = name;
  return Extension;
}

/** IPv4 within IPv6 as what it is. */
function plainHost(host: string): string {
  return host.startsWith('::ffff:') && host.includes('.') ? host.slice('::ffff:'.length) : host;
}
