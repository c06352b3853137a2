// `murmuration backup` and `murmuration restore`: a copy of the store as of one moment, and a data folder made from it.
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { BackupError, restoreStore } from '../runtime/store-backup.ts';
import { existingDataFolder } from './agent-data-folder.ts';
import { withCore } from './command-core.ts';
import { CommandFault, errorCode } from './command-fault.ts';
import { dataOption, folderText, option, readOptions } from './command-options.ts';
import { count } from './command-progress.ts';

const backupOptions = z.object({ data: folderText, release: folderText.optional() });

export function backupCommand(): Command {
  const command = new Command('backup')
    .description(
      'copy the store, as of one moment, into a folder that does not exist yet; the server goes on',
    )
    .argument('<DIR>', 'the folder to make')
    .addOption(dataOption())
    .addOption(option('--release <DIR>', 'without a running server, use this built release'));
  return command.action(async (given: string) => {
    const options = readOptions(command, backupOptions);
    const data = existingDataFolder(options.data);
    const folder = resolve(given);
    await withCore({ data, command: 'backup', release: options.release }, async (core) => {
      const answer = await core.call('backup', { folder });
      if (!answer.ok) throw new CommandFault(`There is no backup: ${answer.rejection.message}.`);
      const { bytes, position } = answer.value;
      console.log(
        `${folder}: ${count(bytes)} bytes, all that was acknowledged up to log position ${count(position)}.`,
      );
    });
  });
}

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
