// Folders of files to share, made from a seed, and a way to say that two are equal.
import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Bytes that no two seeds, and no two places, have alike. */
export function bytesOf(seed: string, length: number): Buffer {
  const parts: Buffer[] = [];
  for (let made = 0; made < length; made += 64)
    parts.push(createHash('sha512').update(`${seed} ${made}`).digest());
  return Buffer.concat(parts).subarray(0, length);
}

/** Small and large, empty, executable, and with names that a shell would not like. Some 1.6 MB times `size`. */
export async function makeFolder(folder: string, { seed = 'a', size = 1 } = {}): Promise<void> {
  const files: [path: string, length: number][] = [
    ['read me.txt', 12],
    ['empty', 0],
    ['large.bin', Math.round(1_200_000 * size)],
    ['sub/one.bin', Math.round(300_000 * size)],
    ['sub/deeper/exactly a piece', 65_536],
    ['sub/deeper/übermäßig.bin', 65_537],
  ];
  await writeFiles(
    folder,
    files.map(([path, length]) => [path, bytesOf(seed + path, length)]),
  );
  await chmod(join(folder, 'read me.txt'), 0o755);
}

export async function writeFiles(folder: string, files: [path: string, bytes: Buffer][]): Promise<void> {
  for (const [path, bytes] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
}

/** Each file's path and SHA-256, without padding that a client may have written. */
export async function contentOf(folder: string): Promise<Record<string, string>> {
  const content: Record<string, string> = {};
  for (const path of (await readdir(folder, { recursive: true })).sort()) {
    if (path.startsWith('.pad') || !(await stat(join(folder, path))).isFile()) continue;
    content[path] = createHash('sha256')
      .update(await readFile(join(folder, path)))
      .digest('hex');
  }
  return content;
}
