// Files of an import as lines of text: compressed or not, told apart by their first bytes. What the lines mean is others' part.
import { createReadStream } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CommandFault, errorCode } from './command-fault.ts';

/** Lines without their ends, of UTF-8 text; bytes that are none come as U+FFFD. Throws a `CommandFault` naming the file. */
export async function* readLines(path: string): AsyncGenerator<string> {
  const isCompressed = startsWith(await firstBytes(path), gzipMagic);
  const file = createReadStream(path);
  // A fault of the file reaches the loop below through the stream at the end.
  const input = isCompressed ? pipeline(file, createGunzip(), () => {}) : file;
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const chunk of input) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > mostLineCharacters) throw tooLong(path);
      for (const line of lines) yield withoutReturn(line);
    }
  } catch (error) {
    throw readFault(path, error);
  } finally {
    file.destroy();
  }
  rest += decoder.decode();
  if (rest !== '') yield withoutReturn(rest);
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}

/** Is there a zero byte in the beginning, after decompression? Then it is no text. */
export async function isBinary(path: string): Promise<boolean> {
  const beginning = await firstBytes(path);
  if (!startsWith(beginning, gzipMagic)) return beginning.includes(0);
  for await (const line of readLines(path)) return line.includes('\0');
  return false;
}

/**
 * The file itself, or the files directly in a folder, sorted by name. Indexes (`.dat`) and the second names (`.u8`) that fortune
 * files have beside them are left out of a folder.
 */
export async function filesAt(given: string): Promise<string[]> {
  const path = resolve(given);
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const files: string[] = [];
    for (const name of (await readdir(path)).sort()) {
      if (name.startsWith('.') || /\.(dat|u8)$/.test(name)) continue;
      const file = join(path, name);
      if ((await stat(file)).isFile()) files.push(file);
    }
    return files;
  } catch (error) {
    throw readFault(path, error);
  }
}

/** 64 KiB is more than any name or text; a file without line ends must not fill the memory. */
const mostLineCharacters = 65_536;
const gzipMagic = [0x1f, 0x8b];
const sniffedBytes = 8192;

async function firstBytes(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(new Uint8Array(sniffedBytes), 0, sniffedBytes, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw readFault(path, error);
  }
}

function startsWith(bytes: Uint8Array, magic: number[]): boolean {
  return magic.every((byte, at) => bytes[at] === byte);
}

function tooLong(path: string): CommandFault {
  return new CommandFault(`${path} has a line of more than ${mostLineCharacters} characters: is it text?`);
}

function readFault(path: string, cause: unknown): Error {
  if (cause instanceof CommandFault) return cause;
  switch (errorCode(cause)) {
    case 'ENOENT':
      return new CommandFault(`There is no file ${path}.`, { cause });
    case 'EISDIR':
      return new CommandFault(`${path} is a folder, not a file.`, { cause });
    case 'EACCES':
      return new CommandFault(`${path} cannot be read by you.`, { cause });
    case 'Z_DATA_ERROR':
    case 'Z_BUF_ERROR':
      return new CommandFault(`${basename(path)} is a damaged gzip file: get it again.`, { cause });
    default:
      return new CommandFault(`${path} cannot be read: ${String(cause)}.`, { cause });
  }
}
