// Who sent wrong bytes. A piece that was wrong is remembered by who sent which block, until the right ones show who lied. Pure.
import { createHash } from 'node:crypto';

interface Sent {
  peer: number;
  block: number;
  digest: string;
}

/** Wrong pieces remembered at once. The oldest is forgotten. */
const piecesMost = 64;

export class Blame {
  readonly #wrong = new Map<number, Sent[]>();

  /** The piece is wrong. Gives who is to blame already: one that sent all of it. */
  wrong(piece: number, bytes: Buffer, blockBytes: number, senders: ReadonlyMap<number, number>): number[] {
    const peers = new Set(senders.values());
    if (peers.size === 1) return [...peers];
    const sent = this.#wrong.get(piece) ?? [];
    for (const [block, peer] of senders)
      sent.push({ peer, block, digest: digestOf(bytes, block, blockBytes) });
    this.#wrong.delete(piece);
    this.#wrong.set(piece, sent);
    for (const oldest of this.#wrong.keys()) {
      if (this.#wrong.size <= piecesMost) break;
      this.#wrong.delete(oldest);
    }
    return [];
  }

  /** The piece is right now. Gives who sent other bytes before. */
  right(piece: number, bytes: Buffer, blockBytes: number): number[] {
    const liars = new Set<number>();
    for (const { peer, block, digest } of this.#wrong.get(piece) ?? [])
      if (digestOf(bytes, block, blockBytes) !== digest) liars.add(peer);
    this.#wrong.delete(piece);
    return [...liars];
  }
}

function digestOf(bytes: Buffer, block: number, blockBytes: number): string {
  const part = bytes.subarray(block * blockBytes, (block + 1) * blockBytes);
  return createHash('sha256').update(part).digest('base64');
}
