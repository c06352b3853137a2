// What a deploy does to this machine: which of its programs change, and how; what it says of itself to the cluster.
import { basename } from 'node:path';
import type { Outcome } from '../runtime/behaviours.ts';
import type { Agent } from './agent.ts';
import type { AgentCluster } from './agent-cluster.ts';
import type { ChangeTerms, DeployParts, DeployRelease } from './agent-deploy.ts';
import type { ReleaseFetching } from './agent-deploy-fetch.ts';
import type { CoreHealth } from './agent-deploy-probation.ts';
import { type DeployState, writeDeployState } from './agent-deploy-state.ts';
import type { MeshCommand } from './mesh-commands.ts';
import type { AgentEntry } from './mesh-messages.ts';
import type { ReleaseHeld, ReleaseKnown } from './mesh-release.ts';
import { rememberedPlan } from './mesh-releases.ts';
import { rejected } from './rejection.ts';
import { changesBetween } from './release-changes.ts';
import type { ReleaseManifest } from './release-manifest.ts';
import { fitsHere } from './release-native.ts';
import { isOpenFor, rolloutSaid } from './release-rollout.ts';
import { needsOneWay } from './release-schema.ts';
import type { ReleaseStore, StoredRelease } from './release-store.ts';
import type { SwarmAddress } from './swarm-order.ts';
import type { WireLog } from './wire-meter.ts';

/** A release whose manifest is known. */
export interface ManifestedRelease extends DeployRelease {
  manifest: ReleaseManifest;
}

/** Called by its label: two of one version are still two. */
export function manifested({
  id,
  label,
  folder,
  manifest,
}: Pick<StoredRelease, 'id' | 'label' | 'folder' | 'manifest'>): ManifestedRelease {
  return { id, version: label, folder, manifest };
}

export interface DeployMachineOptions {
  node: number;
  hasCore: boolean;
  hasGateways: boolean;
  /** The checkout. */
  root: string;
  agent: Pick<Agent, 'change' | 'running'>;
  cluster: Pick<AgentCluster, 'askOwnCore' | 'entries' | 'manifest' | 'say'>;
  store: ReleaseStore;
  fetching: ReleaseFetching;
  held: Pick<ReleaseHeld, 'complete'>;
  /** What the checkout gave. */
  base: ManifestedRelease;
  /** What runs at the start of this agent. */
  running: ManifestedRelease;
  state: DeployState;
  /** Over how long the streams of old gateways are ended. */
  drainMs: number;
  /** Where this machine's swarm is reached. */
  swarm(): SwarmAddress[];
  log: WireLog;
}

export class DeployMachine implements DeployParts {
  readonly #options: DeployMachineOptions;
  /** Those that were there when they were last looked for: by id. */
  readonly #known = new Map<string, ManifestedRelease>();
  readonly #planOf = rememberedPlan();
  #running: ManifestedRelease;
  #state: DeployState;

  constructor(options: DeployMachineOptions) {
    this.#options = options;
    this.#running = options.running;
    this.#state = options.state;
    for (const release of [options.base, options.running]) this.#known.set(release.id, release);
  }

  async fetch(...asked: Parameters<DeployParts['fetch']>): Promise<Outcome<DeployRelease>> {
    const fetched = await this.#options.fetching.fetch(...asked);
    if (!fetched.ok) return fetched;
    await this.#options.held.complete(fetched.value.info.bytes);
    const release = manifested(fetched.value);
    this.#known.set(release.id, release);
    return { ok: true, value: release };
  }

  async fits({ id }: DeployRelease, { pointer }: ReleaseKnown): Promise<Outcome<void>> {
    const next = this.#manifested(id);
    const fit = await fitsHere(next.manifest, { root: this.#options.root });
    if (!fit.ok) return rejected('invalid', fit.reason);
    // Where nothing is stored nothing can become unreadable.
    if (this.#options.hasCore && needsOneWay(this.#running.manifest, next.manifest) && !pointer.isOneWay)
      return rejected(
        'invalid',
        `what it writes cannot be read by ${this.#running.version}, which runs here: deploy it with --one-way, and there is no way back`,
      );
    return done;
  }

  async change(
    { id }: DeployRelease,
    terms: ChangeTerms,
    told: (doing: string) => void,
  ): Promise<Outcome<void>> {
    const { hasCore, hasGateways, drainMs, agent } = this.#options;
    const next = this.#manifested(id);
    await this.#keepFormer();
    const changes = changesBetween(this.#running.manifest, next.manifest);
    let core: 'keep' | 'move' | 'replace' = hasCore ? 'move' : 'keep';
    if (hasCore && changes.core) core = 'replace';
    else if (hasCore && changes.behaviours) {
      told('behaviours are tried and swapped');
      const swapped = await this.#swap(next.folder, terms);
      if (!swapped.ok) return swapped;
      if (swapped.value === 'needs a new core') core = 'replace';
    }
    const changed = await agent.change(
      { release: next.folder, core, gateways: gatewaysOf(changes, hasGateways), drainMs },
      ({ step }) => told(step),
    );
    if (!changed.ok) {
      // What has changed already is taken back: no machine is half of one release.
      if (changed.core === 'changed' || (core === 'move' && changes.behaviours)) await this.#restore(told);
      return rejected('invalid', `${changed.at}: ${changed.reason}`);
    }
    this.#running = next;
    await this.#tidy();
    return done;
  }

  running(): DeployRelease {
    return this.#running;
  }

  base(): DeployRelease {
    return this.#options.base;
  }

  stored({ id }: { id: string }): DeployRelease | null {
    return this.#known.get(id) ?? null;
  }

  async keepState(state: DeployState): Promise<void> {
    await writeDeployState(this.#options.store.folder, state);
    this.#state = state;
  }

  health(): CoreHealth | null {
    const { cluster, node } = this.#options;
    const own = cluster
      .entries()
      .filter((entry) => entry.node === node && entry.core !== null)
      .sort((one, other) => other.sinceMs - one.sinceMs);
    return own[0]?.core?.health ?? null;
  }

  rollout(known: ReleaseKnown): ReturnType<DeployParts['rollout']> {
    const { cluster, node } = this.#options;
    const { manifest } = cluster;
    const said = rolloutSaid(cluster.entries(), known.signed.seq);
    if (manifest === null || said === null) return null;
    return { said, isTurn: isOpenFor(node, said, this.#planOf(known, manifest)) };
  }

  say(entry: Omit<AgentEntry, 'swarm'>): void {
    this.#options.cluster.say({ ...entry, swarm: this.#options.swarm() });
  }

  /** What the checkout gave is stored, too: it can be gone back to from this machine, and others can have it. */
  async #keepFormer(): Promise<void> {
    const { store, log } = this.#options;
    const { id, folder } = this.#running;
    try {
      // Once is enough: to put it means to read every byte of it.
      if ((await store.find(id)) !== null) return;
      const kept = await store.putRelease(folder);
      if (!kept.ok) log.warn({ reason: kept.reason }, 'what runs here cannot be kept to go back to');
    } catch (error) {
      log.warn({ error: String(error) }, 'what runs here cannot be kept to go back to');
    }
  }

  #manifested(id: string): ManifestedRelease {
    const release = this.#known.get(id);
    if (release === undefined) throw new Error(`release ${id} was not looked for before`);
    return release;
  }

  async #swap(folder: string, { isOneWay }: ChangeTerms): Promise<Outcome<'swapped' | 'needs a new core'>> {
    const command: MeshCommand = { do: 'swap', release: folder, isOneWay };
    const answer = await this.#options.cluster.askOwnCore(JSON.stringify(command));
    if (answer.ok) return { ok: true, value: 'swapped' };
    // What is stored or said changes with it: a core that starts with it derives its views anew.
    return answer.rejection.code === 'forbidden' ? { ok: true, value: 'needs a new core' } : answer;
  }

  async #restore(told: (doing: string) => void): Promise<void> {
    const { agent, drainMs, hasCore, log } = this.#options;
    const { folder } = this.#running;
    told('back to what ran before');
    const core = hasCore ? 'replace' : 'keep';
    const back = await agent.change({ release: folder, core, gateways: 'keep', drainMs });
    if (!back.ok) log.error({ reason: back.reason }, 'a release that was refused could not be taken back');
  }

  /** Old releases go. Those stay that run, that would be gone back to, and that a process was started from. */
  async #tidy(): Promise<void> {
    const { store, fetching, agent, log } = this.#options;
    const { runs, trial } = this.#state;
    const folders = agent.running.flatMap(({ release, page, startedFrom }) => [release, page, startedFrom]);
    const inUse = [...folders.map((folder) => basename(folder)), this.#running.id];
    for (const one of [runs, trial]) if (one !== null) inUse.push(one.id);
    try {
      await store.keep({ inUse, fetching: fetching.fetching });
    } catch (error) {
      log.warn({ error: String(error) }, 'old releases could not be removed');
    }
  }
}

function gatewaysOf(
  { gateway, page }: { gateway: boolean; page: boolean },
  hasGateways: boolean,
): 'keep' | 'move' | 'page' | 'replace' {
  if (!hasGateways) return 'keep';
  if (gateway) return 'replace';
  return page ? 'page' : 'move';
}

const done: Outcome<void> = { ok: true, value: undefined };
