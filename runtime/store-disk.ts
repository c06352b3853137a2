// The disk below a store: its folder, how full it is, and the ballast that is thrown overboard so that deletes still fit.

import { randomFillSync } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';

export interface DiskOptions {
  folder: string;
  nowMs(): number;
  /** Instead of asking the file system. For tests. */
  freePercent?: (() => number) | undefined;
  ballastBytes: number;
}

const dataName = 'data.mdb';
const ballastName = 'ballast';
const checkEveryMs = 1_000;
const blockBytes = 1024 * 1024;

export class StoreDisk {
  readonly #options: DiskOptions;
  #freePercent = 100;
  #freeBytes = Number.POSITIVE_INFINITY;
  #checkedMs = Number.NEGATIVE_INFINITY;

  constructor(options: DiskOptions) {
    this.#options = options;
  }

  /** Percent of the file system that this user may still fill. Looked up at most once a second. */
  freePercent(): number {
    this.#check();
    return this.#freePercent;
  }

  /** Less than the ballast is left: a delete, which writes before it frees, may not fit. */
  isExhausted(): boolean {
    this.#check();
    return this.#freeBytes < this.#options.ballastBytes;
  }

  /** Writes the ballast when it is not there. It has to take real blocks: its bytes are random. */
  loadBallast(): void {
    const { folder, ballastBytes } = this.#options;
    const path = join(folder, ballastName);
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) >= ballastBytes) return;
    const file = openSync(path, 'w', 0o600);
    try {
      const block = randomFillSync(Buffer.allocUnsafe(blockBytes));
      for (let written = 0; written < ballastBytes; written += blockBytes) writeSync(file, block);
    } catch (error) {
      rmSync(path, { force: true });
      throw error;
    } finally {
      closeSync(file);
    }
  }

  /** Frees its space. It is loaded again at an opening with room enough. */
  dropBallast(): void {
    rmSync(join(this.#options.folder, ballastName), { force: true });
    this.#checkedMs = Number.NEGATIVE_INFINITY;
  }

  #check(): void {
    const nowMs = this.#options.nowMs();
    if (nowMs - this.#checkedMs < checkEveryMs && nowMs >= this.#checkedMs) return;
    this.#checkedMs = nowMs;
    const { bavail, bsize, blocks } = statfsSync(this.#options.folder);
    const free = blocks === 0 ? 100 : (100 * bavail) / blocks;
    this.#freePercent = this.#options.freePercent?.() ?? free;
    this.#freeBytes = (this.#freePercent / 100) * blocks * bsize;
  }
}

/** Makes a folder's entries durable: a new file is only safe when its folder is. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** The database's own commits make neither its name in the folder durable nor the folder's in its parent. */
export function syncNewFolder(folder: string): void {
  syncFolder(folder);
  syncFolder(dirname(resolve(folder)));
}

export function makeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** How a database file of LMDB's data format 2 begins: after the head of its first page, a number and the format. */
const magic = Buffer.from('dec0efbe02000000', 'hex');
const magicAt = 24;

/** Throws when there is a database file that LMDB did not write: LMDB itself would end the process over it. */
export function assertDataFile(folder: string): void {
  const path = join(folder, dataName);
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0) return;
  const file = openSync(path, 'r');
  try {
    const found = Buffer.alloc(magic.length);
    readSync(file, found, 0, magic.length, magicAt);
    if (!found.equals(magic)) throw new Error(`${dataName} is damaged, or no database`);
  } finally {
    closeSync(file);
  }
}

/** What tells the database file of this folder from a copy of it. */
export function dataFileIn(folder: string): string {
  const { dev, ino } = statSync(join(folder, dataName), { bigint: true });
  return `${dev}:${ino}`;
}
