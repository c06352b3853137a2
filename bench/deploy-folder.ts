// What `bench deploy` sends: a folder like a release, of files that nothing can be saved on, and its info dictionary.
import { createHash, randomFillSync } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buildSync } from 'esbuild';
import { requireForBundledPackages } from '../cluster/release-bundle.ts';
import type { TorrentInfo } from '../cluster/torrent-info.ts';
import { makeInfo } from '../cluster/torrent-making.ts';

export interface Shipped {
  folder: string;
  /** Where the info dictionary lies. */
  infoPath: string;
  info: TorrentInfo;
  files: { path: string; sha256: string }[];
  /** Of all files, in that order. */
  sha256: string;
  bytes: number;
}

/** A few big programs, many small pieces and a page, as parts of the whole. */
const shape: readonly (readonly [name: string, share: number])[] = [
  ['core.mjs', 0.2],
  ['gateway.mjs', 0.15],
  ['behaviours.js', 0.02],
  ['page/app.js', 0.03],
  ...Array.from({ length: 30 }, (_, at) => [`packages/${at}.mjs`, 0.02] as const),
];

export async function makeFolder(order: { at: string; name: string; bytes: number }): Promise<Shipped> {
  const folder = path.join(order.at, order.name);
  let left = order.bytes;
  for (const [place, [name, share]] of shape.entries()) {
    const isLast = place === shape.length - 1;
    const length = isLast ? left : Math.max(1, Math.floor(order.bytes * share));
    left -= length;
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, randomFillSync(Buffer.allocUnsafe(length)));
  }
  return await shippedFrom(order.at, folder, await makeInfo({ folder, name: order.name }));
}

/** A folder that is there already. */
export async function shippedFrom(at: string, folder: string, info: TorrentInfo): Promise<Shipped> {
  const infoPath = path.join(at, `${Buffer.from(info.hash).toString('hex')}.info`);
  await writeFile(infoPath, info.bytes);
  const all = createHash('sha256');
  const files: Shipped['files'] = [];
  let bytes = 0;
  for (const { path: parts, isPad } of info.files) {
    if (isPad) continue;
    const name = parts.join('/');
    const content = await readFile(path.join(folder, name));
    all.update(content);
    bytes += content.length;
    files.push({ path: name, sha256: createHash('sha256').update(content).digest('hex') });
  }
  return { folder, infoPath, info, files, sha256: all.digest('hex'), bytes };
}

/** The node program as one file: sixty of them start on few processors. */
export function bundleNode(at: string): string {
  const outfile = path.join(at, 'node.mjs');
  buildSync({
    entryPoints: [path.join(import.meta.dirname, 'deploy-node.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outfile,
    banner: { js: requireForBundledPackages },
    logLevel: 'error',
  });
  return outfile;
}
