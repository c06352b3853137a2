// A small file system of a machine's own, in a file: it can be full without anybody else's disk being so.
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, rmSync, statfsSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run, tryRun } from './shell.ts';

const fillerName = 'filler';
const blockBytes = 1024 * 1024;

export class SmallDisk {
  readonly folder: string;
  readonly #image: string;

  /** Makes and mounts it. Throws where that is not allowed. */
  constructor({ folder, image, megabytes }: { folder: string; image: string; megabytes: number }) {
    this.folder = folder;
    this.#image = image;
    const file = openSync(image, 'w');
    ftruncateSync(file, megabytes * blockBytes);
    closeSync(file);
    mkdirSync(folder, { recursive: true });
    run('mkfs.ext4', '-q', '-F', '-m', '0', image);
    run('mount', '-o', 'loop', image, folder);
  }

  /** Not a byte is left. On a busy machine it takes seconds, and the clients are in this process: it must not stand still meanwhile. */
  async fill(): Promise<void> {
    const file = await open(join(this.folder, fillerName), 'w');
    try {
      for (let size = blockBytes; size >= 1; size = Math.floor(size / 16)) await writeUntilFull(file, size);
    } finally {
      await file.close();
    }
  }

  async empty(): Promise<void> {
    await rm(join(this.folder, fillerName), { force: true });
  }

  get freePercent(): number {
    const { bavail, blocks } = statfsSync(this.folder);
    return (100 * bavail) / blocks;
  }

  /** The machine on it must be gone. */
  remove(): void {
    removeDisk(this.folder);
    rmSync(this.#image, { force: true });
  }
}

/** Also what a run that died has left mounted. */
export function removeDisk(folder: string): void {
  if (existsSync(folder)) tryRun('umount', folder) || tryRun('umount', '--lazy', folder);
}

async function writeUntilFull(file: FileHandle, size: number): Promise<void> {
  const block = Buffer.alloc(size, 0xa5);
  try {
    while ((await file.write(block)).bytesWritten > 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
}
