// Takes pieces from folders that are there already: of the file of the same path, or of any of the same length, if the piece's hash fits.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readInto } from './swarm-files.ts';
import { hasHash } from './swarm-hashing.ts';
import { asBuffer } from './torrent-info.ts';
import type { Span, TorrentLayout } from './torrent-layout.ts';

interface SourceFile {
  readonly whole: string;
  readonly path: string;
  readonly length: number;
}

/** Where a piece's content is. */
interface Place {
  readonly file: SourceFile;
  readonly offset: number;
}

/** Files looked at in all sources together. */
const filesMost = 100_000;
/** Sources tried for one path. */
const triedMost = 4;
const openMost = 32;

export class SwarmSources {
  readonly #layout: TorrentLayout;
  readonly #folders: readonly string[];
  readonly #byPath = new Map<string, SourceFile[]>();
  readonly #byLength = new Map<number, SourceFile[]>();
  /** Pieces of the files of lengths that were asked for: what has another path now. */
  readonly #byHash = new Map<string, Place>();
  readonly #hashedLengths = new Set<number>();
  readonly #open = new Map<string, FileHandle>();

  constructor(layout: TorrentLayout, folders: readonly string[]) {
    this.#layout = layout;
    this.#folders = folders;
  }

  /** Sees what is in the folders. One that cannot be read is passed over; so are links. */
  async look(): Promise<void> {
    let files = 0;
    for (const folder of this.#folders) {
      const paths: string[][] = [[]];
      for (let path = paths.pop(); path !== undefined; path = paths.pop()) {
        const entries = await readdir(join(folder, ...path), { withFileTypes: true }).catch(() => []);
        for (const entry of entries) {
          if (++files > filesMost) return;
          const inside = [...path, entry.name];
          if (entry.isDirectory()) paths.push(inside);
          else if (entry.isFile()) await this.#learn(folder, inside);
        }
      }
    }
  }

  /** The piece, verified, or null when no source has it. */
  async piece(piece: number): Promise<Buffer | null> {
    const spans = this.#layout.spans(piece).filter(({ isPad }) => !isPad);
    for (let attempt = 0; attempt < triedMost; attempt++) {
      const bytes = Buffer.alloc(this.#layout.pieceBytes(piece));
      let isWhole = true;
      for (const span of spans)
        isWhole &&= await this.#take(this.#samePath(span, attempt), span.fileOffset, this.#part(bytes, span));
      if (!isWhole) break;
      if (await hasHash(bytes, this.#layout.pieceHash(piece))) return bytes;
    }
    const [span] = spans;
    return span === undefined || spans.length > 1 ? null : await this.#ofSameLength(piece, span);
  }

  async close(): Promise<void> {
    for (const handle of this.#open.values()) await handle.close();
    this.#open.clear();
  }

  async #learn(folder: string, inside: string[]): Promise<void> {
    const whole = join(folder, ...inside);
    const handle = await openPlain(whole);
    if (handle === null) return;
    const { size } = await handle.stat().finally(() => handle.close());
    if (size === 0) return;
    const file = { whole, path: inside.join('/'), length: size };
    this.#byPath.set(file.path, [...(this.#byPath.get(file.path) ?? []), file]);
    const equals = this.#byLength.get(size);
    if (equals === undefined) this.#byLength.set(size, [file]);
    else equals.push(file);
  }

  #samePath({ file }: Span, attempt: number): SourceFile | undefined {
    const { path } = this.#layout.info.files[file] ?? { path: [] };
    const files = this.#byPath.get(path.join('/'));
    // Of fewer sources than attempts, the first serves again.
    return attempt === 0 ? files?.[0] : files?.length === 1 ? undefined : (files?.[attempt] ?? files?.[0]);
  }

  async #ofSameLength(piece: number, span: Span): Promise<Buffer | null> {
    const length = this.#layout.info.files[span.file]?.length ?? 0;
    if (!this.#hashedLengths.has(length)) {
      this.#hashedLengths.add(length);
      for (const file of this.#byLength.get(length) ?? []) await this.#hashPieces(file);
    }
    const place = this.#byHash.get(keyOf(this.#layout.pieceHash(piece)));
    const bytes = Buffer.alloc(this.#layout.pieceBytes(piece));
    const isTaken = await this.#take(place?.file, place?.offset ?? 0, this.#part(bytes, span));
    return isTaken && (await hasHash(bytes, this.#layout.pieceHash(piece))) ? bytes : null;
  }

  /** The last piece both with padding behind it and without. */
  async #hashPieces(file: SourceFile): Promise<void> {
    const { pieceLength } = this.#layout.info;
    for (let offset = 0; offset < file.length; offset += pieceLength) {
      const bytes = Buffer.alloc(pieceLength);
      const length = Math.min(pieceLength, file.length - offset);
      if (!(await this.#take(file, offset, bytes.subarray(0, length)))) return;
      for (const part of length === pieceLength ? [bytes] : [bytes, bytes.subarray(0, length)])
        this.#byHash.set(keyOf(createHash('sha1').update(part).digest()), { file, offset });
    }
  }

  #part(bytes: Buffer, { offset, length }: Span): Buffer {
    return bytes.subarray(offset, offset + length);
  }

  async #take(from: SourceFile | undefined, offset: number, part: Buffer): Promise<boolean> {
    if (from === undefined || from.length < offset + part.length) return false;
    const handle = await this.#handle(from.whole);
    return handle !== null && (await readInto(handle, part, offset).catch(() => false));
  }

  async #handle(whole: string): Promise<FileHandle | null> {
    const known = this.#open.get(whole);
    if (known !== undefined) return known;
    const handle = await openPlain(whole);
    if (handle === null) return null;
    this.#open.set(whole, handle);
    for (const [oldest, opened] of this.#open) {
      if (this.#open.size <= openMost) break;
      this.#open.delete(oldest);
      await opened.close();
    }
    return handle;
  }
}

function keyOf(hash: Uint8Array): string {
  return asBuffer(hash).toString('base64');
}

async function openPlain(path: string): Promise<FileHandle | null> {
  return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => null);
}
