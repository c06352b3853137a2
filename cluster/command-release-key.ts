// `murmuration release key new|show` and `release rotate`: the key that says which code runs. Apart from the cluster's own keys.
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { withCluster } from './command-cluster.ts';
import { CommandFault } from './command-fault.ts';
import { dataOption, folderText, readOptions, usageFault } from './command-options.ts';
import { KeyFileError } from './key-file.ts';
import {
  createReleaseKey,
  keyText,
  readKeyText,
  readReleaseKey,
  rotateReleaseKey,
  usualKeyPath,
} from './release-key.ts';

const pathText = z.string().min(1, 'must name a file');

export function keyOption(flags = '--key <FILE>'): Option {
  return new Option(flags, 'the file with the release key')
    .env('MURMURATION_RELEASE_KEY')
    .default(usualKeyPath());
}

const keyOptions = z.object({ key: pathText });

export function keyPathOf(command: Command): string {
  return resolve(readOptions(command, keyOptions).key);
}

export function releaseKeyCommand(): Command {
  return new Command('key')
    .description('the release key: who has it decides which code runs')
    .addCommand(newCommand())
    .addCommand(showCommand());
}

function newCommand(): Command {
  const command = new Command('new')
    .description('make a release key in a file of its own; never over one that is there')
    .addOption(keyOption('--out <FILE>'));
  return command.action(async () => {
    const path = resolve(readOptions(command, z.object({ out: pathText })).out);
    const key = await explained(() => createReleaseKey(path));
    console.log(keyText(key.publicKey));
    console.error(
      `${path} holds the key: keep it, and a copy of it, where the servers are not. The line above is its public half.`,
    );
  });
}

function showCommand(): Command {
  const command = new Command('show')
    .description('the public half of the release key, and which keys it comes after')
    .addOption(keyOption());
  return command.action(async () => {
    const path = keyPathOf(command);
    const key = await explained(() => readReleaseKey(path));
    console.log(keyText(key.publicKey));
    for (const { from } of [...key.handovers].reverse()) console.error(`after ${keyText(from)}`);
  });
}

export function rotateCommand(): Command {
  const command = new Command('rotate')
    .description(
      'make another release key and let the present one say that it comes next: for when somebody may have seen that',
    )
    .addOption(keyOption());
  return command.action(async () => {
    const path = keyPathOf(command);
    const { key, formerPath } = await explained(() => rotateReleaseKey(path));
    console.log(keyText(key.publicKey));
    console.error(
      `${path} holds another key. Deploy something with it: from then on nothing trusts the former one, which is in ${formerPath}.`,
    );
  });
}

const trustOptions = z.object({ data: folderText });

export function trustCommand(): Command {
  const command = new Command('trust')
    .description(
      'let the cluster run what this key signs, or a key that it hands over to; for the machine that keeps the cluster',
    )
    .argument('<PUBLIC>', 'the public release key: 64 hexadecimal digits, see "release key show"')
    .addOption(dataOption());
  return command.action(async (given: string) => {
    const key = readKeyText(given);
    if (key === null) throw usageFault(command, 'the key must be 64 hexadecimal digits');
    const { data } = readOptions(command, trustOptions);
    await withCluster(data, 'release-trust', (cluster) =>
      cluster.ask({ do: 'trustRelease', key: keyText(key) }, z.unknown()),
    );
    console.log('The cluster runs what that key signs.');
  });
}

/** A `KeyFileError` as a line for whoever typed the command. */
export async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof KeyFileError)) throw error;
    const hint = error.reason === 'absent' ? ' (make one with "murmuration release key new")' : '';
    throw new CommandFault(`${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}${hint}.`, {
      cause: error,
    });
  }
}
