// Spreading the first copy (BEP 16): each peer is shown other pieces than the rest, so that all is out there once before anything is sent twice. Pure.
import { PieceSet } from './swarm-piece-set.ts';

export interface Showing {
  peer: number;
  piece: number;
}

export interface FirstCopyOptions {
  pieces: number;
  pieceLength: number;
  /** From 0 to below 1. */
  random(): number;
}

/** A peer that got nothing of what it was shown for so long: others are shown it too. */
const patienceMs = 4000;
/** A peer that is not sent to, and may only not have said yet that it wants what it was shown. */
const unservedPatienceMs = 500;
/** So much is shown to a peer ahead of what it has, so that the line is never idle; in pieces, at least two. */
const aheadBytes = 2 ** 20;
/** To all peers together, beside one piece each. */
const aheadOfAllBytes = 8 * 2 ** 20;

export interface ShowOrder {
  nowMs: number;
  served(peer: number): boolean;
  has(peer: number, piece: number): boolean;
}

interface Shown {
  /** Shown, and not yet said to be there. */
  readonly coming: Set<number>;
  /** Shown, and not yet seen anywhere else: who shares well has few. */
  readonly unshared: Set<number>;
  /** When it last got something, or was shown something after having nothing to come. */
  movedAtMs: number;
}

export class FirstCopy {
  readonly #ahead: number;
  readonly #aheadOfAll: number;
  readonly #peers = new Map<number, Shown>();
  /** Pieces that nobody was shown, in an order of chance. */
  readonly #fresh: number[];
  readonly #seen: PieceSet;
  readonly #shownTo = new Map<number, number>();

  constructor({ pieces, pieceLength, random }: FirstCopyOptions) {
    this.#ahead = Math.max(2, Math.ceil(aheadBytes / pieceLength));
    this.#aheadOfAll = Math.max(2, Math.ceil(aheadOfAllBytes / pieceLength));
    this.#seen = new PieceSet(pieces);
    this.#fresh = Array.from({ length: pieces }, (_, piece) => piece);
    for (let at = pieces - 1; at > 0; at--) {
      const other = Math.floor(random() * (at + 1));
      [this.#fresh[at], this.#fresh[other]] = [this.#fresh[other] ?? 0, this.#fresh[at] ?? 0];
    }
  }

  /** Every piece has been said to be at some other peer. */
  get isOver(): boolean {
    return this.#seen.isFull;
  }

  met(peer: number): void {
    this.#peers.set(peer, { coming: new Set(), unshared: new Set(), movedAtMs: Number.NEGATIVE_INFINITY });
  }

  gone(peer: number): void {
    this.#peers.delete(peer);
    for (const [piece, shownTo] of this.#shownTo) if (shownTo === peer) this.#shownTo.delete(piece);
  }

  /** The peer says that it has the piece. */
  announced(peer: number, piece: number, nowMs: number): void {
    this.#seen.add(piece);
    const shown = this.#peers.get(peer);
    if (shown?.coming.delete(piece)) shown.movedAtMs = nowMs;
    const shownTo = this.#shownTo.get(piece);
    if (shownTo !== undefined && shownTo !== peer) this.#peers.get(shownTo)?.unshared.delete(piece);
  }

  /** What to show now, and to whom. `served`: peers that are sent to; the others are shown one piece at a time, so that they want something. */
  show({ nowMs, served, has }: ShowOrder): Showing[] {
    const showings: Showing[] = [];
    const give = (peer: number, shown: Shown): boolean => {
      const piece = this.#pieceFor(peer, { nowMs, served, has });
      if (piece === null) return false;
      if (shown.coming.size === 0) shown.movedAtMs = nowMs;
      shown.coming.add(piece);
      shown.unshared.add(piece);
      this.#shownTo.set(piece, peer);
      showings.push({ peer, piece });
      return true;
    };
    // Who is shown nothing wants nothing, and who wants nothing is never served again.
    for (const [peer, shown] of this.#peers) if (shown.coming.size === 0) give(peer, shown);
    let coming = 0;
    const open = new Map<number, Shown>();
    for (const [peer, shown] of this.#peers) {
      if (!served(peer)) continue;
      coming += shown.coming.size;
      open.set(peer, shown);
    }
    while (coming < Math.max(this.#aheadOfAll, open.size * 2)) {
      const best = this.#bestSharer(open);
      if (best === null) break;
      const [peer, shown] = best;
      if (give(peer, shown)) coming++;
      else open.delete(peer);
    }
    return showings;
  }

  /** Of those that can take more: who has passed on most of what it got. */
  #bestSharer(open: ReadonlyMap<number, Shown>): [number, Shown] | null {
    let best: [number, Shown] | null = null;
    for (const entry of open) {
      const { coming, unshared } = entry[1];
      // Who sits on what it got is given the next thing only when it has the last.
      const isHoarding = open.size > 1 && unshared.size - coming.size > this.#ahead;
      if (coming.size >= (isHoarding ? 1 : this.#ahead)) continue;
      const isBetter =
        best === null ||
        unshared.size < best[1].unshared.size ||
        (unshared.size === best[1].unshared.size && coming.size < best[1].coming.size);
      if (isBetter) best = entry;
    }
    return best;
  }

  #pieceFor(peer: number, order: ShowOrder): number | null {
    for (let at = this.#fresh.length - 1; at >= 0; at--) {
      const piece = this.#fresh[at] ?? 0;
      if (!this.#seen.has(piece) && order.has(peer, piece)) continue;
      this.#fresh.splice(at, 1);
      if (!this.#seen.has(piece)) return piece;
    }
    return this.#overdue(peer, order);
  }

  /** Nothing is fresh: a piece that nobody has yet, and whose peer is gone, not served or slow. */
  #overdue(peer: number, { nowMs, served }: ShowOrder): number | null {
    if (this.isOver) return null;
    for (let piece = 0; piece < this.#seen.pieces; piece++) {
      if (this.#seen.has(piece) || this.#peers.get(peer)?.coming.has(piece)) continue;
      const shownTo = this.#shownTo.get(piece);
      const shown = shownTo === undefined ? undefined : this.#peers.get(shownTo);
      if (shownTo === undefined || shown === undefined) return piece;
      const waits = served(peer) && !served(shownTo) ? unservedPatienceMs : patienceMs;
      if (nowMs - shown.movedAtMs > waits) return piece;
    }
    return null;
  }
}
