// What a gateway knows of its cluster before any core tells it: its own node, and the cores that DATA/cluster.json and the manifest in it name.
// Watches the file: the agent replaces it.
import { join } from 'node:path';
import {
  type ClusterFile,
  ClusterFileError,
  clusterFileName,
  manifestIn,
  readClusterFile,
} from './cluster-file.ts';
import { KeyFileError } from './key-file.ts';
import { type LinkClock, machineClock } from './link-clock.ts';
import { linkFileName, linkFileVersion } from './link-file.ts';
import type { LinkLog } from './link-log.ts';
import type { CoreList } from './link-messages.ts';
import { linkKeyOf } from './link-proof.ts';
import { type NodeIdentity, readNodeIdentity } from './node-identity.ts';
import type { RoutingOptions } from './routing-client.ts';

export interface RoutingPlaces extends Pick<RoutingOptions, 'own' | 'identity'> {
  /** Null: nothing is known but what may run here. */
  list: CoreList | null;
}

/** In a folder without a node key: a core that runs there is alone. */
const lonelyNode = 1;
const lookMs = 1000;

/** Rejects with a `KeyFileError` or a `ClusterFileError` when a file is there and cannot be used. */
export async function readPlaces(data: string): Promise<RoutingPlaces> {
  const node = await nodeIn(data);
  const file = await readClusterFile(data);
  const own = { linkFile: join(data, linkFileName), node: node?.number ?? lonelyNode };
  if (node === null || file === null) return { own, identity: null, list: null };
  const { key, cert } = node.tls;
  const identity = { tls: { key, cert }, linkKey: linkKeyOf(Buffer.from(file.cluster, 'hex')) };
  return { own, identity, list: listIn(file) };
}

/** Gives each list that another cluster.json brings. Gives back what ends that. */
export function watchPlaces(
  data: string,
  told: (list: CoreList) => void,
  { log, clock = machineClock }: { log: LinkLog; clock?: LinkClock },
): () => void {
  const path = join(data, clusterFileName);
  let known: string | null = null;
  async function look(): Promise<void> {
    const version = await linkFileVersion(path);
    if (version === known || version === '') return;
    known = version;
    try {
      const file = await readClusterFile(data);
      const list = file === null ? null : listIn(file);
      if (list !== null) told(list);
    } catch (error) {
      if (!(error instanceof ClusterFileError)) throw error;
      log.warn({ error: error.message }, 'cluster.json cannot be used: the cores are those known before');
    }
  }
  return clock.every(lookMs, () => void look());
}

/** The manifest says who they are, the file beside it where they were last. */
function listIn(file: ClusterFile): CoreList | null {
  const verified = manifestIn(file);
  if (verified === null) return null;
  const { epoch, members } = verified.manifest;
  return {
    epoch,
    cores: members
      .filter(({ roles }) => roles.includes('core'))
      .map(({ node, key }) => ({
        node,
        publicKey: key,
        addresses: file.cores.flatMap((core) =>
          core.node === node ? [{ host: core.host, port: core.port }] : [],
        ),
      })),
  };
}

async function nodeIn(data: string): Promise<NodeIdentity | null> {
  try {
    return await readNodeIdentity(data);
  } catch (error) {
    if (error instanceof KeyFileError && error.reason === 'absent') return null;
    throw error;
  }
}
