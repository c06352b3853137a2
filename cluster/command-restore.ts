// `murmuration restore`: a data folder made from a backup.
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { BackupError, restoreStore } from '../runtime/store-backup.ts';
import { CommandFault, errorCode } from './command-fault.ts';
import { dataOption, folderText, readOptions } from './command-options.ts';
import { count } from './command-progress.ts';

const restoreOptions = z.object({ data: folderText });

export function restoreCommand(): Command {
  const command = new Command('restore')
    .description('make a data folder from a backup; the folder must be empty or absent')
    .argument('<DIR>', 'the backup')
    .addOption(dataOption());
  return command.action(async (given: string) => {
    const to = resolve(readOptions(command, restoreOptions).data);
    assertUnused(to);
    try {
      const { bytes, position } = await restoreStore(resolve(given), join(to, storeFolder));
      console.log(`${to}: ${count(bytes)} bytes, up to log position ${count(position)}.`);
      console.log(`Start the server on it with: npm start -- --data ${to}`);
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      throw new CommandFault(`Nothing is restored: ${error.message}.`, { cause: error });
    }
  });
}

/** Where in a data folder the core keeps its store. */
const storeFolder = 'store';

function assertUnused(data: string): void {
  let found: string[];
  try {
    found = readdirSync(data);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw new CommandFault(`${data} cannot be used: ${String(error)}.`, { cause: error });
  }
  if (found.length === 0) return;
  throw new CommandFault(
    `${data} is not empty: name a folder that does not exist yet with --data DIR. What is there is left as it is.`,
  );
}
