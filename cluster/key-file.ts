// A file that holds a private key: readable by its owner only, made whole or not at all. What the line in it says is its reader's.
import { randomBytes } from 'node:crypto';
import { link, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCode } from './command-fault.ts';
import { syncFolder } from './whole-file.ts';

/** `exists`: there is one already, and it is never overwritten. `unreadable` and `unwritable`: the system refuses. */
export type KeyFileReason = 'absent' | 'exists' | 'malformed' | 'unreadable' | 'unwritable';

export class KeyFileError extends Error {
  override name = 'KeyFileError';
  reason: KeyFileReason;
  constructor(reason: KeyFileReason, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}

/**
 * Of two that make it at once, one succeeds and the other gets `exists`. On disk when it resolves.
 * Rejects with a `KeyFileError`.
 */
export async function createKeyFile(path: string, json: object): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(json)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    // A link, unlike a rename, never replaces a key that is there.
    await link(draft, path);
    await syncFolder(dirname(path));
  } catch (error) {
    if (errorCode(error) === 'EEXIST') throw new KeyFileError('exists', `${path} is there already`, error);
    throw new KeyFileError('unwritable', `${path} cannot be written: ${String(error)}`, error);
  } finally {
    await rm(draft, { force: true });
  }
}

/** The JSON in it, whatever it is. Rejects with a `KeyFileError`. */
export async function readKeyFile(path: string): Promise<unknown> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new KeyFileError('absent', `there is no ${path}`, error);
    throw new KeyFileError('unreadable', `${path} cannot be read: ${String(error)}`, error);
  }
  try {
    return JSON.parse(content);
  } catch (error) {
    throw new KeyFileError('malformed', `${path} holds no key: it is not JSON`, error);
  }
}

/** In place of the key that is there. On disk when it resolves. */
export async function replaceKeyFile(by: string, path: string): Promise<void> {
  await rename(by, path);
  await syncFolder(dirname(path));
}
