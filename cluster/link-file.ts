// DATA/core.link: where the running core can be reached, and the key that proves it. Readable by its owner only.
import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { hexDigits } from './hex.ts';

export const linkFileName = 'core.link';
const keyBytes = 32;

export interface CoreAddress {
  /** On 127.0.0.1. */
  port: number;
  key: Uint8Array;
  pid: number;
  /** Another one for each start of a core. */
  incarnation: string;
}

/** `absent`: no core has left a file. `malformed`: there is a file, but none that a core writes. `unreadable`: the system refuses. */
export class LinkFileError extends Error {
  override name = 'LinkFileError';
  reason: 'absent' | 'malformed' | 'unreadable';
  constructor(reason: LinkFileError['reason'], message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}

const written = z.strictObject({
  port: z.int().min(1).max(65535),
  key: hexDigits(32),
  pid: z.int().min(1),
  incarnation: z.string().min(1).max(100),
});

export function newLinkKey(): Uint8Array {
  return randomBytes(keyBytes);
}

/** Replaces the file in one step: a reader sees the old one or the new one, never a part. */
export async function writeLinkFile(path: string, address: CoreAddress): Promise<void> {
  const json = written.parse({ ...address, key: Buffer.from(address.key).toString('hex') });
  const draft = join(dirname(path), `.${linkFileName}.${address.pid}.${randomBytes(6).toString('hex')}`);
  try {
    await writeFile(draft, `${JSON.stringify(json)}\n`, { mode: 0o600, flag: 'wx' });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** Rejects with a `LinkFileError`. */
export async function readLinkFile(path: string): Promise<CoreAddress> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (missing) throw new LinkFileError('absent', `no core is running on ${dirname(path)}`, error);
    throw new LinkFileError('unreadable', `${path} cannot be read: ${String(error)}`, error);
  }
  const parsed = written.safeParse(jsonOrNull(content));
  if (!parsed.success) {
    throw new LinkFileError(
      'malformed',
      `${path} is not what a core writes: ${z.prettifyError(parsed.error)}`,
    );
  }
  return { ...parsed.data, key: Buffer.from(parsed.data.key, 'hex') };
}

/** Another text whenever the file is another one; cheap to ask for. Empty when there is none. */
export async function linkFileVersion(path: string): Promise<string> {
  try {
    const { ino, mtimeMs, size } = await stat(path);
    return `${ino}:${mtimeMs}:${size}`;
  } catch {
    return '';
  }
}

/** Takes the file away when a core stops, unless another core has put its own there since. */
export async function removeLinkFile(path: string, incarnation: string): Promise<void> {
  try {
    const found = await readLinkFile(path);
    if (found.incarnation === incarnation) await rm(path, { force: true });
  } catch (error) {
    if (!(error instanceof LinkFileError)) throw error;
  }
}

function jsonOrNull(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return null;
  }
}
