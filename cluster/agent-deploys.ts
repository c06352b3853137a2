// Deploys of a running server: the swarm, the store, the engine and the DHT's item, opened together and closed together.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Agent } from './agent.ts';
import type { ClusterPlace } from './agent-cluster-place.ts';
import { Deployer } from './agent-deploy.ts';
import { ReleaseFetching } from './agent-deploy-fetch.ts';
import { PointerItem } from './agent-deploy-item.ts';
import { DeployMachine, type ManifestedRelease, manifested } from './agent-deploy-machine.ts';
import { type DeployState, readDeployState } from './agent-deploy-state.ts';
import { CommandFault, errorCode } from './command-fault.ts';
import { machineClock } from './link-clock.ts';
import { addressesOf } from './mesh-self.ts';
import { manifestFile, releaseLabel } from './release-manifest.ts';
import { readManifest } from './release-manifest-reading.ts';
import { openReleaseStore, type ReleaseStore } from './release-store.ts';
import { openSwarm, type Swarm, type SwarmRates } from './swarm.ts';
import type { SwarmAddress } from './swarm-order.ts';
import type { WireLog } from './wire-meter.ts';

/** What was deployed on this machine, before anything of it runs. */
export interface DeployedBefore {
  store: ReleaseStore;
  state: DeployState;
  /** What is to be started; null: what the checkout is. */
  release: ManifestedRelease | null;
}

export interface DeploysOptions extends DeployedBefore {
  root: string;
  /** What the agent was started with. */
  started: string;
  agent: Agent;
  place: ClusterPlace;
  hasGateways: boolean;
  /** 0: any free one. */
  swarmPort: number;
  rates: SwarmRates;
  drainMs: number;
  log: WireLog;
}

export interface Deploys {
  /** A program of this machine ended by itself. */
  crashed(role: string, timesInMinute: number): void;
  close(): Promise<void>;
}

const lookEveryMs = 30_000;

/** Rejects with the system's error when DATA/releases cannot be used. */
export async function deployedBefore(order: {
  data: string;
  root: string;
  agentVersion: string;
  log: WireLog;
}): Promise<DeployedBefore> {
  const store = await openReleaseStore(order);
  const state = await readDeployState(store.folder, order.log);
  const found = state.runs === null ? null : await store.find(state.runs.id);
  if (state.runs !== null && found === null)
    order.log.error({ release: state.runs }, 'the release that was deployed here is gone: the checkout runs');
  const release = found === null ? null : manifested(found);
  return { store, state, release };
}

/** A release in a folder, by its own manifest. Rejects with a `CommandFault` when that is none. */
export async function manifestedIn(folder: string): Promise<ManifestedRelease> {
  let bytes: Buffer;
  try {
    bytes = await readFile(join(folder, manifestFile));
  } catch (cause) {
    throw new CommandFault(
      `${folder} holds no release: ${manifestFile} cannot be read (${errorCode(cause)}).`,
      {
        cause,
      },
    );
  }
  const read = readManifest(bytes, null);
  if (!read.ok) throw new CommandFault(`${folder} holds no release: ${read.reason}.`);
  const id = createHash('sha256').update(bytes).digest('hex');
  return manifested({ id, label: releaseLabel(read.manifest, id), folder, manifest: read.manifest });
}

/** The children run, and the cluster knows this machine. Null: what runs is no release that could be gone back to, and nothing is deployed. */
export async function openDeploys(options: DeploysOptions): Promise<Deploys | null> {
  const { store, state, place, agent, started, log } = options;
  const base = await baseOf(options);
  if (base === null) return null;
  const { cluster, dht, releaseHeld: held, node, host, roles } = place;
  const swarm = await swarmOf(options);
  const fetching = new ReleaseFetching({
    store,
    swarm,
    peers: () => swarmsOf(place),
    sources: () => [started],
    dht,
    clock: machineClock,
    log,
  });
  const machine = new DeployMachine({
    node,
    hasCore: roles.includes('core'),
    hasGateways: options.hasGateways,
    root: options.root,
    agent,
    cluster,
    store,
    fetching,
    held,
    base,
    running: (await onTrial(options)) ?? base,
    state,
    drainMs: options.drainMs,
    swarm: () => addressesOf({ host, port: swarm.port, advertise: null }),
    log,
  });
  const deployer = new Deployer({
    held,
    state,
    parts: machine,
    clock: machineClock,
    wallMs: Date.now,
    log,
  });
  const item = dht === null ? null : new PointerItem({ dht, held });
  const stopLooking = lookNowAndThen(async () => void (await item?.look(Date.now())), log);
  return {
    crashed: (role, times) => deployer.crashed(role, times),
    async close() {
      stopLooking();
      await deployer.close();
      await swarm.close();
    },
  };
}

async function baseOf({ started, log }: DeploysOptions): Promise<ManifestedRelease | null> {
  try {
    return await manifestedIn(started);
  } catch (error) {
    if (!(error instanceof CommandFault)) throw error;
    log.warn({ reason: error.message }, 'this machine takes no part in deploys');
    return null;
  }
}

/** What an agent before this one had begun to try, if it runs still. */
async function onTrial({ state, store, agent }: DeploysOptions): Promise<ManifestedRelease | null> {
  const { trial } = state;
  const found = trial === null ? null : await store.find(trial.id);
  if (found === null || !agent.running.some(({ release }) => release === found.folder)) return null;
  return manifested(found);
}

async function swarmOf({ place: { host }, swarmPort, rates, log }: DeploysOptions): Promise<Swarm> {
  try {
    return await openSwarm({ host, port: swarmPort, rates, log });
  } catch (error) {
    if (swarmPort === 0) throw error;
    log.warn({ port: swarmPort, error: String(error) }, 'the swarm takes another port');
    return await openSwarm({ host, port: 0, rates, log });
  }
}

/** Of the other machines, as they say themselves. */
function swarmsOf({ cluster, node }: ClusterPlace): SwarmAddress[] {
  return cluster.entries().flatMap((entry) => (entry.node === node ? [] : (entry.agent?.swarm ?? [])));
}

/** Apart from each other, so that a cluster that was started at once does not look at once for ever. */
function lookNowAndThen(look: () => Promise<void>, log: WireLog): () => void {
  let timer: NodeJS.Timeout | null = null;
  let isStopped = false;
  const again = (): void => {
    if (!isStopped) timer = setTimeout(run, lookEveryMs * (0.75 + 0.5 * Math.random()));
  };
  const run = (): void => {
    look()
      .catch((error: unknown) =>
        log.warn({ error: String(error) }, 'the release pointer cannot be looked up'),
      )
      .finally(again);
  };
  again();
  return () => {
    isStopped = true;
    if (timer !== null) clearTimeout(timer);
  };
}
