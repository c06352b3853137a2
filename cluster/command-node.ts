// `murmuration node revoke`: throws a machine out of the cluster, for good.
import { Command } from 'commander';
import { z } from 'zod';
import { withCluster } from './command-cluster.ts';
import { dataOption, folderText, readOptions } from './command-options.ts';

const nodeOptions = z.object({ data: folderText });

export function nodeCommand(): Command {
  return new Command('node').description('the machines of the cluster').addCommand(revokeCommand());
}

function revokeCommand(): Command {
  const command = new Command('revoke')
    .description(
      'throw a machine out: its key counts nowhere any more. What it owned stays with the others; take its core out with "ring remove", then change the key of the DHT, which it knows',
    )
    .argument('<NODE>', 'its name or number, as "murmuration status" shows it')
    .addOption(dataOption());
  return command.action(async (node: string) => {
    const { data } = readOptions(command, nodeOptions);
    const { epoch } = await withCluster(data, 'node-revoke', (cluster) =>
      cluster.ask({ do: 'revoke', node }, z.object({ epoch: z.number() })),
    );
    console.log(`${node} is no member any more (epoch ${epoch}).`);
    console.log('It knows the key of the DHT: change that with "murmuration key rotate" and "key retire".');
  });
}
