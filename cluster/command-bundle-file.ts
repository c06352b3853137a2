// What names a bundle: a magnet link or a .torrent file, read with suspicion; and .torrent files written.
import { open, rename, rm, writeFile } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { CommandFault, errorCode } from './command-fault.ts';
import type { SwarmAddress } from './swarm-order.ts';
import { torrentBounds } from './torrent-bounds.ts';
import { TorrentError } from './torrent-error.ts';
import { readTorrentFile, writeTorrentFile } from './torrent-file.ts';
import type { TorrentInfo } from './torrent-info.ts';
import { readMagnet } from './torrent-magnet.ts';

export interface BundleNamed {
  hash: Uint8Array;
  /** Null: its peers say what is in it. */
  info: TorrentInfo | null;
  name: string | null;
  peers: readonly SwarmAddress[];
}

const fileMostBytes = torrentBounds.infoMostBytes + 2 ** 20;

/** Throws a `CommandFault` for what is neither, and for a torrent that must not be fetched. */
export async function readBundle(linkOrFile: string): Promise<BundleNamed> {
  if (/^magnet:/i.test(linkOrFile)) return readLink(linkOrFile);
  try {
    const info = readTorrentFile(await readWithin(linkOrFile));
    return { hash: info.hash, info, name: info.name, peers: [] };
  } catch (error) {
    if (error instanceof TorrentError)
      throw new CommandFault(`${shown(linkOrFile)} is not taken: ${error.message}.`, { cause: error });
    if (errorCode(error) === 'ENOENT')
      throw new CommandFault(
        `${shown(linkOrFile)} is neither a magnet link (magnet:?xt=urn:btih:...) nor a .torrent file.`,
        { cause: error, exitCode: 2 },
      );
    if (errorCode(error) === '') throw error;
    throw new CommandFault(`${shown(linkOrFile)} cannot be read: ${String(error)}.`, { cause: error });
  }
}

function readLink(link: string): BundleNamed {
  try {
    return { ...readMagnet(link), info: null };
  } catch (error) {
    if (!(error instanceof TorrentError)) throw error;
    throw new CommandFault(`${shown(link)} is ${error.message}.`, { cause: error, exitCode: 2 });
  }
}

/** Whole or not at all. Throws a `CommandFault` when it cannot, or when it would be in the bundle itself. */
export async function writeBundleFile(
  file: string,
  info: TorrentInfo,
  { outside }: { outside: string },
): Promise<void> {
  const path = resolve(file);
  if (path.startsWith(resolve(outside) + sep))
    throw new CommandFault(`${file} is in the folder itself, which it would change: name another place.`);
  const staging = `${path}.part`;
  try {
    await writeFile(staging, writeTorrentFile(info));
    await rename(staging, path);
  } catch (error) {
    await rm(staging, { force: true });
    if (errorCode(error) === '') throw error;
    throw new CommandFault(`${file} cannot be written: ${String(error)}.`, { cause: error });
  }
}

async function readWithin(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size > fileMostBytes) throw new TorrentError('too-many-bytes', `a file of ${size} bytes`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

function shown(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}
