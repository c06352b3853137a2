// `murmuration ring show|add|remove|abort`: which cores own what, and changes of that, watched until they are final.
import { Command } from 'commander';
import { z } from 'zod';
import { type ClusterAsker, withCluster } from './command-cluster.ts';
import { CommandFault } from './command-fault.ts';
import { dataOption, folderText, option, readOptions } from './command-options.ts';
import { count, showProgress } from './command-progress.ts';
import { drawRing, type RingShown, ringShown } from './command-ring-drawing.ts';

const ringOptions = z.object({ data: folderText, json: z.boolean().optional() });
const epochAnswer = z.object({ epoch: z.number() });

export function ringCommand(): Command {
  return new Command('ring')
    .description('which cores own which accounts, and changes of that')
    .addCommand(showCommand())
    .addCommand(
      changeCommand(
        'add',
        'ringAdd',
        'give a core its share; it copies that from the others, and this watches it',
      ),
    )
    .addCommand(
      changeCommand(
        'remove',
        'ringRemove',
        'take a core’s share over by the others; it can leave when this is done',
      ),
    )
    .addCommand(abortCommand());
}

function showCommand(): Command {
  const command = new Command('show')
    .description('draw owners, servers and terms')
    .addOption(dataOption())
    .addOption(option('--json', 'as JSON'));
  return command.action(async () => {
    const { data, json } = readOptions(command, ringOptions);
    const ring = await withCluster(data, 'ring-show', show);
    console.log(json === true ? JSON.stringify(ring) : drawRing(ring));
  });
}

function changeCommand(name: string, what: 'ringAdd' | 'ringRemove', description: string): Command {
  const command = new Command(name)
    .description(description)
    .argument('<NODE>', 'its name or number, as "murmuration status" shows it')
    .addOption(dataOption());
  return command.action(async (node: string) => {
    const { data } = readOptions(command, ringOptions);
    await withCluster(data, `ring-${name}`, async (cluster) => {
      const { epoch } = await cluster.ask({ do: what, node }, epochAnswer);
      await watch(cluster, epoch);
    });
  });
}

function abortCommand(): Command {
  const command = new Command('abort')
    .description('call the change of the ring off: it is as it was before')
    .addOption(dataOption());
  return command.action(async () => {
    const { data } = readOptions(command, ringOptions);
    const { epoch } = await withCluster(data, 'ring-abort', (cluster) =>
      cluster.ask({ do: 'ringAbort' }, epochAnswer),
    );
    console.log(`The change is called off (epoch ${epoch}).`);
  });
}

const lookMs = 500;

function show(cluster: ClusterAsker): Promise<RingShown> {
  return cluster.ask({ do: 'ringShow' }, ringShown);
}

/** Ctrl-C ends the watching, not the change. */
async function watch(cluster: ClusterAsker, begunEpoch: number): Promise<void> {
  const progress = showProgress('partitions');
  let most = 1;
  console.error('The change is under way, and goes on when this command is stopped.');
  for (;;) {
    const ring = await show(cluster);
    // This core may hear of it a moment later than the keeper.
    if (ring.epoch > begunEpoch && ring.next === null) {
      progress.update({ done: most, total: most, doing: 'done' });
      progress.end();
      console.log(outcome(ring));
      return;
    }
    const unheld = ring.change?.kind === 'waits' ? ring.change.unheld : 0;
    most = Math.max(most, unheld);
    progress.update({ done: most - unheld, total: most, doing: doing(ring) });
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}

function doing({ change, names }: RingShown): string {
  if (change?.kind !== 'waits') return 'waiting for old leases to end';
  return `copying (waits for ${change.for.map((node) => names[String(node)] ?? String(node)).join(', ')})`;
}

function outcome({ epoch, cores, names }: RingShown): string {
  if (cores.length === 0) throw new CommandFault('The ring is empty: something is very wrong.');
  const list = cores.map((node) => names[String(node)] ?? String(node)).join(', ');
  return `The ring is ${list} now (${count(cores.length)} ${cores.length === 1 ? 'core' : 'cores'}, epoch ${epoch}).`;
}
