// Which block to ask of which peer: pieces that are begun first, then the rarest; in the end, blocks that others owe as well. Pure.
import { Rarity } from './swarm-rarity.ts';

export interface Block {
  piece: number;
  block: number;
}

/** The layout as far as blocks matter. */
export interface BlockLayout {
  pieces: number;
  blocks(piece: number): number;
  isPadding(piece: number, block: number): boolean;
}

export interface PickerOptions {
  /** Pieces begun and not yet verified: each is held in memory. At least 1. */
  begunMost: number;
  /** From 0 to below 1. */
  random(): number;
  /** A piece that was begun is given up, with what came of it. */
  dropped?(piece: number): void;
}

export interface PickOrder {
  peer: number;
  has(piece: number): boolean;
  /** Blocks, at most. */
  count: number;
  nowMs: number;
}

/** What became of a block that came. */
export type Arrival =
  /** Nobody needs it. */
  | { kind: 'needless' }
  /** `owing`: peers that were asked for it too, and need not send it any more. `isWhole`: it was the last of its piece. */
  | { kind: 'taken'; owing: number[]; isWhole: boolean };

/** How many peers may owe the same block in the end. */
const owersMost = 3;
/** Who was asked only now is about to send it. */
const owedLeastMs = 250;
const nobody = -1;

interface Picking extends PickOrder {
  readonly picked: Block[];
}

interface Owed {
  peers: number[];
  /** When the last of them was asked. */
  sinceMs: number;
}

interface Begun {
  readonly piece: number;
  /** Who sent each block; `nobody` before it is there. Padding is from nobody and counts as there. */
  readonly from: Int32Array;
  readonly isThere: Uint8Array;
  readonly owers: Map<number, Owed>;
  missing: number;
  /** Neither there nor owed by anybody. */
  free: number;
  /** For a piece that was wrong once: all of it comes from one peer, so that it is known whom to blame. */
  sole: number | null;
}

export class Picker {
  readonly #layout: BlockLayout;
  readonly #options: PickerOptions;
  readonly #rarity: Rarity;
  readonly #begun = new Map<number, Begun>();
  readonly #suspect = new Set<number>();
  #free = 0;

  constructor(layout: BlockLayout, options: PickerOptions) {
    this.#layout = layout;
    this.#options = options;
    this.#rarity = new Rarity(layout.pieces, options.random);
  }

  /** Everything is either owed by somebody, there, or with nobody. */
  get isEndgame(): boolean {
    return this.#rarity.wanted === 0 && this.#free === 0;
  }

  get begun(): number {
    return this.#begun.size;
  }

  /** It is on disk. */
  done(piece: number): void {
    this.#end(piece);
    this.#suspect.delete(piece);
    this.#rarity.unwant(piece);
  }

  /** All blocks came and the piece is wrong: it is fetched anew, from one peer. */
  failed(piece: number): void {
    this.#end(piece);
    this.#suspect.add(piece);
    this.#rarity.want(piece);
  }

  /** A peer has it from now on. */
  gained(piece: number): void {
    this.#rarity.more(piece);
  }

  lost(piece: number): void {
    this.#rarity.fewer(piece);
  }

  /** Peers that have it. */
  holders(piece: number): number {
    return this.#rarity.count(piece);
  }

  /** Up to `count` blocks that this peer is to be asked for now; from here on it owes them. */
  pick({ peer, has, count, nowMs }: PickOrder): Block[] {
    const picked: Block[] = [];
    const picking = { peer, has, count, nowMs, picked };
    if (count <= 0) return picked;
    for (const begun of this.#begun.values()) {
      if (begun.free > 0 && has(begun.piece)) this.#owe(begun, picking);
      if (picked.length >= count) return picked;
    }
    if (this.#rarity.wanted > 0) this.#beginFor(picking);
    if (picked.length < count && this.isEndgame) this.#pickOwed(picking);
    return picked;
  }

  /** A block came from a peer, whether it was asked for it or not. */
  arrived(peer: number, { piece, block }: Block): Arrival {
    const begun = this.#begun.get(piece);
    if (begun === undefined || begun.isThere[block] !== 0) return { kind: 'needless' };
    const owers = begun.owers.get(block);
    if (owers === undefined) {
      begun.free--;
      this.#free--;
    }
    begun.owers.delete(block);
    begun.isThere[block] = 1;
    begun.from[block] = peer;
    begun.missing--;
    return {
      kind: 'taken',
      owing: (owers?.peers ?? []).filter((other) => other !== peer),
      isWhole: begun.missing === 0,
    };
  }

  /** The peer will not send it after all. */
  released(peer: number, { piece, block }: Block): void {
    const begun = this.#begun.get(piece);
    const owers = begun?.owers.get(block);
    if (begun === undefined || owers === undefined || !owers.peers.includes(peer)) return;
    owers.peers = owers.peers.filter((other) => other !== peer);
    if (owers.peers.length > 0) return;
    begun.owers.delete(block);
    begun.free++;
    this.#free++;
  }

  /** Who sent the blocks of a piece that is whole; padding is left out. */
  senders(piece: number): Map<number, number> {
    const senders = new Map<number, number>();
    this.#begun.get(piece)?.from.forEach((peer, block) => {
      if (peer !== nobody) senders.set(block, peer);
    });
    return senders;
  }

  /** What this peer sent for pieces that are not whole is thrown away. */
  distrust(peer: number): void {
    for (const begun of this.#begun.values()) {
      if (begun.missing === 0) continue;
      begun.from.forEach((from, block) => {
        if (from !== peer) return;
        begun.from[block] = nobody;
        begun.isThere[block] = 0;
        begun.missing++;
        begun.free++;
        this.#free++;
      });
    }
  }

  #owe(begun: Begun, { peer, count, nowMs, picked }: Picking): void {
    if (begun.sole !== null && begun.sole !== peer) {
      if (begun.owers.size > 0) return;
      begun.sole = peer;
    }
    for (let block = 0; block < begun.from.length && picked.length < count && begun.free > 0; block++) {
      if (begun.isThere[block] !== 0 || begun.owers.has(block)) continue;
      begun.owers.set(block, { peers: [peer], sinceMs: nowMs });
      begun.free--;
      this.#free--;
      picked.push({ piece: begun.piece, block });
    }
  }

  #beginFor(picking: Picking): void {
    const { peer, has, count, picked } = picking;
    // Beginning a piece changes the order that is looked through: first choose, then begin.
    const chosen: number[] = [];
    let blocks = picked.length;
    for (const piece of this.#rarity.rarest()) {
      if (!has(piece)) continue;
      chosen.push(piece);
      blocks += this.#layout.blocks(piece);
      if (blocks >= count) break;
    }
    for (const piece of chosen) {
      if (picked.length >= count) return;
      if (this.#begun.size >= this.#options.begunMost && !this.#dropIdle()) return;
      this.#owe(this.#begin(piece, peer), picking);
    }
  }

  #begin(piece: number, peer: number): Begun {
    const blocks = this.#layout.blocks(piece);
    const begun: Begun = {
      piece,
      from: new Int32Array(blocks).fill(nobody),
      isThere: new Uint8Array(blocks),
      owers: new Map(),
      missing: 0,
      free: 0,
      sole: this.#suspect.has(piece) ? peer : null,
    };
    for (let block = 0; block < blocks; block++) {
      if (this.#layout.isPadding(piece, block)) begun.isThere[block] = 1;
      else begun.missing++;
    }
    begun.free = begun.missing;
    this.#free += begun.free;
    this.#begun.set(piece, begun);
    this.#rarity.unwant(piece);
    return begun;
  }

  /** Room for another: a piece that nobody sends anything of is given up. */
  #dropIdle(): boolean {
    for (const { piece, owers, missing } of this.#begun.values()) {
      if (owers.size > 0 || missing === 0) continue;
      this.#end(piece);
      this.#rarity.want(piece);
      this.#options.dropped?.(piece);
      return true;
    }
    return false;
  }

  /** Blocks that fewest owe come first. */
  #pickOwed({ peer, has, count, nowMs, picked }: Picking): void {
    for (let owing = 1; owing < owersMost; owing++) {
      for (const begun of this.#begun.values()) {
        if (begun.sole !== null || !has(begun.piece)) continue;
        for (const [block, owers] of begun.owers) {
          if (owers.peers.length !== owing || owers.peers.includes(peer)) continue;
          if (nowMs - owers.sinceMs < owedLeastMs) continue;
          if (picked.length >= count) return;
          owers.peers.push(peer);
          owers.sinceMs = nowMs;
          picked.push({ piece: begun.piece, block });
        }
      }
    }
  }

  #end(piece: number): void {
    this.#free -= this.#begun.get(piece)?.free ?? 0;
    this.#begun.delete(piece);
  }
}
