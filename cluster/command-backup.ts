// `murmuration backup`: a copy of the store as of one moment, made by the core while it serves.
import { resolve } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { existingDataFolder } from './agent-data-folder.ts';
import { withCore } from './command-core.ts';
import { CommandFault } from './command-fault.ts';
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
