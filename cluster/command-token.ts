// `murmuration token`: access tokens for tests and load tools, one or many.
import { Command } from 'commander';
import { z } from 'zod';
import { existingDataFolder } from './agent-data-folder.ts';
import { withCores } from './command-cores.ts';
import { CommandFault } from './command-fault.ts';
import { dataOption, folderText, option, readOptions, usageFault } from './command-options.ts';
import type { CoreClient } from './core-client.ts';
import { readLines } from './import-file.ts';

const tokenOptions = z.object({
  data: folderText,
  handle: z.string().min(1).max(30).optional(),
  handles: z.string().min(1).optional(),
  scopes: z.string().regex(/^[a-z:_ ]{1,500}$/, 'must be scopes with spaces between them'),
  release: folderText.optional(),
});

export function tokenCommand(): Command {
  const command = new Command('token')
    .description('print an access token for an account; with --handles, one a line for each handle in a file')
    .addOption(dataOption())
    .addOption(option('--handle <HANDLE>', 'whose token'))
    .addOption(option('--handles <FILE>', 'a file with a handle a line'))
    .addOption(option('--scopes <SCOPES>', 'what it may be used for', 'read write follow push'))
    .addOption(option('--release <DIR>', 'without a running server, use this built release'));
  return command.action(async () => {
    const options = readOptions(command, tokenOptions);
    if ((options.handle === undefined) === (options.handles === undefined)) {
      throw usageFault(command, 'give either --handle HANDLE or --handles FILE');
    }
    const handles = options.handle !== undefined ? [options.handle] : await handlesIn(options.handles ?? '');
    const data = existingDataFolder(options.data);
    await withCores({ data, command: 'token', release: options.release }, async (core) => {
      for await (const token of tokensOf(core, handles, options.scopes)) process.stdout.write(`${token}\n`);
    });
  });
}

const mostHandles = 1_000_000;

async function handlesIn(file: string): Promise<string[]> {
  const handles: string[] = [];
  for await (const line of readLines(file)) {
    const handle = line.trim().replace(/^@/, '');
    if (handle !== '') handles.push(handle);
    if (handles.length > mostHandles)
      throw new CommandFault(`${file} holds more than ${mostHandles} handles.`);
  }
  return handles;
}

/** Asked for at once; printed in the order of the handles. */
const batchSize = 256;

async function* tokensOf(
  core: Pick<CoreClient, 'call'>,
  handles: string[],
  scopes: string,
): AsyncGenerator<string> {
  for (let at = 0; at < handles.length; at += batchSize) {
    const batch = handles.slice(at, at + batchSize);
    yield* await Promise.all(batch.map((handle) => issue(core, handle, scopes)));
  }
}

async function issue(core: Pick<CoreClient, 'call'>, handle: string, scopes: string): Promise<string> {
  const answer = await core.call('issueToken', { handle, scopes });
  if (answer.ok) return answer.value.token;
  if (answer.rejection.code === 'not-found') {
    throw new CommandFault(
      `There is no account ${handle}: sign up in the page, or bring accounts in with "murmuration import".`,
    );
  }
  throw new CommandFault(`No token for ${handle}: ${answer.rejection.message}.`);
}
