// Gets the pieces that lack: asks peers for blocks, puts pieces together, verifies and writes them. Whom else it concerns is the torrent's.
import { Blame } from './swarm-blame.ts';
import type { SwarmFiles } from './swarm-files.ts';
import { hasHash } from './swarm-hashing.ts';
import type { SwarmMeter } from './swarm-meter.ts';
import type { TorrentProgress } from './swarm-order.ts';
import type { SwarmPeer } from './swarm-peer.ts';
import { type Block, Picker } from './swarm-picker.ts';
import type { PieceSet } from './swarm-piece-set.ts';
import type { Rate } from './swarm-rate.ts';
import { blockBytes } from './torrent-bounds.ts';
import type { TorrentLayout } from './torrent-layout.ts';

export interface FetchingPorts {
  layout: TorrentLayout;
  files: SwarmFiles;
  /** Filled here. */
  have: PieceSet;
  progress: TorrentProgress;
  peers: ReadonlyMap<number, SwarmPeer>;
  downRate: Rate;
  nowMs(): number;
  random(): number;
  meter: SwarmMeter;
  /** Verified and written. `bytes` may be kept. */
  got(piece: number, bytes: Buffer): void;
  /** It sent wrong bytes. It may be gone. */
  lied(peer: number): void;
  /** The cap lets nothing through now: call `askAll` when it does. */
  thirsty(): void;
  failed(error: unknown): void;
}

/** Pieces begun and not yet on disk are in memory. */
const begunMostBytes = 32 * 2 ** 20;
const begunLeast = 4;
export const begunMost = 256;
/** In the end a peer without work is asked for so much that others owe. */
export const endgameBlocks = 2;

export class Fetching {
  readonly #ports: FetchingPorts;
  readonly #picker: Picker;
  readonly #blame = new Blame();
  readonly #pieces = new Map<number, Buffer>();
  readonly #writing = new Set<Promise<void>>();
  #isOver = false;

  constructor(ports: FetchingPorts) {
    this.#ports = ports;
    const { layout, have, random } = ports;
    const begun = Math.floor(begunMostBytes / layout.info.pieceLength);
    this.#picker = new Picker(layout, {
      begunMost: Math.min(begunMost, Math.max(begunLeast, begun)),
      random,
      dropped: (piece) => this.#pieces.delete(piece),
    });
    for (let piece = 0; piece < layout.pieces; piece++) if (have.has(piece)) this.#picker.done(piece);
  }

  /** A peer is there: all that it has is news. */
  join(peer: SwarmPeer): void {
    peer.wanted = 0;
    this.gained(peer, peer.has?.list() ?? []);
  }

  /** The peer has these from now on. */
  gained(peer: SwarmPeer, pieces: readonly number[]): void {
    const hadWanted = peer.wanted;
    for (const piece of pieces) {
      this.#picker.gained(piece);
      if (!this.#ports.have.has(piece)) peer.wanted++;
    }
    if (peer.wanted === hadWanted) return;
    if (hadWanted === 0) peer.sayInterest();
    this.#ask(peer);
  }

  left(peer: SwarmPeer): void {
    this.#release(peer);
    for (const piece of peer.has?.list() ?? []) this.#picker.lost(piece);
    this.askAll();
  }

  /** It has begun to answer, or has stopped and forgotten what it was asked. */
  choking(peer: SwarmPeer): void {
    if (peer.isServing) {
      this.#ask(peer);
      return;
    }
    for (const block of this.#release(peer)) this.#ports.downRate.giveBack(this.#length(block));
    this.askAll();
  }

  block(peer: SwarmPeer, block: Block, bytes: Buffer): void {
    const { progress, meter, nowMs } = this.#ports;
    progress.movedBytes += bytes.length;
    meter.count('content-in', bytes.length);
    const answer = peer.requests.answered(block, nowMs());
    const isFit = bytes.length === this.#length(block);
    if (answer === 'unasked' || !isFit) {
      if (answer === 'asked') this.#picker.released(peer.id, block);
      this.#wasted(bytes.length);
      peer.useless(bytes.length);
    } else {
      this.#arrived(peer, block, bytes);
    }
    this.#ask(peer);
    if (this.#picker.isEndgame) this.#askIdle();
  }

  /** Looks for peers that keep this node waiting. */
  look(nowMs: number): void {
    for (const peer of this.#ports.peers.values()) {
      if (!peer.requests.isStuck(nowMs)) continue;
      const released = this.#release(peer);
      for (const block of released) peer.cancel(block, this.#length(block));
      peer.requests.isSilent = true;
      this.#ports.meter.count('requests-timed-out', released.length);
    }
    this.askAll();
  }

  /** Whoever can be asked is asked. */
  askAll(): void {
    for (const peer of this.#ports.peers.values()) this.#ask(peer);
  }

  distrust(peer: number): void {
    this.#picker.distrust(peer);
  }

  /** Asks nobody any more. Resolves when nothing is written any more. */
  async end(): Promise<void> {
    this.#isOver = true;
    this.#pieces.clear();
    while (this.#writing.size > 0) await Promise.all(this.#writing);
  }

  #askIdle(): void {
    for (const peer of this.#ports.peers.values()) if (peer.requests.open === 0) this.#ask(peer);
  }

  #ask(peer: SwarmPeer): void {
    if (this.#isOver || !peer.isOpen || !peer.isServing || peer.wanted === 0) return;
    const { downRate, nowMs, thirsty } = this.#ports;
    const now = nowMs();
    let room = peer.requests.room(now);
    if (this.#picker.isEndgame) room = peer.requests.open > 0 ? 0 : Math.min(room, endgameBlocks);
    if (room === 0) return;
    const allowed = downRate.blocks(room, now);
    if (allowed < room) thirsty();
    const has = (piece: number): boolean => peer.has?.has(piece) ?? false;
    for (const block of this.#picker.pick({ peer: peer.id, has, count: allowed, nowMs: now })) {
      const length = this.#length(block);
      downRate.take(length, now);
      peer.requests.asked(block, now);
      peer.ask(block, length);
    }
  }

  #arrived(peer: SwarmPeer, block: Block, bytes: Buffer): void {
    const { layout, peers } = this.#ports;
    const arrival = this.#picker.arrived(peer.id, block);
    if (arrival.kind === 'needless') {
      this.#wasted(bytes.length);
      return;
    }
    const piece = this.#pieces.get(block.piece) ?? Buffer.alloc(layout.pieceBytes(block.piece));
    this.#pieces.set(block.piece, piece);
    piece.set(bytes, block.block * blockBytes);
    for (const id of arrival.owing) {
      const other = peers.get(id);
      if (other?.requests.cancel(block)) other.cancel(block, this.#length(block));
    }
    if (arrival.isWhole) this.#track(this.#finish(block.piece, piece));
  }

  async #finish(piece: number, bytes: Buffer): Promise<void> {
    const { layout, files, have, progress, meter, peers, got } = this.#ports;
    if (!(await hasHash(bytes, layout.pieceHash(piece)))) {
      this.#wrong(piece, bytes);
      return;
    }
    if (this.#isOver) return;
    await files.write(piece, bytes);
    meter.count('pieces-verified', 1);
    const liars = this.#blame.right(piece, bytes, blockBytes);
    this.#picker.done(piece);
    this.#pieces.delete(piece);
    have.add(piece);
    progress.haveBytes += layout.contentOf(piece);
    for (const peer of peers.values()) {
      if (!peer.has?.has(piece)) continue;
      if (--peer.wanted === 0) peer.sayInterest();
    }
    for (const liar of liars) this.#ports.lied(liar);
    got(piece, bytes);
    if (this.#picker.isEndgame) this.#askIdle();
  }

  #wrong(piece: number, bytes: Buffer): void {
    this.#ports.meter.count('pieces-wrong', 1);
    this.#wasted(this.#ports.layout.contentOf(piece));
    const liars = this.#blame.wrong(piece, bytes, blockBytes, this.#picker.senders(piece));
    this.#picker.failed(piece);
    this.#pieces.delete(piece);
    for (const liar of liars) this.#ports.lied(liar);
    this.askAll();
  }

  #wasted(bytes: number): void {
    this.#ports.progress.wastedBytes += bytes;
    this.#ports.meter.count('wasted', bytes);
  }

  /** What it owed may be asked of others. */
  #release(peer: SwarmPeer): Block[] {
    const blocks = peer.requests.cancelAll();
    for (const block of blocks) this.#picker.released(peer.id, block);
    return blocks;
  }

  #length({ piece, block }: Block): number {
    return this.#ports.layout.blockLength(piece, block);
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error) => this.#ports.failed(error))
      .finally(() => this.#writing.delete(tracked));
    this.#writing.add(tracked);
  }
}
