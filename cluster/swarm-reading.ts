// Reads content for peers, through a cache that is bounded for all torrents together.
import { LRUCache } from 'lru-cache';
import type { SwarmFiles } from './swarm-files.ts';
import type { Upload } from './swarm-uploads.ts';

export type ReadCache = LRUCache<string, Buffer>;

const cacheMostBytes = 16 * 2 ** 20;
/** What is read at once: a piece, or such a part of a long one. */
const chunkBytes = 256 * 1024;

export function newReadCache(): ReadCache {
  return new LRUCache<string, Buffer>({ maxSize: cacheMostBytes, sizeCalculation: (bytes) => bytes.length });
}

export class SwarmReading {
  readonly #files: SwarmFiles;
  readonly #cache: ReadCache;
  /** Of this torrent in the cache. */
  readonly #name: string;
  readonly #underWay = new Map<string, Promise<Buffer | null>>();

  constructor(options: { files: SwarmFiles; cache: ReadCache; name: string }) {
    this.#files = options.files;
    this.#cache = options.cache;
    this.#name = options.name;
  }

  /** At once when it is in the cache. Null where the files are too short. */
  read({
    piece,
    offset,
    length,
  }: Pick<Upload, 'piece' | 'offset' | 'length'>): Buffer | Promise<Buffer | null> {
    const first = Math.floor(offset / chunkBytes);
    const start = first * chunkBytes;
    // Blocks of other clients need not lie within a chunk.
    if (offset + length > start + chunkBytes) return this.#files.read(piece, offset, length);
    const cut = (chunk: Buffer): Buffer => chunk.subarray(offset - start, offset - start + length);
    const known = this.#cache.get(this.#key(piece, first));
    return known === undefined
      ? this.#chunk(piece, first).then((chunk) => (chunk === null ? null : cut(chunk)))
      : cut(known);
  }

  /** A piece that has just come is what peers ask for next. */
  keep(piece: number, bytes: Buffer): void {
    if (bytes.length <= chunkBytes) this.#cache.set(this.#key(piece, 0), bytes);
  }

  /** Resolves when nothing is read any more. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#underWay.values());
  }

  #chunk(piece: number, chunk: number): Promise<Buffer | null> {
    const key = this.#key(piece, chunk);
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return underWay;
    const start = chunk * chunkBytes;
    const length = Math.min(chunkBytes, this.#files.layout.pieceBytes(piece) - start);
    const reading = this.#files
      .read(piece, start, length)
      .then((bytes) => {
        if (bytes !== null) this.#cache.set(key, bytes);
        return bytes;
      })
      .finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, reading);
    return reading;
  }

  #key(piece: number, chunk: number): string {
    return `${this.#name} ${piece} ${chunk}`;
  }
}
