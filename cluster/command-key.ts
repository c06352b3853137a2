// `murmuration key rotate|retire`: the key that seals the DHT's packets. Two are valid during the change.
import { Command } from 'commander';
import { z } from 'zod';
import { withCluster } from './command-cluster.ts';
import { dataOption, folderText, readOptions } from './command-options.ts';

const keyOptions = z.object({ data: folderText });

export function keyCommand(): Command {
  return new Command('key')
    .description('the key of the DHT, by which machines find each other')
    .addCommand(
      keyStep('rotate', 'rotateKey', 'make a new key; the former one goes on beside it', [
        'A new key is in use, the former one still valid. When all machines have been up since, end it with "murmuration key retire".',
      ]),
    )
    .addCommand(
      keyStep(
        'retire',
        'retireKey',
        'end the former key; who was away during the change comes back by its links',
        ['The former key is valid no more.'],
      ),
    );
}

function keyStep(
  name: string,
  step: 'rotateKey' | 'retireKey',
  description: string,
  said: string[],
): Command {
  const command = new Command(name).description(description).addOption(dataOption());
  return command.action(async () => {
    const { data } = readOptions(command, keyOptions);
    await withCluster(data, `key-${name}`, (cluster) => cluster.ask({ do: step }, z.unknown()));
    for (const line of said) console.log(line);
  });
}
