// Commands to the cluster, from the command line: by the machine's own core, or, on a machine without one, by a wire to any core.
import type { z } from 'zod';
import { existingDataFolder } from './agent-data-folder.ts';
import { isAlive } from './agent-process.ts';
import { readAgentRecord } from './agent-record.ts';
import { readClusterFile } from './cluster-file.ts';
import { withRunningCore } from './command-core.ts';
import { CommandFault, faultOf } from './command-fault.ts';
import { askByWire } from './command-wire.ts';
import type { MeshCommand } from './mesh-commands.ts';

/** Asks one thing after the other. Each throws a `CommandFault` with what the cluster says when it refuses; `Unanswered` when nobody answers. */
export interface ClusterAsker {
  ask<T>(command: MeshCommand, answer: z.ZodType<T>): Promise<T>;
}

/** Throws a `CommandFault` when no server runs on this folder, or when it does not answer. */
export async function withCluster<T>(
  given: string,
  name: string,
  work: (cluster: ClusterAsker) => Promise<T>,
): Promise<T> {
  const data = existingDataFolder(given);
  const record = readAgentRecord(data);
  const children = (record?.children ?? []).filter(isAlive);
  if (record === null || (children.length === 0 && !isAlive(record)))
    throw new CommandFault(`No server runs on ${data}: start one with "murmuration start --data ${data}".`);
  const hasCore = record.clusterPort !== null || children.some(({ role }) => role === 'core');
  if (!hasCore) {
    const file = await readClusterFile(data);
    if (file === null) throw new CommandFault(`${data} is in no cluster.`);
    return await askByWire(data, file, (command) => work(asker(command)));
  }
  return await withRunningCore({ data, command: name, release: undefined }, (core) =>
    work(
      asker(async (command) => {
        const answer = await core.call('cluster', { command });
        if (!answer.ok) throw faultOf(answer.rejection);
        return answer.value.json;
      }),
    ),
  );
}

function asker(command: (json: string) => Promise<string>): ClusterAsker {
  return {
    async ask(asked, answer) {
      const json: unknown = JSON.parse(await command(JSON.stringify(asked)));
      const read = answer.safeParse(json);
      if (read.success) return read.data;
      throw new CommandFault(
        'The server is of another version than this command: its answer is not understood.',
      );
    },
  };
}
