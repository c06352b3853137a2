// All cores of the cluster to talk to, for commands about accounts: each request goes where its account is served. This machine's core alone is
// command-core.ts's.
import { ClusterFileError } from './cluster-file.ts';
import { type CoreWanted, connected, withServer } from './command-core.ts';
import { CommandFault } from './command-fault.ts';
import type { CoreClient } from './core-client.ts';
import { KeyFileError } from './key-file.ts';
import { connectCores } from './routing-client.ts';
import { type RoutingPlaces, readPlaces } from './routing-places.ts';

/**
 * Without a running server, a core of the command's own is one of them. Throws a `CommandFault` when no core answers, when none can be
 * started, and on a machine whose operators no core takes: one without a core.
 */
export async function withCores<T>(
  wanted: CoreWanted,
  work: (cores: Pick<CoreClient, 'call'>) => Promise<T>,
): Promise<T> {
  return await withServer(wanted, async () => {
    const { data, command } = wanted;
    // Not before: a server that has just been started has written what there was not.
    const { own, identity, list } = await placesOf(data);
    return await connected(
      data,
      ({ up, failed }) => {
        const cores = connectCores({
          own,
          identity,
          name: command,
          role: 'operator',
          log: {
            info() {},
            warn(fields) {
              if ('reason' in fields) failed(String(fields.reason));
            },
          },
          events: {
            tick() {},
            changed() {},
            lost() {},
            served() {},
            up,
            down: failed,
            metrics: async () => [],
          },
        });
        // What has changed since the file was written the cores tell.
        if (list !== null) cores.setCores(list);
        return cores;
      },
      work,
    );
  });
}

async function placesOf(data: string): Promise<RoutingPlaces> {
  try {
    const places = await readPlaces(data);
    const { own, list } = places;
    if (list === null || list.cores.some(({ node }) => node === own?.node)) return places;
  } catch (error) {
    if (error instanceof KeyFileError || error instanceof ClusterFileError)
      throw new CommandFault(`${error.message.replace(/\.$/, '')}.`, { cause: error });
    throw error;
  }
  throw new CommandFault(`${data} belongs to a machine without a core: run this on one that has one.`);
}
