// One program a data folder: a lock that the kernel lets go of when its holder dies, however it dies.
import { statSync, unlinkSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface StoreLock {
  release(): Promise<void>;
}

/** Another program has the folder open. */
export class FolderInUseError extends Error {
  code = 'folder-in-use';
  /** Null when the holder did not say. */
  pid: number | null;
  constructor(folder: string, pid: number | null) {
    const holder = pid === null ? 'another process' : `process ${pid}`;
    super(`${folder} is in use by ${holder}: stop it first, or choose another data folder`);
    this.name = 'FolderInUseError';
    this.pid = pid;
  }
}

/** The abstract namespace of Linux leaves no file behind; elsewhere the socket is a file. */
export type LockPlace = 'abstract' | 'file';
const usualPlace: LockPlace = process.platform === 'linux' ? 'abstract' : 'file';
const answerTimeoutMs = 2_000;
/** Between two attempts of who waits for it. */
const againMs = 5;

export interface LockOptions {
  place?: LockPlace;
  withinMs?: number;
}

/**
 * Rejects with `FolderInUseError` while another program, or this one, holds the folder. The lock is a listening socket named
 * after the folder's inode; who connects is told the holder's process id. `withinMs`: how long to wait for the holder to let go.
 */
export async function lockFolder(
  folder: string,
  { place = usualPlace, withinMs = 0 }: LockOptions = {},
): Promise<StoreLock> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    try {
      return await lockNow(folder, place);
    } catch (error) {
      const isHeld = error instanceof FolderInUseError || hasCode(error, 'EADDRINUSE');
      if (!isHeld || performance.now() >= endMs) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, againMs));
  }
}

async function lockNow(folder: string, place: LockPlace): Promise<StoreLock> {
  const { dev, ino } = statSync(folder, { bigint: true });
  const name = `murmuration-${dev}-${ino}`;
  const address = place === 'abstract' ? `\0${name}` : join(tmpdir(), `${name}.socket`);
  try {
    return await listen(address);
  } catch (error) {
    if (!hasCode(error, 'EADDRINUSE')) throw error;
  }
  const holder = await ask(address);
  if (holder !== 'nobody') throw new FolderInUseError(folder, holder);
  // A socket file outlives its holder; an abstract socket does not, but its holder may have gone just now.
  if (place === 'file') unlinkSync(address);
  return await listen(address);
}

function listen(address: string): Promise<StoreLock> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.end(String(process.pid));
    });
    server.once('error', reject);
    server.listen(address, () => {
      server.unref();
      resolve({ release: () => new Promise((released) => server.close(() => released())) });
    });
  });
}

/** The holder's process id; null when it does not answer in time. */
function ask(address: string): Promise<number | null | 'nobody'> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(address);
    socket.setTimeout(answerTimeoutMs, () => {
      socket.destroy();
      resolve(null);
    });
    socket.setEncoding('utf8').on('data', (part) => {
      answer += part;
    });
    socket.on('end', () => resolve(/^[0-9]+$/.test(answer) ? Number(answer) : null));
    socket.on('error', (error) => resolve(hasCode(error, 'ECONNREFUSED') ? 'nobody' : null));
  });
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
