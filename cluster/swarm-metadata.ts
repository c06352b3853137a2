// Fetches an info dictionary of a known hash (BEP 9): whole from one peer, from two at a time, until one gives the right bytes. Pure.
import { type MetadataMessage, metadataPartBytes } from './swarm-extended.ts';
import { infoHash } from './torrent-info.ts';

export interface MetadataAsk {
  peer: number;
  part: number;
}

export type MetadataProgress =
  | { kind: 'going-on' }
  | { kind: 'whole'; bytes: Uint8Array }
  /** What the peer gave is not what the hash is of. */
  | { kind: 'wrong' };

const sourcesMost = 2;
const askedMost = 8;
/** A peer that gives nothing for so long is passed over; it is tried again when nobody else is left. */
const patienceMs = 5000;

interface Source {
  readonly bytes: Buffer;
  readonly parts: number;
  readonly there: Set<number>;
  readonly asked: Set<number>;
  heardAtMs: number;
}

export class MetadataFetch {
  readonly #hash: Uint8Array;
  readonly #mostBytes: number;
  readonly #sources = new Map<number, Source>();
  /** Who has it, and how long it is. Who let us wait goes to the end. */
  readonly #offers = new Map<number, number>();

  constructor(hash: Uint8Array, mostBytes: number) {
    this.#hash = hash;
    this.#mostBytes = mostBytes;
  }

  offered(peer: number, totalBytes: number): void {
    if (totalBytes <= this.#mostBytes && !this.#sources.has(peer)) this.#offers.set(peer, totalBytes);
  }

  gone(peer: number): void {
    this.#offers.delete(peer);
    this.#sources.delete(peer);
  }

  /** What to ask for now. To be asked after each message and once in a while. */
  ask(nowMs: number): MetadataAsk[] {
    for (const [peer, { heardAtMs, bytes }] of this.#sources) {
      if (nowMs - heardAtMs <= patienceMs) continue;
      this.#sources.delete(peer);
      this.#offers.set(peer, bytes.length);
    }
    for (const [peer, totalBytes] of this.#offers) {
      if (this.#sources.size >= sourcesMost) break;
      this.#offers.delete(peer);
      this.#sources.set(peer, {
        bytes: Buffer.alloc(totalBytes),
        parts: Math.ceil(totalBytes / metadataPartBytes),
        there: new Set(),
        asked: new Set(),
        heardAtMs: nowMs,
      });
    }
    const asks: MetadataAsk[] = [];
    for (const [peer, { parts, there, asked }] of this.#sources) {
      for (let part = 0; part < parts && asked.size < askedMost; part++) {
        if (there.has(part) || asked.has(part)) continue;
        asked.add(part);
        asks.push({ peer, part });
      }
    }
    return asks;
  }

  took(peer: number, message: MetadataMessage, nowMs: number): MetadataProgress {
    const source = this.#sources.get(peer);
    if (source === undefined || !source.asked.delete(message.part)) return { kind: 'going-on' };
    if (message.kind !== 'data') {
      this.#sources.delete(peer);
      return { kind: 'going-on' };
    }
    const at = message.part * metadataPartBytes;
    const length = Math.min(metadataPartBytes, source.bytes.length - at);
    if (message.bytes.length !== length || message.totalBytes !== source.bytes.length)
      return this.#wrong(peer);
    source.bytes.set(message.bytes, at);
    source.there.add(message.part);
    source.heardAtMs = nowMs;
    if (source.there.size < source.parts) return { kind: 'going-on' };
    if (!infoHash(source.bytes).equals(this.#hash)) return this.#wrong(peer);
    return { kind: 'whole', bytes: source.bytes };
  }

  #wrong(peer: number): MetadataProgress {
    this.gone(peer);
    return { kind: 'wrong' };
  }
}
