// Backup of a running store, and restoring from one. A restored store is another life of it: it gets an incarnation of its own.
import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { MalformedError, struct, text, uint } from './codec.ts';
import { syncFolder } from './store-disk.ts';
import { type Environment, openEnvironment } from './store-environment.ts';
import { newIncarnation } from './store-incarnation.ts';
import { headOf, ownHeadKey } from './store-log.ts';
import { printCursor } from './version.ts';

export interface BackupReport {
  bytes: number;
  /** Everything up to this log position is in it. */
  position: number;
  sha256: string;
}

/** The folder can't be written to, or is no backup, or its bytes have changed. The message says what to do. */
export class BackupError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'BackupError';
  }
}

const dataName = 'data.mdb';
const noteName = 'backup.json';
const format = 1;
/** Address space for a look into a copy. */
const lookBytes = 2 ** 40;

const note = struct({
  format: uint,
  node: uint,
  incarnation: uint,
  position: uint,
  version: text(24),
  bytes: uint,
  sha256: text(64),
});

/** Copies a snapshot of the running store into an absent or empty folder: all of it, fsynced, or nothing. */
export async function backupStore(
  environment: Environment,
  node: number,
  folder: string,
): Promise<BackupReport> {
  return await inNewFolder(folder, async (partial) => {
    await environment.copy(partial);
    const { position, version, incarnation } = await look(partial);
    const { bytes, sha256 } = await digest(join(partial, dataName));
    const written = { format, node, incarnation, position, version: printCursor(version), bytes, sha256 };
    const file = await open(join(partial, noteName), 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(written, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    return { bytes, position, sha256 };
  });
}

/** Checks a backup and makes an absent or empty folder the data folder of a store with its content. */
export async function restoreStore(from: string, to: string): Promise<BackupReport> {
  const written = await readNote(from);
  return await inNewFolder(to, async (partial) => {
    await copyFile(join(from, dataName), join(partial, dataName), constants.COPYFILE_EXCL);
    const { bytes, sha256 } = await digest(join(partial, dataName));
    if (bytes !== written.bytes || sha256 !== written.sha256) {
      throw new BackupError(`${from} is damaged: ${dataName} is not what was backed up`);
    }
    const environment = openEnvironment({ folder: partial, mapSizeBytes: lookBytes });
    try {
      await environment.adopt(newIncarnation(environment.incarnation));
    } finally {
      await environment.close();
    }
    return { bytes, position: written.position, sha256 };
  });
}

/** Fills a folder beside the wanted one, then gives it its name, so that a folder of that name is always whole. */
async function inNewFolder<T>(folder: string, fill: (partial: string) => Promise<T>): Promise<T> {
  const target = resolve(folder);
  const partial = `${target}.partial-${process.pid}`;
  await assertAbsentOrEmpty(target);
  try {
    await mkdir(dirname(target), { recursive: true });
    await mkdir(partial, { mode: 0o700 });
    const result = await fill(partial);
    for (const name of await readdir(partial)) {
      if (name === lockName) await rm(join(partial, name));
      else await syncFile(join(partial, name));
    }
    syncFolder(partial);
    await rename(partial, target);
    syncFolder(dirname(target));
    return result;
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    if (error instanceof BackupError) throw error;
    throw new BackupError(`${target} could not be written: ${messageOf(error)}`, error);
  }
}

const lockName = 'lock.mdb';

async function assertAbsentOrEmpty(folder: string): Promise<void> {
  try {
    if ((await readdir(folder)).length === 0) return;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw new BackupError(`${folder} could not be read: ${messageOf(error)}`, error);
  }
  throw new BackupError(`${folder} is not empty: name a folder that does not exist yet`);
}

async function readNote(folder: string) {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(join(folder, noteName), 'utf8'));
  } catch (error) {
    throw new BackupError(
      `${folder} is no backup: ${noteName} could not be read (${messageOf(error)})`,
      error,
    );
  }
  try {
    const fields = new Map(Object.entries(content ?? {}));
    const names = ['format', 'node', 'incarnation', 'position', 'version', 'bytes', 'sha256'];
    const read = note.decode(names.map((name) => fields.get(name)));
    if (read.format !== format)
      throw new BackupError(`${folder} is a backup of another release (format ${read.format})`);
    return read;
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    throw new BackupError(`${folder} is no backup: ${noteName} is damaged (${error.message})`, error);
  }
}

async function look(folder: string) {
  const environment = openEnvironment({ folder, mapSizeBytes: lookBytes, readOnly: true });
  try {
    const { position, version } = headOf(environment, ownHeadKey);
    return { position, version, incarnation: environment.incarnation ?? 0 };
  } finally {
    await environment.close();
  }
}

async function digest(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return { bytes: (await stat(path)).size, sha256: hash.digest('hex') };
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
