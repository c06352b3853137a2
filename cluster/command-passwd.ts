// `murmuration passwd`: gives an account a password, for imported ones and for people who have lost theirs.
import { Command } from 'commander';
import { z } from 'zod';
import { existingDataFolder } from './agent-data-folder.ts';
import { withCores } from './command-cores.ts';
import { CommandFault } from './command-fault.ts';
import { dataOption, folderText, option, readOptions } from './command-options.ts';
import { askSecret } from './command-secret.ts';

const passwdOptions = z.object({
  data: folderText,
  handle: z.string('must be given').min(1).max(30),
  release: folderText.optional(),
});

export function passwdCommand(): Command {
  const command = new Command('passwd')
    .description('set the password of an account, typed or read from standard input')
    .addOption(dataOption())
    .addOption(option('--handle <HANDLE>', 'whose password').makeOptionMandatory())
    .addOption(option('--release <DIR>', 'without a running server, use this built release'));
  return command.action(async () => {
    const { data: given, handle, release } = readOptions(command, passwdOptions);
    const data = existingDataFolder(given);
    const password = await askSecret({ name: `New password for ${handle}`, variable: null, twice: true });
    if (password === '') throw new CommandFault('No password was given: nothing is changed.');
    await withCores({ data, command: 'passwd', release }, async (core) => {
      const answer = await core.call('setPassword', { handle, password });
      if (!answer.ok) throw new CommandFault(`The password is not set: ${answer.rejection.message}.`);
    });
    console.log(`${handle} can log in with the new password; all earlier tokens are revoked.`);
  });
}
