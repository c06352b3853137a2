// `murmuration bundle fetch`: brings a folder that somebody shares, passes on what it has meanwhile, and goes on where it was stopped.
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { type BundleNamed, readBundle, writeBundleFile } from './command-bundle-file.ts';
import { beginFolder, differenceOf, type FolderState, folderState, isBare } from './command-bundle-folder.ts';
import { addPlaceOptions, bundleOption, checkPlaceOptions, placeOptions } from './command-bundle-options.ts';
import { type BundlePlace, openBundlePlace } from './command-bundle-place.ts';
import { giveUntilStopped } from './command-bundle-share.ts';
import { bytesText } from './command-bundle-showing.ts';
import { watched } from './command-bundle-watch.ts';
import { CommandFault } from './command-fault.ts';
import { addressesText, readOptions, whole } from './command-options.ts';
import { count, showProgress } from './command-progress.ts';
import { listenForStop, type StopAsked } from './command-stop.ts';
import { keptPath, type Torrent } from './swarm-order.ts';
import type { TorrentInfo } from './torrent-info.ts';
import { writeMagnet } from './torrent-magnet.ts';

const fetchOptions = placeOptions.extend({
  seed: z.boolean().optional(),
  peer: addressesText.optional(),
  wait: whole(0, 1_000_000),
});
type FetchOptions = z.infer<typeof fetchOptions>;

export function fetchCommand(): Command {
  const command = addPlaceOptions(
    new Command('fetch')
      .description('fetch what a link names into a folder, and pass it on meanwhile')
      .argument('<LINK>', 'what "bundle share" printed, any other magnet link, or a .torrent file')
      .argument('<DIR>', 'where its files go: a new folder, or one that was begun'),
  )
    .addOption(bundleOption('--seed', 'go on giving it to others until Ctrl-C'))
    .addOption(bundleOption('--peer <HOST:PORT,...>', 'who else has it, beside those that the link names'))
    .addOption(bundleOption('--wait <SECONDS>', 'give up when nobody has it for so long; 0 is never', '60'))
    .addHelpText('after', fetchHelp);
  return command.action(async (link: string, folder: string) => {
    const options = readOptions(command, fetchOptions);
    checkPlaceOptions(command, options);
    await fetchBundle(link, { folder: resolve(folder), options });
  });
}

const fetchHelp = `
Each piece is checked before it counts. Stopped, it goes on when it is run again with the same folder; DIR.have, beside the folder, says
what is there, and is gone in the end. A folder with other files in it is never written to.`;

interface Fetching {
  named: BundleNamed;
  folder: string;
  place: BundlePlace;
  stop: StopAsked;
  options: FetchOptions;
}

async function fetchBundle(
  link: string,
  { folder, options }: { folder: string; options: FetchOptions },
): Promise<void> {
  const read = await readBundle(link);
  const named = { ...read, peers: [...read.peers, ...(options.peer ?? [])] };
  const state = await folderState(folder, named.hash);
  const place = await openBundlePlace(named, options);
  const stop = listenForStop();
  let isWhole = false;
  try {
    await fetchAt({ named, folder, place, stop, options }, state);
    isWhole = true;
  } finally {
    stop.end();
    await place.close();
    if (isWhole || (await isBare(folder))) await rm(keptPath(folder), { force: true });
  }
}

async function fetchAt(fetching: Fetching, state: FolderState): Promise<void> {
  const { named, folder, place, options } = fetching;
  if (state === 'free') await beginFolder(folder, named.hash);
  // Others find this machine from now on: it has pieces to give before it has all.
  void place.announce();
  const torrent = state === 'occupied' ? await addFound(fetching) : await addFetched(fetching);
  if (options.seed !== true) return;
  const { info } = torrent;
  const peers = [...place.addresses, ...named.peers];
  if (info !== null) console.log(writeMagnet({ hash: info.hash, name: info.name, peers }));
  await giveUntilStopped(torrent, fetching);
}

/** Into a folder that is free or was begun. Resolves when all is there. */
async function addFetched(fetching: Fetching): Promise<Torrent> {
  const { named, folder, place, options } = fetching;
  const beginMs = performance.now();
  const { hash, info } = named;
  const torrent = place.swarm.add({ hash, info, folder, find: place.find });
  const whole = torrent.whenInfo.then(async (found) => {
    if (options.torrent !== undefined) await writeBundleFile(options.torrent, found, { outside: folder });
    await torrent.whenComplete;
    return found;
  });
  const found = await watched(torrent, whole, watchOf(fetching));
  const { totalBytes, movedBytes, sentBytes } = torrent.progress;
  const seconds = (performance.now() - beginMs) / 1000;
  console.log(
    `${folder}: ${filesText(found)}, ${bytesText(totalBytes)}, all verified, in ${seconds.toFixed(1)} s; ${bytesText(movedBytes)} received, ${bytesText(sentBytes)} sent.`,
  );
  return torrent;
}

/** In a folder with files: exactly these, or it is in the way. */
async function addFound(fetching: Fetching): Promise<Torrent> {
  const { named, folder, place, options } = fetching;
  const info = named.info ?? (await infoOnly(fetching));
  const progress = showProgress('bytes');
  let difference: string | null;
  try {
    difference = await differenceOf(folder, info, (done, total) =>
      progress.update({
        done,
        total,
        doing: 'looking at what is there',
        said: `${bytesText(done)} of ${bytesText(total)}`,
      }),
    );
  } finally {
    progress.end();
  }
  if (difference !== null)
    throw new CommandFault(
      `${folder} is in the way: ${difference}. Nothing was written. Name a new folder, or empty this one.`,
    );
  if (options.torrent !== undefined) await writeBundleFile(options.torrent, info, { outside: folder });
  console.log(`${folder}: ${filesText(info)}, all there already and verified.`);
  return place.swarm.add({ hash: info.hash, info, folder, isWhole: true, find: place.find });
}

/** Asks peers what is in it; whatever they send beside goes. */
async function infoOnly(fetching: Fetching): Promise<TorrentInfo> {
  const { named, folder, place } = fetching;
  const aside = `${folder}.asking-${process.pid}`;
  const torrent = place.swarm.add({ hash: named.hash, info: null, folder: aside, find: place.find });
  try {
    return await watched(torrent, torrent.whenInfo, watchOf(fetching));
  } finally {
    await torrent.remove();
    await rm(aside, { recursive: true, force: true });
    await rm(keptPath(aside), { force: true });
  }
}

function watchOf({ stop, options, named }: Fetching): Parameters<typeof watched>[2] {
  return { stop, waitMs: options.wait * 1000, peers: named.peers };
}

function filesText({ files }: TorrentInfo): string {
  const most = files.filter(({ isPad }) => !isPad).length;
  return most === 1 ? '1 file' : `${count(most)} files`;
}
