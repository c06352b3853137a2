// `murmuration keeper export|import`: the key that signs for the cluster, carried to a drawer or to another machine.
import { open, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { existingDataFolder } from './agent-data-folder.ts';
import { manifestIn, readClusterFile } from './cluster-file.ts';
import { withCluster } from './command-cluster.ts';
import { CommandFault, errorCode } from './command-fault.ts';
import { dataOption, folderText, readOptions } from './command-options.ts';
import { askSecret } from './command-secret.ts';
import { keeperKeyFileName, readKeeper, saveKeeper } from './keeper.ts';
import { exportKeeper, importKeeper, KeeperExportError } from './keeper-export.ts';
import { KeyFileError } from './key-file.ts';
import { sameBytes } from './packed.ts';

const keeperOptions = z.object({ data: folderText });
const passphraseVariable = 'MURMURATION_PASSPHRASE';

export function keeperCommand(): Command {
  return new Command('keeper')
    .description('the key that signs for the cluster: invites, admissions, changes of the ring')
    .addCommand(exportCommand())
    .addCommand(importCommand())
    .addCommand(rotateCommand());
}

function rotateCommand(): Command {
  const command = new Command('rotate')
    .description(
      'make a new key in place of the present one, on the machine that has it: for when somebody may have seen that',
    )
    .addOption(dataOption());
  return command.action(async () => {
    const { data } = readOptions(command, keeperOptions);
    await withCluster(data, 'keeper-rotate', (cluster) => cluster.ask({ do: 'rotateKeeper' }, z.unknown()));
    console.log(
      'Another key signs from now on. What "keeper export" made before is worth nothing: make it anew.',
    );
  });
}

function exportCommand(): Command {
  const command = new Command('export')
    .description(
      `write the key into a file, sealed with a passphrase (asked for, or from ${passphraseVariable})`,
    )
    .argument('<FILE>', 'the file to make')
    .addOption(dataOption());
  return command.action(async (given: string) => {
    const data = existingDataFolder(readOptions(command, keeperOptions).data);
    await explained(async () => {
      const keeper = await readKeeper(data);
      if (keeper === null)
        throw new CommandFault(
          `${data} does not have the keeper’s key: "murmuration status" says which machine has.`,
        );
      const passphrase = await askSecret({ name: 'Passphrase', variable: passphraseVariable, twice: true });
      const path = resolve(given);
      await writeNew(path, await exportKeeper(keeper, passphrase));
      console.log(
        `${path} holds the keeper’s key. Whoever has it and the passphrase decides who is in the cluster.`,
      );
    });
  });
}

function importCommand(): Command {
  const command = new Command('import')
    .description(
      'bring the key to this machine, which is in the cluster: it signs from now on. Use it when the machine that had it is lost, or take it away there (remove DATA/keeper.key): two must not sign at once',
    )
    .argument('<FILE>', 'what "keeper export" made')
    .addOption(dataOption());
  return command.action(async (given: string) => {
    const data = existingDataFolder(readOptions(command, keeperOptions).data);
    await explained(async () => {
      const text = await readText(resolve(given));
      const file = await readClusterFile(data);
      if (file === null)
        throw new CommandFault(`${data} is in no cluster yet: join first, then bring the key.`);
      const passphrase = await askSecret({ name: 'Passphrase', variable: passphraseVariable, twice: false });
      const keeper = await importKeeper(text, passphrase);
      if (Buffer.from(keeper.cluster).toString('hex') !== file.cluster)
        throw new CommandFault('That key is another cluster’s: nothing is changed.');
      const named = manifestIn(file)?.manifest.keeper;
      if (named !== undefined && !sameBytes(named, keeper.publicKey))
        throw new CommandFault('That key signs no more: "keeper rotate" has put another in its place.');
      await saveKeeper(data, keeper);
      console.log(`${join(data, keeperKeyFileName)} is made: this machine signs for the cluster.`);
    });
  });
}

async function explained(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof KeeperExportError) && !(error instanceof KeyFileError)) throw error;
    throw new CommandFault(`${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}.`, {
      cause: error,
    });
  }
}

/** Never over another file, and for its owner only. */
async function writeNew(path: string, text: string): Promise<void> {
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    } finally {
      await file.close();
    }
  } catch (error) {
    const why =
      errorCode(error) === 'EEXIST'
        ? 'is there already: name another file'
        : `cannot be written (${errorCode(error)})`;
    throw new CommandFault(`${path} ${why}.`, { cause: error });
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const why =
      errorCode(error) === 'ENOENT'
        ? `There is no file ${path}.`
        : `${path} cannot be read (${errorCode(error)}).`;
    throw new CommandFault(why, { cause: error });
  }
}
