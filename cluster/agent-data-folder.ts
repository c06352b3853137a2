// The data folder: made when it is not there, and refused with a clear line when it cannot hold data.
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { CommandFault, errorCode } from './command-fault.ts';

/** The folder's real path: there, a folder, and writable. Throws a `CommandFault` otherwise. */
export function openDataFolder(given: string): string {
  const path = resolve(given);
  try {
    // Passwords' hashes and tokens are nobody else's to read.
    makeFolder(path, 0o700);
    const data = realpathSync(path);
    if (!statSync(data).isDirectory())
      throw new CommandFault(`The data folder ${path} ${reason(path, 'ENOTDIR')}`);
    accessSync(data, constants.R_OK | constants.W_OK | constants.X_OK);
    tryWriting(data);
    return data;
  } catch (error) {
    if (error instanceof CommandFault) throw error;
    throw new CommandFault(`The data folder ${path} ${reason(path, errorCode(error))}`, { cause: error });
  }
}

/** The real path of a data folder that must be there already: for commands that only look. */
export function existingDataFolder(given: string): string {
  const path = resolve(given);
  try {
    const data = realpathSync(path);
    if (statSync(data).isDirectory()) return data;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') {
      throw new CommandFault(`The data folder ${path} ${reason(path, errorCode(error))}`, { cause: error });
    }
    throw new CommandFault(
      `There is no data folder ${path}: start a server first (murmuration start), or say where it is with --data DIR.`,
    );
  }
  throw new CommandFault(`The data folder ${path} ${reason(path, 'ENOTDIR')}`);
}

/** Step by step: where a parent is there but takes no folder (below /proc), `mkdir` with `recursive` tries for ever. */
function makeFolder(path: string, mode: number): void {
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeFolder(dirname(path), 0o777);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // Somebody else has just made it.
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

function tryWriting(data: string): void {
  const probe = join(data, `.probe-${process.pid}`);
  try {
    writeFileSync(probe, '');
  } catch (error) {
    // A full disk is no reason not to start: reading and deleting still work.
    if (errorCode(error) !== 'ENOSPC') throw error;
  }
  rmSync(probe, { force: true });
}

function reason(path: string, code: string): string {
  switch (code) {
    case 'EEXIST':
    case 'ENOTDIR':
      return 'is not a folder: choose another with --data DIR.';
    case 'EACCES':
    case 'EPERM':
      return 'cannot be written by you: change its owner or mode, or choose another with --data DIR.';
    case 'EROFS':
      return 'lies on a disk that is read-only: choose another with --data DIR.';
    case 'ENOSPC':
      return 'cannot be made because the disk is full: make room, or choose another with --data DIR.';
    case 'ENOENT':
      return 'cannot be made there: choose another with --data DIR.';
    default:
      return `cannot be used (${code === '' ? 'unknown reason' : code}): choose another with --data DIR. Tried ${path}.`;
  }
}
