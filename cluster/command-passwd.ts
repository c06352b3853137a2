// `murmuration passwd`: gives an account a password, for imported ones and for people who have lost theirs.
import { Command } from 'commander';
import { z } from 'zod';
import { existingDataFolder } from './agent-data-folder.ts';
import { withCore } from './command-core.ts';
import { CommandFault } from './command-fault.ts';
import { dataOption, folderText, option, readOptions } from './command-options.ts';

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
    const password = process.stdin.isTTY ? await typed(handle) : await firstLine();
    if (password === '') throw new CommandFault('No password was given: nothing is changed.');
    await withCore({ data, command: 'passwd', release }, async (core) => {
      const answer = await core.call('setPassword', { handle, password });
      if (!answer.ok) throw new CommandFault(`The password is not set: ${answer.rejection.message}.`);
    });
    console.log(`${handle} can log in with the new password; all earlier tokens are revoked.`);
  });
}

const mostCharacters = 1_000;

async function firstLine(): Promise<string> {
  let read = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    read += chunk;
    if (read.includes('\n') || read.length > mostCharacters) break;
  }
  return bounded(read.split(/\r?\n/, 1)[0] ?? '');
}

/** Twice, without showing it. */
async function typed(handle: string): Promise<string> {
  const first = bounded(await hidden(`New password for ${handle}: `));
  if (first !== (await hidden('Once more: '))) {
    throw new CommandFault('The two passwords differ: nothing is changed.');
  }
  return first;
}

function bounded(password: string): string {
  if (password.length <= mostCharacters) return password;
  throw new CommandFault(`A password has at most ${mostCharacters} characters: nothing is changed.`);
}

function hidden(prompt: string): Promise<string> {
  const { stdin } = process;
  // Silent first: what is typed as soon as the question stands there must not be shown.
  stdin.setRawMode(true);
  process.stderr.write(prompt);
  stdin.setEncoding('utf8');
  stdin.resume();
  return new Promise((resolve, reject) => {
    let line = '';
    const end = (): void => {
      stdin.off('data', take);
      stdin.setRawMode(false);
      stdin.pause();
      process.stderr.write('\n');
    };
    const take = (chunk: string): void => {
      for (const key of chunk) {
        switch (key) {
          case '\r':
          case '\n':
            end();
            resolve(line);
            return;
          case '\u0003':
          case '\u0004':
            end();
            reject(new CommandFault('Nothing is changed.'));
            return;
          case '\u007f':
          case '\b':
            line = [...line].slice(0, -1).join('');
            break;
          default:
            line += key;
        }
      }
    };
    stdin.on('data', take);
  });
}
