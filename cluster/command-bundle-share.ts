// `murmuration bundle share`: makes a torrent of a folder, says in one line how to fetch it, and seeds it until it is stopped.
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { Command } from 'commander';
import { writeBundleFile } from './command-bundle-file.ts';
import {
  addPlaceOptions,
  checkPlaceOptions,
  type PlaceOptions,
  placeOptions,
} from './command-bundle-options.ts';
import { openBundlePlace } from './command-bundle-place.ts';
import { bytesText, peersText, showLine } from './command-bundle-showing.ts';
import { swarmFault } from './command-bundle-watch.ts';
import { CommandFault, errorCode } from './command-fault.ts';
import { readOptions } from './command-options.ts';
import { showProgress } from './command-progress.ts';
import { listenForStop, type StopAsked } from './command-stop.ts';
import type { Torrent } from './swarm-order.ts';
import { TorrentError } from './torrent-error.ts';
import type { TorrentInfo } from './torrent-info.ts';
import { writeMagnet } from './torrent-magnet.ts';
import { makeInfo } from './torrent-making.ts';

export function shareCommand(): Command {
  const command = addPlaceOptions(
    new Command('share')
      .description('print a link by which others fetch this folder, and give it to them until Ctrl-C')
      .argument('<DIR>', 'the folder; nothing in it is changed, and nothing should change it meanwhile'),
  ).addHelpText('after', shareHelp);
  return command.action(async (folder: string) => {
    const options = readOptions(command, placeOptions);
    checkPlaceOptions(command, options);
    await share(resolve(folder), options);
  });
}

const shareHelp = `
The link is all that others need, and whoever has it can fetch: keep it to those who may. What travels is checked, but not encrypted.
With the same --port and the same files the link is the same next time.`;

const lookMs = 500;

async function share(folder: string, options: PlaceOptions): Promise<void> {
  const info = await infoOf(folder);
  if (options.torrent !== undefined) await writeBundleFile(options.torrent, info, { outside: folder });
  const place = await openBundlePlace({ hash: info.hash, peers: [] }, options);
  const stop = listenForStop();
  try {
    const torrent = place.swarm.add({
      hash: info.hash,
      info,
      folder,
      isWhole: true,
      isFirst: true,
      find: place.find,
    });
    await place.announce();
    console.log(writeMagnet({ hash: info.hash, name: info.name, peers: place.addresses }));
    await giveUntilStopped(torrent, { stop });
  } finally {
    stop.end();
    await place.close();
  }
}

/** Also for who has fetched and goes on. Throws a `CommandFault` when the files cannot be read any more. */
export async function giveUntilStopped(torrent: Torrent, { stop }: { stop: StopAsked }): Promise<void> {
  const line = showLine();
  let fail = (_error: unknown): void => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const show = (): void => {
    const { sentBytes, peers } = torrent.progress;
    line.update(`sharing until Ctrl-C: ${peersText(peers)}, ${bytesText(sentBytes)} sent`);
    if (torrent.failure !== null) fail(swarmFault(torrent.failure, torrent.folder));
  };
  const timer = setInterval(show, lookMs);
  try {
    await Promise.race([stop.whenAsked, failed]);
  } finally {
    clearInterval(timer);
    line.end();
  }
  console.error(`${bytesText(torrent.progress.sentBytes)} sent.`);
}

async function infoOf(folder: string): Promise<TorrentInfo> {
  const progress = showProgress('bytes');
  try {
    if (!(await stat(folder)).isDirectory())
      throw new CommandFault(`${folder} is a file: put it into a folder and share that.`);
    return await makeInfo({
      folder,
      name: basename(folder) || 'bundle',
      onProgress: (readBytes, totalBytes) =>
        progress.update({
          done: readBytes,
          total: totalBytes,
          doing: 'reading',
          said: `${bytesText(readBytes)} of ${bytesText(totalBytes)}`,
        }),
    });
  } catch (error) {
    if (error instanceof TorrentError)
      throw new CommandFault(`${folder} cannot be shared: ${error.message}.`, { cause: error });
    if (errorCode(error) === 'ENOENT')
      throw new CommandFault(`There is no folder ${folder}.`, { cause: error });
    if (errorCode(error) === '') throw error;
    throw new CommandFault(`${folder} cannot be read: ${String(error)}.`, { cause: error });
  } finally {
    progress.end();
  }
}
