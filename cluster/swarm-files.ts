// The files of one torrent on disk: read and written by piece, never through a link, with few of them open at a time.
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from './command-fault.ts';
import type { Span, TorrentLayout } from './torrent-layout.ts';

/** What is on disk of one file; null: nothing. */
export interface FileMark {
  length: number;
  /** Nanoseconds, as digits. */
  modified: string;
}

const openMost = 64;

interface OpenFile {
  readonly handle: Promise<FileHandle>;
  /** Files are opened for writing only when something is written: a folder that is shared may be one that cannot be written to. */
  readonly isForWriting: boolean;
  users: number;
  /** Since the last sync. */
  isWritten: boolean;
  isRetired: boolean;
}

export class SwarmFiles {
  readonly layout: TorrentLayout;
  readonly #folder: string;
  readonly #open = new Map<number, OpenFile>();
  /** Written to and closed since the last sync. */
  readonly #unsynced = new Set<number>();

  constructor({ layout, folder }: { layout: TorrentLayout; folder: string }) {
    this.layout = layout;
    this.#folder = folder;
  }

  /** For each file of the torrent, padding too (always null). Rejects where a link or another thing is in a file's place. */
  async marks(): Promise<(FileMark | null)[]> {
    const marks: (FileMark | null)[] = [];
    for (const { path, isPad } of this.layout.info.files) {
      marks.push(isPad ? null : await markOf(join(this.#folder, ...path)));
    }
    return marks;
  }

  /** Makes all folders and files, each as long as it is to be. What was longer is cut. */
  async make(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const made = new Set<string>([this.#folder]);
    for (const [file, { path, isPad, length }] of this.layout.info.files.entries()) {
      if (isPad) continue;
      await this.#makeFolders(path.slice(0, -1), made);
      const handle = await this.#openFile(file, constants.O_RDWR | constants.O_CREAT);
      try {
        const { size } = await handle.stat();
        if (size !== length) await handle.truncate(length);
      } finally {
        await handle.close();
      }
    }
  }

  /** Padding is zeros. Null where the files are too short. */
  async read(piece: number, offset: number, length: number): Promise<Buffer | null> {
    const bytes = Buffer.allocUnsafeSlow(length);
    for (const span of this.layout.spans(piece, offset, length)) {
      const part = bytes.subarray(span.offset - offset, span.offset - offset + span.length);
      if (span.isPad) part.fill(0);
      else if (!(await this.#use(span, false, (handle) => readInto(handle, part, span.fileOffset))))
        return null;
    }
    return bytes;
  }

  async write(piece: number, bytes: Buffer): Promise<void> {
    for (const span of this.layout.spans(piece)) {
      if (span.isPad) continue;
      const part = bytes.subarray(span.offset, span.offset + span.length);
      await this.#use(span, true, (handle) => writeFrom(handle, part, span.fileOffset));
    }
  }

  /** What was written is on disk when it resolves. */
  async sync(): Promise<void> {
    const files = new Set(this.#unsynced);
    for (const [file, { isWritten }] of this.#open) if (isWritten) files.add(file);
    for (const file of files) {
      this.#unsynced.delete(file);
      const entry = this.#open.get(file);
      if (entry !== undefined) entry.isWritten = false;
      await this.#use({ file }, false, (handle) => handle.datasync());
    }
  }

  /** Marks those executable that are to be. */
  async finish(): Promise<void> {
    for (const [file, { isExecutable, isPad }] of this.layout.info.files.entries()) {
      if (!isExecutable || isPad) continue;
      await this.#use({ file }, false, async (handle) => {
        const { mode } = await handle.stat();
        // Whoever may read it may run it.
        await handle.chmod((mode | ((mode & 0o444) >> 2)) & 0o777);
      });
    }
  }

  /** Nothing may be under way. */
  async close(): Promise<void> {
    const files = [...this.#open.values()];
    this.#open.clear();
    for (const { handle } of files) await closeQuietly(handle);
  }

  async #makeFolders(path: readonly string[], made: Set<string>): Promise<void> {
    let folder = this.#folder;
    for (const part of path) {
      folder = join(folder, part);
      if (made.has(folder)) continue;
      await mkdir(folder).catch((error) => {
        if (errorCode(error) !== 'EEXIST') throw error;
      });
      if (!(await lstat(folder)).isDirectory()) throw new Error(`${folder} is no folder`);
      made.add(folder);
    }
  }

  async #use<T>(
    { file }: Pick<Span, 'file'>,
    isWritten: boolean,
    act: (handle: FileHandle) => Promise<T>,
  ): Promise<T> {
    const known = this.#open.get(file);
    const isFit = known !== undefined && (known.isForWriting || !isWritten);
    const entry: OpenFile = isFit ? known : this.#opening(file, isWritten);
    // The last used is the last in the map.
    this.#open.delete(file);
    this.#open.set(file, entry);
    if (!isFit && known !== undefined) this.#retire(known);
    entry.users++;
    try {
      const handle = await entry.handle.catch((error) => {
        if (this.#open.get(file) === entry) this.#open.delete(file);
        throw error;
      });
      if (isWritten) entry.isWritten = true;
      return await act(handle);
    } finally {
      entry.users--;
      if (entry.isRetired && entry.users === 0) await closeQuietly(entry.handle);
      await this.#closeSome();
    }
  }

  #opening(file: number, isForWriting: boolean): OpenFile {
    const flags = isForWriting ? constants.O_RDWR : constants.O_RDONLY;
    return {
      handle: this.#openFile(file, flags),
      isForWriting,
      users: 0,
      isWritten: false,
      isRetired: false,
    };
  }

  /** Another took its place. */
  #retire(entry: OpenFile): void {
    entry.isRetired = true;
    if (entry.users === 0) void closeQuietly(entry.handle);
  }

  async #closeSome(): Promise<void> {
    for (const [file, { handle, users, isWritten }] of this.#open) {
      if (this.#open.size <= openMost) return;
      if (users > 0) continue;
      this.#open.delete(file);
      if (isWritten) this.#unsynced.add(file);
      await closeQuietly(handle);
    }
  }

  #openFile(file: number, flags: number): Promise<FileHandle> {
    const { path = [] } = this.layout.info.files[file] ?? {};
    const whole = join(this.#folder, ...path);
    return open(whole, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  }
}

async function closeQuietly(handle: Promise<FileHandle>): Promise<void> {
  await handle.then((opened) => opened.close()).catch(() => {});
}

async function markOf(path: string): Promise<FileMark | null> {
  try {
    const stat = await lstat(path, { bigint: true });
    if (!stat.isFile()) throw new Error(`${path} is no plain file`);
    return { length: Number(stat.size), modified: String(stat.mtimeNs) };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** False when the file ends before. */
export async function readInto(handle: FileHandle, part: Buffer, position: number): Promise<boolean> {
  for (let at = 0; at < part.length; ) {
    const { bytesRead } = await handle.read(part, at, part.length - at, position + at);
    if (bytesRead === 0) return false;
    at += bytesRead;
  }
  return true;
}

async function writeFrom(handle: FileHandle, part: Buffer, position: number): Promise<void> {
  for (let at = 0; at < part.length; ) {
    const { bytesWritten } = await handle.write(part, at, part.length - at, position + at);
    at += bytesWritten;
  }
}
