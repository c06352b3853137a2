// A release folder that somebody named at a command: read whole, while a bar shows how far that is.
import { resolve } from 'node:path';
import { CommandFault, errorCode } from './command-fault.ts';
import { showProgress } from './command-progress.ts';
import { type ReleaseFolder, readReleaseFolder } from './release-folder.ts';
import { TorrentError } from './torrent-error.ts';

/** Throws a `CommandFault` for everything that is no whole release. */
export async function wholeRelease(given: string): Promise<ReleaseFolder> {
  const folder = resolve(given);
  const shown = showProgress('bytes');
  try {
    const read = await readReleaseFolder(folder, (done, total) =>
      shown.update({ done, total, doing: 'reading' }),
    );
    if (read.ok) return read.value;
    throw new CommandFault(`${folder} is no whole release: ${read.reason}.`);
  } catch (error) {
    if (error instanceof TorrentError)
      throw new CommandFault(`${folder} cannot become a torrent: ${error.message}.`, { cause: error });
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(errorCode(error)))
      throw new CommandFault(`${folder} cannot be read (${errorCode(error)}): is it a release folder?`, {
        cause: error,
      });
    throw error;
  } finally {
    shown.end();
  }
}
