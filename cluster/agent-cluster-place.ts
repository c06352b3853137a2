// A machine's place in its cluster, when a server starts: settled, a port found, the DHT open, let in by the others.
import { join } from 'node:path';
import { type AgentCluster, createAgentCluster } from './agent-cluster.ts';
import { clusterPort, dhtAddressesOf, dhtHostOf } from './agent-cluster-port.ts';
import { settleCluster } from './agent-cluster-settling.ts';
import { type AgentDht, DhtError, openDht } from './agent-dht.ts';
import { isAlive } from './agent-process.ts';
import { readAgentRecord } from './agent-record.ts';
import { type ClusterFile, manifestIn, writeClusterFile } from './cluster-file.ts';
import type { DhtAddress } from './dht-address.ts';
import type { DhtDoorOptions } from './dht-door.ts';
import type { Role } from './manifest.ts';
import { openReleaseHeld, type ReleaseHeld } from './mesh-release.ts';
import { releaseVersion } from './release-version.ts';
import type { WireLog } from './wire-meter.ts';

export interface PlaceWanted {
  data: string;
  release: string;
  name: string;
  machine: string;
  /** Of the gateways: the cluster's follow from them. */
  host: string;
  port: number;
  join?: string | undefined;
  roles?: Role[] | undefined;
  clusterHost?: string | undefined;
  clusterPort?: number | undefined;
  capacity?: number | undefined;
  /** Whether standard BitTorrent clients find the releases that are here. */
  swarmDoor?: boolean | undefined;
  /** With a door: nodes of the open DHT to begin with. */
  dhtEntry?: readonly DhtAddress[] | undefined;
  log: WireLog;
}

export interface ClusterPlace {
  node: number;
  roles: Role[];
  host: string;
  port: number;
  /** It is the port that anybody would expect. */
  isUsual: boolean;
  cluster: AgentCluster;
  /** Null: this machine's addresses are no use to a DHT. */
  dht: AgentDht | null;
  releaseHeld: ReleaseHeld;
}

const joinWithinMs = 30_000;
/** The core keeps its own: two writers of one file would lose what the other wrote. */
const agentReleaseFileName = 'agent-release.json';

/** Throws a `CommandFault` when the machine cannot be where it is asked to be. */
export async function openClusterPlace(wanted: PlaceWanted): Promise<ClusterPlace> {
  const { data, name, machine, log } = wanted;
  const settled = await settleCluster({
    data,
    name,
    machine,
    join: wanted.join ?? null,
    roles: wanted.roles ?? null,
    weight: wanted.capacity ?? null,
    nowMs: Date.now(),
  });
  const host = wanted.clusterHost ?? wanted.host;
  const next = wanted.port === 0 ? [] : [wanted.port + 1];
  const last = settled.file.port === null ? [] : [settled.file.port];
  const asked = wanted.clusterPort ?? null;
  const port = await clusterPort({ host, asked, usual: [...last, ...next], isHeld: heldBy(data) });
  const file = { ...settled.file, port };
  await writeClusterFile(data, file);
  const isUsual = asked === port || next.includes(port) || (asked === null && next.length === 0);
  const known: { cluster: AgentCluster | null } = { cluster: null };
  const releaseHeld = await openReleaseHeld({
    path: join(data, agentReleaseFileName),
    releaseKey: () => known.cluster?.manifest?.manifest.releaseKey ?? null,
    log,
  });
  const door = wanted.swarmDoor === true ? { entries: await dhtAddressesOf(wanted.dhtEntry ?? []) } : null;
  const dht = await dhtOf({ ...settled, file }, { host, port, door, log });
  const cluster = createAgentCluster({
    data,
    identity: settled.identity,
    file,
    name,
    version: await releaseVersion(wanted.release),
    dht,
    release: releaseHeld,
    core: settled.roles.includes('core') ? { host: nearHost(host), port } : null,
    log,
  });
  known.cluster = cluster;
  try {
    await cluster.join(joinWithinMs);
  } catch (error) {
    await cluster.close();
    throw error;
  }
  return {
    node: settled.identity.number,
    roles: settled.roles,
    host,
    port,
    isUsual,
    cluster,
    dht,
    releaseHeld,
  };
}

/** What a core that an agent has left behind goes on with. */
function heldBy(data: string): (port: number) => boolean {
  const record = readAgentRecord(data);
  const core = record?.children.find(({ role }) => role === 'core');
  const port = core !== undefined && isAlive(core) ? (record?.clusterPort ?? null) : null;
  return (one) => one === port;
}

async function dhtOf(
  { file }: { file: ClusterFile },
  { host, port, door, log }: { host: string; port: number; door: DhtDoorOptions | null; log: WireLog },
): Promise<AgentDht | null> {
  const address = await dhtHostOf(host);
  if (address === null) {
    log.warn({ host }, 'no IPv4 address: this node finds others by their links only');
    return null;
  }
  const keys = manifestIn(file)?.manifest.dhtKeys ?? [Buffer.from(file.dhtKey ?? '', 'hex')];
  const options = {
    host: address,
    keys,
    clusterId: Buffer.from(file.cluster, 'hex'),
    contacts: file.contacts,
    ...(door === null ? {} : { door }),
    log,
  };
  try {
    return await openDht({ ...options, port });
  } catch (error) {
    if (!(error instanceof DhtError)) throw error;
    // The core of an agent that died has the number, and somebody else its UDP half: any other will do.
    log.warn({ port, error: error.message }, 'the DHT takes another port');
    return await openDht(options);
  }
}

/** Where this machine itself reaches what listens there. */
function nearHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}
